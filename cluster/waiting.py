"""Waiting with a deadline, pauses that grow between retries, and work that is due every so many seconds.

All of it counts on the monotonic clock.
"""

import time
from collections.abc import Callable, Iterator

from cluster.errors import TimedOutError

Clock = Callable[[], float]
PAUSE = 0.2
"""Seconds between two attempts, unless said otherwise."""


def attempts(timeout: float, pause: float = PAUSE) -> Iterator[float]:
    """Iterate at once, then every ``pause`` seconds until ``timeout`` seconds have passed; yields the seconds left.

    There is always a first attempt. The last one yields 0.0, so that its caller can give up with an error of its own.
    """
    deadline = time.monotonic() + timeout
    left = timeout
    while left > 0:
        yield left
        time.sleep(min(pause, max(0.0, deadline - time.monotonic())))
        left = deadline - time.monotonic()
    yield 0.0


def wait_until(
    check: Callable[[], str],
    *,
    timeout: float,
    what: str,
    hint: str,
    pause: float = PAUSE,
    progress: Callable[[str], None] | None = None,
) -> None:
    """Call ``check`` until it returns "" (what it returns is what is still missing).

    Args:
        check: what is still missing, in words; "" when nothing is.
        timeout: seconds.
        what: names the thing awaited, for the error.
        hint: what to do when it did not come.
        pause: seconds between calls.
        progress: gets what is missing, after each call.

    Raises:
        TimedOutError: still missing after ``timeout``; carries the last answer.
    """
    missing = ""
    for _ in attempts(timeout, pause):
        missing = check()
        if not missing:
            return
        if progress is not None:
            progress(missing)
    raise TimedOutError(f"{what} within {timeout:.0f} s: {missing}", hint)


def comes_true(check: Callable[[], bool], *, timeout: float, pause: float = PAUSE) -> bool:
    """Call ``check`` until it is true; False if it was not within ``timeout`` seconds."""
    return any(check() for _ in attempts(timeout, pause))


class Backoff:
    """Pauses between retries: ``first`` seconds, doubled each time up to ``longest``."""

    def __init__(self, first: float, longest: float) -> None:
        self._first, self._longest = first, longest
        self._next = first

    def pause(self) -> float:
        """Seconds to wait before the next retry."""
        now, self._next = self._next, min(self._longest, self._next * 2)
        return now

    def reset(self) -> None:
        """Begin again with the first pause: the last attempt succeeded."""
        self._next = self._first


class Every:
    """A timer: ``due`` is true once in ``seconds``, at the first call unless ``at_once`` is off."""

    def __init__(self, seconds: float, *, at_once: bool = True, clock: Clock = time.monotonic) -> None:
        self._seconds, self._clock = seconds, clock
        self._last = float("-inf") if at_once else clock()

    def due(self) -> bool:
        """Whether so many seconds have passed since it was last due; counts from now if so."""
        if self.elapsed < self._seconds:
            return False
        self.restart()
        return True

    def restart(self) -> None:
        """Count from now."""
        self._last = self._clock()

    @property
    def elapsed(self) -> float:
        """Seconds since it was last due, or restarted; infinite if it never was."""
        return self._clock() - self._last
