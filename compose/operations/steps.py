"""Operations as lists of titled steps.

The titles are the progress shown; a failure or Ctrl-C walks back; what a crash leaves, the next `up` finishes.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from compose.console import Console, Progress


def nothing() -> None:
    """The undo of a step that leaves nothing behind."""


@dataclass(frozen=True, slots=True)
class Step:
    """One step: a title for people, what it does, and what takes it back. A ``quiet`` one is shown only if it fails."""

    title: str
    do: Callable[[Progress], None]
    undo: Callable[[], None] = nothing
    quiet: bool = False


def perform(tasks: Iterable[Step], console: Console) -> None:
    """Do the steps in order; on failure or Ctrl-C undo those begun, last first, and raise what stopped them.

    ``tasks`` may be a generator that decides on the next step when the one before is done.
    """
    begun: list[Step] = []
    try:
        for task in tasks:
            begun.append(task)
            with console.step(task.title, quiet=task.quiet) as step:
                task.do(step)
    except BaseException:
        for task in reversed(begun):
            _take_back(task, console)
        raise


def _take_back(task: Step, console: Console) -> None:
    """Undo one step; an undo that fails is a warning, and must not keep the others from being done."""
    if task.undo is nothing:
        return
    try:
        task.undo()
    except Exception as error:  # noqa: BLE001 - whatever it is, the other steps must be taken back too
        console.warn(f"could not take back “{task.title}”: {error}; the next inv up repairs it")
    else:
        console.line(f"↩ taken back: {task.title}")
