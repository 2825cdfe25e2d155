"""Fetching a large object by several ranges at once, handed over in order."""

from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice

from backup.store import Store

PART = 8 << 20
PARALLEL = 4


def fetch(store: Store, key: str, size: int, parallel: int = PARALLEL, part: int = PART) -> Iterator[bytes]:
    """The ``size`` bytes of an object; at most ``parallel`` + 1 parts are held.

    Raises:
        MissingError: it is not there.
        StoreError: it is shorter, or could not be asked for.
    """

    def read(start: int) -> list[bytes]:
        return list(store.read(key, start, min(start + part, size)))

    with ThreadPoolExecutor(parallel, thread_name_prefix="fetch") as pool:
        starts = iter(range(0, size, part))
        running: deque[Future[list[bytes]]] = deque(pool.submit(read, start) for start in islice(starts, parallel))
        try:
            while running:
                pieces = running.popleft().result()
                running.extend(pool.submit(read, start) for start in islice(starts, 1))
                yield from pieces
        finally:
            for future in running:
                future.cancel()
