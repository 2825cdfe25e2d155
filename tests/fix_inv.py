"""Running the real `inv`, as a person would, in a home of its own."""

import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from cluster.config.env_file import PROJECT_ROOT, VARIABLES


@dataclass(frozen=True)
class Result:
    """What one run of `inv` said."""

    code: int
    out: str
    err: str

    def __str__(self) -> str:
        return f"exit {self.code}\n--- stdout\n{self.out}\n--- stderr\n{self.err}"


def _as_inv(text: str) -> str:
    """Messages name commands as they were started; tests read them by the short name."""
    return text.replace(f"{PROJECT_ROOT}/pods.sh ", "inv ")


@dataclass
class Inv:
    """`inv` acting on the cluster in ``home``."""

    home: Path
    environment: dict[str, str] = field(default_factory=dict)

    @property
    def environ(self) -> dict[str, str]:
        """This process's environment without its PODS_* settings, with the home's."""
        inherited = {k: v for k, v in os.environ.items() if not k.startswith("PODS_") and k not in VARIABLES}
        return {**inherited, **self.environment, "PODS_HOME": str(self.home)}

    def argv(self, *arguments: str) -> list[str]:
        """The command line."""
        return [str(PROJECT_ROOT / "pods.sh"), *arguments]

    def __call__(
        self, *arguments: str, stdin: str = "", extra: Mapping[str, str] | None = None, timeout: float = 300
    ) -> Result:
        """Run `inv` to its end; ``extra`` is added to its environment."""
        done = subprocess.run(
            self.argv(*arguments),
            env={**self.environ, **(extra or {})},
            input=stdin,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )
        return Result(done.returncode, _as_inv(done.stdout), _as_inv(done.stderr))

    def ok(self, *arguments: str, stdin: str = "", timeout: float = 300) -> Result:
        """Run `inv`, which must succeed."""
        result = self(*arguments, stdin=stdin, timeout=timeout)
        assert result.code == 0, f"inv {' '.join(arguments)}: {result}"
        return result

    def interrupted(self, how: str, boundary: int | str, *arguments: str) -> Result:
        """Run `inv` that gets a signal (KILL, INT) after ``boundary`` steps, or after the one so called, and ends."""
        done = subprocess.run(
            [sys.executable, "-m", "tests.interrupt", how, str(boundary), *arguments],
            cwd=PROJECT_ROOT,
            env=self.environ,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        result = Result(done.returncode, done.stdout, done.stderr)
        assert done.returncode in (-signal.SIGKILL, 130), result
        return result

    def start(self, *arguments: str) -> "subprocess.Popen[bytes]":
        """Start `inv` in the background, in a process group of its own."""
        return subprocess.Popen(
            self.argv(*arguments),
            env=self.environ,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
