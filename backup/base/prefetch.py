"""Working ahead: one stage of a pipeline in a thread of its own, a bounded number of items in front of the next.

Decompression, hashing and reading leave Python's lock alone, so that two stages run on two cores.
"""

import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from queue import Empty, Full, Queue
from typing import TypeVar

Item = TypeVar("Item")
_POLL_SECONDS = 0.2
"""Seconds between two looks at whether the other side still wants anything."""


class _End:
    """The last thing in the queue: the stage ended, well or with an error."""

    def __init__(self, error: BaseException | None) -> None:
        self.error = error


@contextmanager
def ahead(items: Iterable[Item], depth: int = 4) -> Iterator[Iterator[Item]]:
    """Make ``items`` in a thread, at most ``depth`` of them before they are taken; what it raises is raised here."""
    queue: Queue[Item | _End] = Queue(depth)
    abandoned = threading.Event()

    def work() -> None:
        error: BaseException | None = None
        try:
            for item in items:
                if not _put(queue, item, abandoned):
                    return
        except BaseException as raised:  # noqa: BLE001 - it is raised in the thread that takes the items
            error = raised
        _put(queue, _End(error), abandoned)

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    try:
        yield _taken(queue)
    finally:
        abandoned.set()
        thread.join()


def _put(queue: "Queue[Item | _End]", item: "Item | _End", abandoned: threading.Event) -> bool:
    while not abandoned.is_set():
        try:
            queue.put(item, timeout=_POLL_SECONDS)
        except Full:
            continue
        return True
    return False


def _taken(queue: "Queue[Item | _End]") -> Iterator[Item]:
    while True:
        try:
            item = queue.get(timeout=_POLL_SECONDS)
        except Empty:
            continue
        if isinstance(item, _End):
            if item.error is not None:
                raise item.error
            return
        yield item
