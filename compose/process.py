"""Running other programs: argument lists, captured output, errors in one line, a live last line while they run."""

import contextlib
import os
import subprocess
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from cluster.errors import MachineError, PodsError
from compose.console import Progress


def run(
    argv: Sequence[str],
    *,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    stdin: str | None = None,
    timeout: float | None = None,
) -> str:
    """Run ``argv`` and return its stdout. ``env`` is added to this process's own; ``timeout`` is in seconds.

    Raises:
        MachineError: it is not there, failed, or took too long; carries the last lines it printed.
    """
    try:
        done = subprocess.run(
            argv,
            env=_merged(env),
            cwd=cwd,
            input=stdin if stdin is not None else "",
            capture_output=True,
            text=True,
            errors="replace",
            timeout=timeout,
            check=False,
        )
    except OSError as error:
        raise _not_run(argv[0], error) from None
    except subprocess.TimeoutExpired:
        raise MachineError(f"`{_shown(argv)}` did not end within {timeout:.0f} s") from None
    if done.returncode != 0:
        raise MachineError(f"`{_shown(argv)}` failed ({done.returncode}): {last_words(done.stderr or done.stdout)}")
    return done.stdout


def follow(
    argv: Sequence[str],
    step: Progress,
    *,
    env: Mapping[str, str] | None = None,
    stdin: str | None = None,
    explain: Callable[[str], PodsError | None] | None = None,
) -> str:
    """Run ``argv``, showing its last line in ``step`` while it runs; return all it printed.

    ``explain`` makes an error of what a program printed that failed, where it knows better than its last words.

    Raises:
        MachineError: it is not there or failed; carries the last lines it printed.
    """
    try:
        process = subprocess.Popen(
            argv,
            env=_merged(env),
            stdin=subprocess.PIPE if stdin is not None else subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
        )
    except OSError as error:
        raise _not_run(argv[0], error) from None
    lines: list[str] = []
    with process:
        if stdin is not None and process.stdin is not None:
            with contextlib.suppress(BrokenPipeError):  # it ended early; its exit code and last words say why
                process.stdin.write(stdin)
                process.stdin.close()
        assert process.stdout is not None
        for line in process.stdout:
            lines.append(line)
            if line.strip():
                step.update(line.strip()[:100])
    output = "".join(lines)
    if process.returncode != 0:
        known = explain(output) if explain else None
        raise known or MachineError(f"`{_shown(argv)}` failed ({process.returncode}): {last_words(output)}")
    return output


def _not_run(program: str, error: OSError) -> MachineError:
    if isinstance(error, FileNotFoundError):
        return MachineError(f"{program} is not installed")
    return MachineError(f"{program} cannot be run: {error.strerror}")


def last_words(output: str, lines: int = 3) -> str:
    """The end of what a program printed, in one line."""
    printed = [line.strip() for line in output.splitlines() if line.strip()]
    return " / ".join(printed[-lines:]) or "it printed nothing"


def _merged(env: Mapping[str, str] | None) -> dict[str, str] | None:
    return None if env is None else {**os.environ, **env}


def _shown(argv: Sequence[str]) -> str:
    """A command line short enough for one line of an error: its beginning and its end."""
    return " ".join(argv if len(argv) <= 6 else [*argv[:2], "…", *argv[-4:]])
