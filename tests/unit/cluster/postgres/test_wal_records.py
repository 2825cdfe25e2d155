"""WAL as PostgreSQL lays it down, made here record by record, and what is read back of it."""

import struct
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cluster.postgres.lsn import Lsn
from cluster.postgres.wal_format import PAGE
from cluster.postgres.wal_records import WalTail, crc32c, read_tail

SIZE = 4 * PAGE
TIMELINE = 3
FIRST = 7 * SIZE
"""Where the first segment begins."""


@dataclass
class Wal:
    """WAL from ``FIRST`` on, as it is on disk."""

    data: bytearray = field(default_factory=bytearray)
    starts: list[int] = field(default_factory=list)
    before: int = 0

    @property
    def end(self) -> int:
        """Where the next record goes, as replay has it: in front of a page's header."""
        return FIRST + len(self.data)

    def record(self, body: bytes, manager: int = 10, info: int = 0, transaction: int = 700) -> int:
        """Append one; where it begins."""
        self._page(0)
        start = self.end
        head = struct.pack("=IIQBBxx", 24 + len(body), transaction, self.before, info, manager)
        self._lay(head + struct.pack("=I", crc32c(body, head)) + body)
        self.before = start
        self.data += bytes(-len(self.data) % 8)
        self.starts.append(start)
        return start

    def _lay(self, whole: bytes) -> None:
        left = whole
        while left:
            self._page(len(left) if left is not whole else 0)
            room = PAGE - len(self.data) % PAGE
            self.data += left[:room]
            left = left[room:]

    def _page(self, rest: int) -> None:
        if len(self.data) % PAGE == 0:
            long = self.end % SIZE == 0
            self.data += struct.pack("=HHIQI", 0xD118, bool(rest) | 2 * long, TIMELINE, self.end, rest)
            self.data += bytes(4) + (struct.pack("=QII", 1, SIZE, PAGE) if long else b"")

    def segment(self, number: int) -> bytes | None:
        """As a file: whole, zeros behind the end."""
        begin = number * SIZE - FIRST
        part = bytes(self.data[begin : begin + SIZE]) if begin >= 0 else b""
        return part.ljust(SIZE, b"\0") if part else None

    def tail(self, start: int) -> WalTail | None:
        """What is read of it."""
        return read_tail(self.segment, SIZE, Lsn(start))


def _commit(seconds: float) -> bytes:
    return b"\xff\x08" + struct.pack("=q", round((seconds - 946_684_800) * 1e6))


BODIES = st.lists(st.integers(0, 3 * PAGE).map(lambda length: bytes([length % 251]) * length), min_size=1, max_size=12)


def test_the_checksum_is_castagnolis() -> None:
    assert crc32c(b"123456789") == crc32c(b"1234", b"56789") == 0xE3069283


@given(BODIES, st.data())
def test_from_any_record_on_the_end_is_found(bodies: list[bytes], data: st.DataObject) -> None:
    wal = Wal()
    for body in bodies:
        wal.record(body)
    start = data.draw(st.sampled_from([*wal.starts, wal.end]))
    assert wal.tail(start) == WalTail(Lsn(wal.end))


@given(BODIES, st.data())
def test_from_any_byte_on_the_end_is_found(bodies: list[bytes], data: st.DataObject) -> None:
    """What a standby has received ends anywhere in a record."""
    wal = Wal()
    for body in bodies:
        wal.record(body)
    start = data.draw(st.integers(FIRST, wal.end - 1))
    assert wal.tail(start) == WalTail(Lsn(wal.end))


@given(BODIES, st.data())
def test_behind_the_first_byte_that_is_wrong_there_is_nothing(bodies: list[bytes], data: st.DataObject) -> None:
    wal = Wal()
    for body in bodies:
        wal.record(body)
    damaged = data.draw(st.integers(0, len(wal.data) - 1))
    wal.data[damaged] ^= 0xFF
    found = wal.tail(FIRST)
    whole = [start for start in wal.starts if start <= FIRST + damaged]
    assert found is None or found.end <= wal.end
    if found is not None and found.end == wal.end:  # padding and the unused fields of a header mean nothing
        wal.data[damaged] ^= 0xFF
        assert wal.tail(FIRST) == found
    elif found is not None and whole:
        assert found.end <= whole[-1] + 64 or found.end <= FIRST + damaged


@given(BODIES, st.data())
def test_of_what_was_not_written_to_its_end_the_last_record_is_none(bodies: list[bytes], data: st.DataObject) -> None:
    wal = Wal()
    for body in bodies:
        wal.record(body)
    cut = data.draw(st.integers(wal.starts[-1] - FIRST, wal.starts[-1] - FIRST + 23))
    last = wal.starts[-1]
    del wal.data[cut:]
    found = wal.tail(FIRST)
    assert found is not None
    assert found.end in (last, last - last % PAGE)


def test_commits_behind_a_position_are_listed_and_no_others() -> None:
    wal = Wal()
    wal.record(_commit(1_700_000_000.0), manager=1)
    known = wal.record(_commit(1_700_000_001.5), manager=1, transaction=701)
    wal.record(b"x" * 9000)
    wal.record(_commit(1_700_000_002.25), manager=1, info=0x20)  # an abort
    last = wal.record(b"\xfd\x01\x00" + _commit(1_700_000_003.0), manager=1, info=0xB0, transaction=702)
    tail = wal.tail(known)
    assert tail is not None
    assert [(each.transaction, each.lsn, each.when) for each in tail.commits] == [
        (701, known, 1_700_000_001.5),
        (702, last, 1_700_000_003.0),
    ]


def test_a_switch_of_segments_leaves_the_rest_empty() -> None:
    wal = Wal()
    wal.record(b"", manager=0, info=0x40)
    assert wal.tail(FIRST) == WalTail(Lsn(FIRST + SIZE))


@pytest.mark.parametrize("start", [FIRST - SIZE, FIRST + 64 * SIZE])
def test_where_there_is_no_wal_nothing_is_known(start: int) -> None:
    wal = Wal()
    wal.record(b"x")
    assert wal.tail(start) is None
