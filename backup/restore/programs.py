"""PostgreSQL's own programs: from which directory they are run, and what they said when they failed."""

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

from cluster.errors import MachineError

BIN = Path("/usr/lib/postgresql/18/bin")


@dataclass(frozen=True, slots=True)
class Programs:
    """The programs in one directory, all of the same PostgreSQL."""

    bin: Path = BIN

    def run(self, name: str, *arguments: str) -> str:
        """Run one to its end; what it printed, in English.

        Raises:
            MachineError: it is not there, or failed; with its last words.
        """
        environment = {**os.environ, "LC_ALL": "C", "LC_MESSAGES": "C"}
        try:
            done = subprocess.run(
                [str(self.bin / name), *arguments], capture_output=True, text=True, check=False, env=environment
            )
        except OSError as error:
            raise MachineError(f"{self.bin / name} cannot be run: {error.strerror}") from None
        if done.returncode:
            raise MachineError(f"{name} failed: {_last_words(done.stdout + done.stderr)}")
        return done.stdout


def _last_words(output: str, lines: int = 3) -> str:
    said = [line.strip() for line in output.splitlines() if line.strip()]
    return " / ".join(said[-lines:]) or "it said nothing"
