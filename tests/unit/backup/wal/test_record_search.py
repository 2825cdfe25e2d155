"""Where a transaction ended or a restore point was made: found in WAL whatever lies around it."""

import random
import struct
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backup import catalog
from backup.layout import Segment, wal_key
from backup.restore.plan import TooLateError, UnknownTargetError
from backup.restore.read_plan import plan_from
from backup.restore.target import RecoveryTarget, check_target
from backup.restore.wal_coverage import Reach, read_archive
from backup.store import DamagedError
from backup.store.local import LocalStore
from backup.timelines import TimelineSpan
from backup.wal.codec import pack
from backup.wal.identity import ArchiveIdentity, claim
from backup.wal.record_search import RecordSearch, position, strip_pages
from cluster.postgres.lsn import Lsn
from cluster.postgres.wal_format import MAGIC, PAGE
from tests.unit.backup.samples import a_backup
from tests.unit.backup.wal.wal_made import SIZE, SYSTEM

CAPACITY = PAGE - 40 + (SIZE // PAGE - 1) * (PAGE - 24)
FIRST = 3


def record(manager: int, info: int, xid: int, body: bytes, before: int = 8) -> bytes:
    made = struct.pack("=IIQBB2xI", 24 + len(body), xid, before, info, manager, 0) + body
    return made + bytes(-len(made) % 8)


def commit(xid: int, info: int = 0x80) -> bytes:
    return record(1, info, xid, b"\xff\x08" + bytes(8))


def prepared(xid: int, info: int = 0xB0) -> bytes:
    return record(1, info, 0, b"\xff\x20" + bytes(20) + struct.pack("=I", xid) + bytes(8))


def point(name: str) -> bytes:
    return record(0, 0x70, 0, b"\xff\x48" + bytes(8) + name.encode() + b"\0" + b"\x7f" * (63 - len(name.encode())))


def noise(length: int) -> bytes:
    """Records of another kind: what a heap would write."""
    made = record(10, 0, 700, random.Random(length).randbytes(max(0, length - 24)))
    return made[: length - length % 8]


def archived(path: Path, records: bytes, first: int = FIRST) -> LocalStore:
    """An archive with these records from the beginning of segment ``first`` on."""
    store = LocalStore(path)
    claim(store, ArchiveIdentity(system_identifier=SYSTEM, wal_segment_size=SIZE))
    for number, begin in enumerate(range(0, max(1, len(records)), CAPACITY), start=first):
        part, data = records[begin : begin + CAPACITY], bytearray()
        for offset in range(0, SIZE, PAGE):
            flags, start = (0, number * SIZE + offset) if offset else (2, number * SIZE)
            header = struct.pack("=HHIQI4x", MAGIC, flags, 1, start, 0)
            header += b"" if offset else struct.pack("=QII", int(SYSTEM), SIZE, PAGE)
            room = PAGE - len(header)
            data += header + part[:room].ljust(room, b"\0")
            part = part[room:]
        store.create(wal_key(SYSTEM, str(Segment(timeline=1, start=Lsn(number * SIZE), size=SIZE))), pack(bytes(data)))
    return store


def found(store: LocalStore, target: RecoveryTarget, start: int = FIRST * SIZE) -> Lsn | None:
    covered = read_archive(store, SYSTEM, SIZE)
    reach = Reach(timeline=1, lsn=covered.runs[1][-1].end, made=1.0)
    return RecordSearch(store, SYSTEM, target, lambda _: None).first(
        covered, (TimelineSpan(1, Lsn(start), None),), reach
    )


def where(offset: int) -> Lsn:
    """Of an offset in all the records."""
    number, rest = divmod(offset, CAPACITY)
    return position((FIRST + number) * SIZE, rest)


@pytest.mark.parametrize(
    ("target", "made"),
    [
        (check_target("48211"), commit(48211)),
        (check_target("48211"), commit(48211, 0x00)),
        (check_target("48211"), commit(48211, 0xA1)),
        (check_target(str((1 << 32) + 48211)), commit(48211)),
        (check_target("48211"), prepared(48211)),
        (check_target("48211"), prepared(48211, 0x40)),
        (check_target("before", "name"), point("before")),
        (check_target("avant 'é' \" x", "name"), point("avant 'é' \" x")),
        (check_target("x" * 63, "name"), point("x" * 63)),
    ],
)
@pytest.mark.parametrize(
    "before", [0, 8, PAGE - 48, PAGE - 40, 3 * PAGE, CAPACITY - 8, CAPACITY - 24, CAPACITY - 64, CAPACITY]
)
def test_it_is_found_wherever_pages_and_segments_cut_it(
    tmp_path: Path, target: RecoveryTarget, made: bytes, before: int
) -> None:
    store = archived(tmp_path, noise(before) + made + noise(4096))
    assert found(store, target) == where(before)


@given(before=st.integers(0, (2 * CAPACITY) // 8), kind=st.sampled_from(["xid", "name", "prepared"]))
@settings(max_examples=12)
def test_it_is_found_at_any_place(tmp_path_factory: pytest.TempPathFactory, before: int, kind: str) -> None:
    made = {"xid": commit(9001), "prepared": prepared(9001), "name": point("here")}[kind]
    store = archived(tmp_path_factory.mktemp("wal"), noise(before * 8) + made + noise(256))
    assert found(store, check_target("here", "name") if kind == "name" else check_target("9001")) == where(before * 8)


@pytest.mark.parametrize(
    "records",
    [
        commit(48212) + prepared(48213) + point("before2") + point("xbefore"),
        record(10, 0x00, 48211, bytes(40)),  # a row of it, not its end
        record(1, 0x10, 48211, bytes(40)),  # prepared, and still open
        record(0, 0x70, 0, b"\xff\x10" + b"before\0" + bytes(9)),
        bytes(4) + commit(48211),  # at no place where a record can begin
        b"",
    ],
)
@pytest.mark.parametrize("text", ["48211", "before"])
def test_what_only_resembles_it_is_not_it(tmp_path: Path, records: bytes, text: str) -> None:
    assert found(archived(tmp_path, records + noise(512)), check_target(text)) is None


def test_the_first_from_where_recovery_begins_counts(tmp_path: Path) -> None:
    store = archived(tmp_path, point("twice") + noise(2 * CAPACITY) + point("twice"))
    assert found(store, check_target("twice")) == where(0)
    assert found(store, check_target("twice"), (FIRST + 1) * SIZE) == where(len(point("twice")) + noise_length())


def noise_length() -> int:
    return len(noise(2 * CAPACITY))


def test_pages_come_off_and_positions_come_back(tmp_path: Path) -> None:
    assert (position(0, 0), position(0, PAGE - 41), position(0, PAGE - 40)) == (Lsn(40), Lsn(PAGE - 1), Lsn(PAGE + 24))
    assert len(strip_pages(bytes(SIZE))) == CAPACITY


def test_a_damaged_segment_on_the_way_is_named_with_what_to_do(tmp_path: Path) -> None:
    store = archived(tmp_path, noise(64))
    store.replace(wal_key(SYSTEM, str(Segment(timeline=1, start=Lsn(FIRST * SIZE), size=SIZE))), b"x")
    with pytest.raises(DamagedError) as caught:
        found(store, check_target("48211"))
    assert "inv backup.verify --wal" in caught.value.hint


def backups(store: LocalStore, *numbers: int) -> list[str]:
    """Full backups that begin in these segments and end in the next."""
    made = [
        a_backup(
            number,
            system_identifier=SYSTEM,
            wal_segment_size=SIZE,
            start_lsn=str(Lsn(number * SIZE + 40)),
            stop_lsn=str(Lsn((number + 1) * SIZE + 40)),
        )
        for number in numbers
    ]
    for each in made:
        catalog.write(store, each)
    return [each.name for each in made]


def test_a_target_between_two_backups_is_restored_from_the_older_one(tmp_path: Path) -> None:
    records = noise(2 * CAPACITY) + point("mid") + commit(3273) + noise(4 * CAPACITY) + point("late") + noise(64)
    store = archived(tmp_path, records)
    older, newer = backups(store, FIRST, FIRST + 4)
    for text, backup in (("mid", older), ("3273", older), ("late", newer)):
        made = plan_from(store, SYSTEM, check_target(text), progress=lambda _: None)
        assert made.backup.name == backup
        assert f"{made.target} is at {made.target.lsn}" in made.notes


def test_one_that_never_was_and_one_from_before_all_backups_are_refused(tmp_path: Path) -> None:
    store = archived(tmp_path, point("early") + noise(8 * CAPACITY))
    older, newer = backups(store, FIRST, FIRST + 4)
    with pytest.raises(UnknownTargetError, match=f"there is no name never in the archive from backup {older}"):
        plan_from(store, SYSTEM, check_target("never"), progress=lambda _: None)
    with pytest.raises(UnknownTargetError, match=f"there is no xid 99 in the archive from backup {newer}"):
        plan_from(store, SYSTEM, check_target("99"), newer, progress=lambda _: None)
    with pytest.raises(TooLateError, match=f"before the end of backup {older}"):
        plan_from(store, SYSTEM, check_target("early"), progress=lambda _: None)
