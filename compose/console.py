"""What a person sees while an operation runs: titled steps, on stderr, so that stdout stays data.

On a terminal a step is one live line; elsewhere it is a line at its beginning, one every few seconds, one at its end.
"""

import re
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING, TextIO

from cluster.errors import UsageError
from cluster.units import human_seconds

if TYPE_CHECKING:
    from rich.status import Status

_PLAIN_EVERY = 5.0
"""Seconds between lines of progress where there is no terminal."""


_COMMANDS = re.compile(r"(?<![\w./-])inv(?= [a-z])")
"""`inv` before a task's name, as messages are written."""


@dataclass(slots=True)
class Command:
    """What people call the program by: `inv`, unless somebody started it otherwise."""

    name: str = "inv"

    def named(self, flag: str) -> str:
        """``flag`` and a space, where a name is not understood without it: `./pods.sh` alone takes it bare."""
        return f"{flag} " if self.name == "inv" else ""

    def in_words(self, text: str) -> str:
        """``text`` with the commands in it as they are to be typed here."""
        return _COMMANDS.sub(lambda _: self.name, text)


COMMAND = Command()
"""Set once, where the program begins."""


class Progress:
    """A step under way; ``update`` says how far it is. ``failed``: it ran to its end, and what it found is bad."""

    def __init__(self, console: "Console", title: str) -> None:
        self._console = console
        self.title = title
        self.began = time.monotonic()
        self.result = ""
        self.failed = False
        self._last = self.began

    def update(self, text: str) -> None:
        """Show ``text`` behind the title."""
        self._console.live(f"{self.title}: {text}")
        if not self._console.terminal and time.monotonic() - self._last >= _PLAIN_EVERY:
            self._last = time.monotonic()
            self._console.line(f"  … {text} ({human_seconds(self._last - self.began)})")


class Console:
    """Prints steps, notes and warnings. One per process."""

    def __init__(self, stream: TextIO | None = None) -> None:
        self.stream = stream or sys.stderr
        self.terminal = self.stream.isatty()
        self._status: Status | None = None

    def line(self, text: str) -> None:
        """Print one line."""
        print(COMMAND.in_words(text), file=self.stream, flush=True)

    def note(self, text: str) -> None:
        """Something worth knowing."""
        self.line(f"  {text}")

    def warn(self, text: str) -> None:
        """Something that may hurt later."""
        self.line(f"! {text}")

    def live(self, text: str) -> None:
        """Replace the live line, where there is one."""
        if self._status is not None:
            self._status.update(text)

    @contextmanager
    def step(self, title: str, *, quiet: bool = False) -> Iterator[Progress]:
        """Show ``title`` while the body runs, and how long it took; a ``quiet`` step only if it fails."""
        step = Progress(self, title)
        with nullcontext() if quiet else self._showing(title):
            try:
                yield step
            except BaseException:
                self._done("✗", step)
                raise
        if step.failed or not quiet:
            self._done("✗" if step.failed else "✓", step)

    @contextmanager
    def _showing(self, title: str) -> Iterator[None]:
        if not self.terminal:
            self.line(f"→ {title}")
            yield
            return
        from rich.console import Console as Rich

        with Rich(file=self.stream).status(title) as status:
            outer, self._status = self._status, status
            try:
                yield
            finally:
                self._status = outer

    def _done(self, mark: str, step: Progress) -> None:
        took = time.monotonic() - step.began
        result = f": {step.result}" if step.result and mark == "✓" else ""
        self.line(f"{mark} {step.title}{result} ({human_seconds(took)})")


def whole_number(flag: str, text: str | None) -> int | None:
    """The number given to a flag that has no default; Invoke hands such flags over as text."""
    if text is None or re.fullmatch(r"\d{1,9}", text):
        return None if text is None else int(text)
    raise UsageError(f"{flag} {text!r} is not a whole number")


def ask(question: str, *, yes: bool, expect: str = "yes") -> bool:
    """Whether the person at the terminal confirms by typing ``expect``; without a terminal, only ``yes`` does."""
    if yes:
        return True
    if not sys.stdin.isatty():
        return False
    print(f"{question} Type {expect} to go on: ", end="", file=sys.stderr, flush=True)
    return sys.stdin.readline().strip() == expect
