"""WAL as PostgreSQL writes it, made up for tests: pages, records with their CRC, segments; what is in them is noise."""

import struct
from pathlib import Path

from cluster.postgres.wal_format import CONTINUED, LONG, LONG_HEADER, MAGIC, PAGE, SHORT_HEADER
from cluster.postgres.wal_records import crc32c

SIZE = 4 * PAGE
"""Of a segment here; the smallest of PostgreSQL's own is 1 MB."""


class WalWriter:
    """Writes records as PostgreSQL does, from the begin of the second segment."""

    def __init__(self, timeline: int = 1, content: int = 0) -> None:
        self.timeline, self.content = timeline, content
        self.pages: dict[int, bytearray] = {}
        self.at, self.before = SIZE, 0
        self.ends: list[int] = []

    def record(self, length: int) -> None:
        """One of ``length`` bytes in all, which begins at a multiple of 8."""
        body = bytes([len(self.ends) % 251, self.content]) * (length // 2 - 12) + b"x" * (length % 2)
        start = self._begin(0)
        head = struct.pack("=IIQBBxx", length, 7, self.before, 0, 10)
        whole = head + struct.pack("=I", crc32c(body, head)) + body
        self.before, rest = start, whole
        while rest:
            room = PAGE - self.at % PAGE
            page, offset = self.pages[self.at // PAGE], self.at % PAGE
            page[offset : offset + len(rest[:room])] = rest[:room]
            self.at, rest = self.at + len(rest[:room]), rest[room:]
            if rest:
                self._begin(len(rest))
        self.at = (self.at + 7) & ~7
        self.ends.append(self.at)

    def _begin(self, rest: int) -> int:
        if self.at % PAGE == 0:
            flags = (CONTINUED if rest else 0) | (0 if self.at % SIZE else LONG)
            header = SHORT_HEADER.pack(MAGIC, flags, self.timeline, self.at, rest)
            if flags & LONG:
                header = LONG_HEADER.pack(MAGIC, flags, self.timeline, self.at, rest, 1, SIZE, PAGE)
            self.pages[self.at // PAGE] = bytearray(header.ljust(PAGE, b"\0"))
            self.at += len(header)
        return self.at

    def write(self, directory: Path, behind: bytes = b"") -> "Path":
        """As segments; ``behind`` is what was in the files before, page by page."""
        directory.mkdir()
        last = max(self.pages)
        for start in range(SIZE, (last + 1) * PAGE + SIZE, SIZE):  # and one to come
            pages = [
                bytes(self.pages.get(n, behind.ljust(PAGE, b"\0")))
                for n in range(start // PAGE, (start + SIZE) // PAGE)
            ]
            (directory / f"{self.timeline:08X}{0:08X}{start // SIZE:08X}").write_bytes(b"".join(pages))
        return directory
