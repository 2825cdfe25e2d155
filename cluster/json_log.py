"""What a service of ours prints, as JSON (PODS_LOG=json): one object a line, tracebacks too."""

import io
import json
import os
import sys
from datetime import UTC, datetime
from typing import TextIO

VARIABLE = "PODS_LOG"
_LONGEST = 1 << 16
"""Letters of a line; the rest is another one."""


class JsonLines(io.TextIOBase):
    """A stream that writes each line that it is given as an object to another one."""

    def __init__(self, target: TextIO, service: str) -> None:
        super().__init__()
        self._target, self._service, self._begun = target, service, ""

    def writable(self) -> bool:
        """It is for nothing else."""
        return True

    def write(self, text: str) -> int:
        """Write the lines that are whole now."""
        self._begun += text
        while "\n" in self._begun or len(self._begun) > _LONGEST:
            line, ended, rest = self._begun[: _LONGEST + 1].partition("\n")
            cut = line if ended else line[:_LONGEST]
            self._begun = rest + self._begun[_LONGEST + 1 :] if ended else self._begun[_LONGEST:]
            if cut.strip():
                moment = datetime.now(UTC).isoformat(timespec="milliseconds")
                entry = {"time": moment, "service": self._service, "message": cut}
                self._target.write(json.dumps(entry) + "\n")
        return len(text)

    def flush(self) -> None:
        """What is no whole line waits."""
        self._target.flush()

    def fileno(self) -> int:
        """Of the other one, for who writes past this."""
        return self._target.fileno()


def choose_log_format(service: str) -> None:
    """Print JSON from now on where the container was made so."""
    if os.environ.get(VARIABLE) == "json":
        sys.stdout = JsonLines(sys.stdout, service)
        sys.stderr = JsonLines(sys.stderr, service)
