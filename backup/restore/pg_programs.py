"""PostgreSQL's own programs: from which directory they are run, and what they said when they failed."""

import os
import subprocess
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from cluster.errors import MachineError

BIN = Path("/usr/lib/postgresql/18/bin")
_MOST = 16 << 20
"""Characters of a program's output that are kept: a hostile function may raise errors without end."""


@dataclass(frozen=True, slots=True)
class PgPrograms:
    """The programs in one directory, all of the same PostgreSQL."""

    bin: Path = BIN

    def run(self, name: str, *arguments: str) -> str:
        """Run one to its end; what it printed, in English.

        Raises:
            MachineError: it is not there, or failed; with its last words.
        """
        code, output = self.attempt(name, *arguments)
        if code:
            raise MachineError(f"{name} failed: {_last_words(output)}")
        return output

    def attempt(self, name: str, *arguments: str, more: Mapping[str, str] | None = None) -> tuple[int, str]:
        """Run one to its end, with ``more`` in its environment; its exit code, and what it printed and complained of.

        Raises:
            MachineError: it is not there.
        """
        argv = [str(self.bin / name), *arguments]
        environment = {**os.environ, "LC_ALL": "C", "LC_MESSAGES": "C", **(more or {})}
        try:
            # a file, not a pipe: a server that pg_ctl starts would keep a pipe open for ever
            with tempfile.TemporaryFile("w+", errors="replace") as output:
                done = subprocess.run(
                    argv, stdin=subprocess.DEVNULL, stdout=output, stderr=output, check=False, env=environment
                )
                output.seek(0)
                return done.returncode, output.read(_MOST)
        except OSError as error:
            raise MachineError(f"{self.bin / name} cannot be run: {error.strerror}") from None


def _last_words(output: str, lines: int = 3) -> str:
    found = [line.strip() for line in output.splitlines() if line.strip()]
    return " / ".join(found[-lines:]) or "it said nothing"
