"""Waiting for what must come, and measuring what must be quick."""

import contextlib
import socket
import urllib.error
import urllib.request
from collections.abc import Callable

from cluster.waiting import comes_true


def eventually(check: Callable[[], object], seconds: float = 30.0, what: str = "it", pause: float = 0.1) -> None:
    """Wait for a true answer."""
    assert comes_true(lambda: bool(check()), timeout=seconds, pause=pause), f"not within {seconds:.0f} s: {what}"


def once_within(seconds: float, measure: Callable[[], float], attempts: int = 3) -> None:
    """What ``measure`` finds is less than ``seconds``, at the latest when it is tried again.

    A fault of ours is as slow every time; a host that has other things to do is not.
    """
    found: list[float] = []
    while not found or found[-1] >= seconds:
        assert len(found) < attempts, f"never within {seconds} s: {', '.join(f'{took:.2f}' for took in found)}"
        found.append(measure())


def agrees(ours: Callable[[], float], theirs: Callable[[], float], share: float, attempts: int = 5) -> None:
    """What ``ours`` finds lies between what ``theirs`` finds before and after it, but for a ``share`` of that.

    Both speak of a moment, and what they speak of goes on meanwhile: one answer of each proves nothing against either.
    """
    found: list[str] = []
    while len(found) < attempts:
        before, value, after = theirs(), ours(), theirs()
        if min(before, after) * (1 - share) <= value <= max(before, after) * (1 + share):
            return
        found.append(f"{value:.0f} between {before:.0f} and {after:.0f}")
    raise AssertionError(f"never within {share:.0%}: {'; '.join(found)}")


def wait_for_http(url: str, alive: Callable[[], bool]) -> None:
    """Until something answers at ``url``, with whatever status."""

    def answers() -> bool:
        try:
            urllib.request.urlopen(url, timeout=5).close()
        except urllib.error.HTTPError as answer:
            answer.close()
        except OSError:
            return False
        return True

    _wait_for(url, answers, alive)


def wait_for_port(host: str, port: int, alive: Callable[[], bool]) -> None:
    """Until something listens there."""

    def listens() -> bool:
        with contextlib.suppress(OSError), socket.create_connection((host, port), 5):
            return True
        return False

    _wait_for(f"{host}:{port}", listens, alive)


def _wait_for(where: str, answers: Callable[[], bool], alive: Callable[[], bool]) -> None:
    """Until it answers, as long as the process that is to do so is ``alive``."""
    eventually(lambda: answers() or not alive(), 60, f"an answer at {where}")
    assert alive(), f"who was to answer at {where} has ended"
