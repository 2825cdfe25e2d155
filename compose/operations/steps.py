"""Operations as lists of titled steps.

The titles are the progress shown; a failure or Ctrl-C walks back; what a crash leaves, the next `up` finishes.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from compose.console import Console, Progress

TAKEN_BACK = "what was begun was taken back"
"""Note on what stopped an operation."""


def nothing() -> None:
    """The undo of a step that leaves nothing behind."""


@dataclass(frozen=True, slots=True)
class Step:
    """One step: a title for people, what it does, and what takes it back. A ``quiet`` one is shown only if it fails.

    After one that is ``final`` there is only forward: neither it nor any before it is taken back.
    """

    title: str
    do: Callable[[Progress], None]
    undo: Callable[[], None] = nothing
    quiet: bool = False
    final: bool = False


def perform(steps: Iterable[Step], console: Console) -> None:
    """Do the steps in order; on failure or Ctrl-C undo those begun, last first, and raise what stopped them.

    ``steps`` may be a generator that decides on the next step when the one before is done.
    """
    begun: list[Step] = []
    try:
        for step in steps:
            begun.append(step)
            with console.step(step.title, quiet=step.quiet) as progress:
                step.do(progress)
            if step.final:
                begun.clear()
    except BaseException as reason:
        undone = [_take_back(step, console) for step in reversed(begun) if step.undo is not nothing]
        if undone and all(undone):
            reason.add_note(TAKEN_BACK)
        raise


def _take_back(step: Step, console: Console) -> bool:
    """Undo one step; an undo that fails is a warning, and must not keep the others from being done."""
    try:
        step.undo()
    except Exception as error:  # noqa: BLE001 - whatever it is, the other steps must be taken back too
        console.warn(f"could not take back “{step.title}”: {error}; the next inv up repairs it")
        return False
    console.line(f"↩ taken back: {step.title}")
    return True
