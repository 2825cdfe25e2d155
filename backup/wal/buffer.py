"""Memory for whole segments that is used again: to map and clear 16 MB anew costs as much as to read them."""

import threading


class Buffer(threading.local):
    """One for each thread that uses it."""

    def __init__(self) -> None:
        self._bytes = bytearray()

    def take(self, size: int) -> memoryview:
        """``size`` bytes of whatever was there before."""
        if len(self._bytes) < size:
            self._bytes = bytearray(size)
        return memoryview(self._bytes)[:size]

    def free(self) -> None:
        """Nothing is to be read for a while."""
        self._bytes = bytearray()
