"""Plain docker on the engine of this machine, as tests of several hosts call it."""

import subprocess


def docker(*arguments: str, check: bool = True, stdin: bytes = b"", timeout: float = 300, stderr: bool = False) -> str:
    """What it prints; its errors too, if they are wanted.

    Raises:
        AssertionError: it failed, and ``check`` is set.
    """
    done = subprocess.run(["docker", *arguments], input=stdin, capture_output=True, timeout=timeout, check=False)
    error = done.stderr.decode(errors="replace")
    assert not check or done.returncode == 0, f"docker {' '.join(arguments)}: {error[-2000:]}"
    return (done.stdout.decode(errors="replace") + (error if stderr else "")).strip()
