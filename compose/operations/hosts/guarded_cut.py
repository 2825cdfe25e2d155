"""A cut after which there is only forward: performed beside a guard, and what it was like for clients."""

from collections.abc import Iterable
from typing import Protocol

from compose.console import Console
from compose.operations.promotion.canary import Canary
from compose.operations.promotion.guard import Guard
from compose.operations.steps import TAKEN_BACK, Step, perform


class GuardedCut(Protocol):
    """The steps of one; ``decided``: there is only forward, or it is over."""

    def steps(self) -> Iterable[Step]:
        """In order."""
        ...

    @property
    def decided(self) -> bool:
        """Whether nothing is taken back any more."""
        ...


def perform_guarded(cut: GuardedCut, console: Console, guard: Guard, *, unfinished: str) -> None:
    """Perform it. The guard goes on with what was decided, and has nothing to do where all was taken back.

    Args:
        cut: what is done.
        console: shows it.
        guard: runs `up` where this process ends otherwise.
        unfinished: said where it was decided and is not over.
    """
    try:
        perform(cut.steps(), console)
    except BaseException as reason:
        if cut.decided:
            console.warn(unfinished)
        elif TAKEN_BACK in getattr(reason, "__notes__", ()):
            guard.dismiss()
        raise
    guard.dismiss()


def seen_by(canary: Canary) -> str:
    """What a client saw of it, in words."""
    waited = f"a client waited {canary.gap:.2f} s" if canary.done > 1 else "no client was watching"
    return f"{waited}, {canary.failed} of its {canary.done} transactions failed"
