"""Where everything is in a store: keys, the names in them, and the arithmetic of WAL segments.

All of it lies under the system identifier of its cluster, so that two clusters never mix in one store.
Source of the arithmetic: PostgreSQL 18, src/include/access/xlog_internal.h: a segment's name is its timeline, the high
32 bits of its position and its number within those 4 GiB, 8 hex digits each.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal, Self

from cluster.postgres.lsn import Lsn

Kind = Literal["full", "incremental"]
_SHORT: dict[Kind, str] = {"full": "full", "incremental": "incr"}
_FOUR_GIB = 0x1_0000_0000
_LARGEST_SEGMENT = 1 << 30
_STAMP = "%Y%m%dT%H%M%SZ"
_SYSTEM = re.compile(r"[0-9]{1,20}\Z")
_SEGMENT = re.compile(r"[0-9A-F]{24}\Z")
_BACKUP = re.compile(r"([0-9]{8}T[0-9]{6}Z)-(full|incr)-[0-9a-f]{6}\Z")
_FILE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}\Z")
_WAL = re.compile(
    r"[0-9]{1,20}/wal/(?P<folder>[0-9A-F]{8})"
    r"(?:\.history|/(?P<segment>[0-9A-F]{24})(?:\.tail/(?P<start>[0-9A-F]{8})-(?P<end>[0-9A-F]{8}))?\.zst)\Z"
)
BACKUP_JSON = "backup.json"
MANIFEST = "backup_manifest"


def stamp(time: float) -> str:
    """Unix seconds as a sortable UTC stamp (``20261122T020000Z``)."""
    return datetime.fromtimestamp(time, UTC).strftime(_STAMP)


def parse_stamp(text: str) -> float:
    """Unix seconds of a stamp.

    Raises:
        ValueError: it is not one.
    """
    return datetime.strptime(text, _STAMP).replace(tzinfo=UTC).timestamp()


def backup_name(started: float, kind: Kind, attempt: str) -> str:
    """``<stamp>-<full|incr>-<attempt>``; ``attempt``: 6 random hex digits, so that two attempts never share a place."""
    return check_backup_name(f"{stamp(started)}-{_SHORT[kind]}-{attempt}")


def check_backup_name(name: str) -> str:
    """Return ``name`` if a backup may be called that.

    Raises:
        ValueError: it may not.
    """
    match = _BACKUP.match(name)
    if match is None:
        raise ValueError(f"not the name of a backup: {name!r}")
    parse_stamp(match[1])
    return name


def is_system(name: str) -> bool:
    """Whether a system identifier may be called that."""
    return _SYSTEM.match(name) is not None


def system_prefix(system: str) -> str:
    """Everything of one cluster; ``system`` is its system identifier in decimal."""
    if not is_system(system):
        raise ValueError(f"not a system identifier: {system!r}")
    return f"{system}/"


def archive_key(system: str) -> str:
    """The archive's description of itself."""
    return f"{system_prefix(system)}archive.json"


def backups_prefix(system: str) -> str:
    """All backups."""
    return f"{system_prefix(system)}backups/"


def backup_prefix(system: str, name: str) -> str:
    """The files of one backup."""
    return f"{backups_prefix(system)}{check_backup_name(name)}/"


def backup_key(system: str, name: str, file: str = BACKUP_JSON) -> str:
    """One file of a backup; its description when none is named."""
    if not _FILE.match(file):
        raise ValueError(f"not the name of a file of a backup: {file!r}")
    return f"{backup_prefix(system, name)}{file}"


def parse_backup_key(key: str) -> tuple[str, str] | None:
    """(name of the backup, file) of a key, or None where it is not a backup's."""
    parts = key.split("/")
    named = len(parts) == 4 and parts[1] == "backups" and _BACKUP.match(parts[2]) and _FILE.match(parts[3])
    return (parts[2], parts[3]) if named else None


def holds_prefix(system: str) -> str:
    """Holds: backups that retention must keep."""
    return f"{system_prefix(system)}holds/"


def hold_key(system: str, name: str) -> str:
    """The hold on one backup."""
    return f"{holds_prefix(system)}{check_backup_name(name)}.json"


def verified_prefix(system: str) -> str:
    """Results of verifications."""
    return f"{system_prefix(system)}verified/"


def verified_key(system: str, name: str) -> str:
    """The last verification of one backup."""
    return f"{verified_prefix(system)}{check_backup_name(name)}.json"


def verified_wal_key(system: str) -> str:
    """The last verification of all WAL."""
    return f"{verified_prefix(system)}wal.json"


def drills_prefix(system: str) -> str:
    """Results of restore drills."""
    return f"{system_prefix(system)}drills/"


def drill_key(system: str, time: float) -> str:
    """The drill that began at ``time``."""
    return f"{drills_prefix(system)}{stamp(time)}.json"


def gaps_prefix(system: str) -> str:
    """Gaps of the WAL archive."""
    return f"{system_prefix(system)}gaps/"


def gap_key(system: str, noticed: float, timeline: int, from_lsn: int) -> str:
    """The gap that begins at ``from_lsn`` of ``timeline``, noticed at ``noticed``."""
    return f"{gaps_prefix(system)}{stamp(noticed)}-{timeline:08X}-{from_lsn:016X}.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Segment:
    """One WAL segment: its timeline, the position of its first byte, its size in bytes."""

    timeline: int
    start: Lsn
    size: int

    @property
    def end(self) -> Lsn:
        """The position after its last byte."""
        return Lsn(self.start + self.size)

    @property
    def next(self) -> Self:
        """The one after it on the same timeline."""
        return type(self)(timeline=self.timeline, start=self.end, size=self.size)

    def __str__(self) -> str:
        return segment_name(self.timeline, self.start, self.size)


@dataclass(frozen=True, slots=True, kw_only=True)
class WalObject:
    """What a key under ``wal/`` holds.

    A whole segment; or a piece of one, the byte range [``start``, ``end``) of it; or (``segment`` None) the history of
    ``timeline``.
    """

    timeline: int
    segment: str | None = None
    start: int | None = None
    end: int | None = None

    @property
    def is_whole(self) -> bool:
        """It is a whole segment."""
        return self.segment is not None and self.start is None


def segment_start(lsn: int, wal_segment_size: int) -> Lsn:
    """Position of the first byte of the segment that ``lsn`` is in."""
    return Lsn(lsn - lsn % check_segment_size(wal_segment_size))


def segment_name(timeline: int, lsn: int, wal_segment_size: int) -> str:
    """Name of the segment that ``lsn`` is in."""
    start = segment_start(lsn, wal_segment_size)
    return f"{timeline:08X}{start // _FOUR_GIB:08X}{start % _FOUR_GIB // wal_segment_size:08X}"


def parse_segment(name: str, wal_segment_size: int) -> Segment:
    """The segment of that name.

    Raises:
        ValueError: it cannot be a segment of this size; `.partial` and `.backup` files are none.
    """
    per_four_gib = _FOUR_GIB // check_segment_size(wal_segment_size)
    if not _SEGMENT.match(name) or int(name[16:], 16) >= per_four_gib or not int(name[:8], 16):
        raise ValueError(f"not the name of a WAL segment of {wal_segment_size} bytes: {name!r}")
    start = Lsn(int(name[8:16], 16) * _FOUR_GIB + int(name[16:], 16) * wal_segment_size)
    return Segment(timeline=int(name[:8], 16), start=start, size=wal_segment_size)


def is_segment(name: str, wal_segment_size: int) -> bool:
    """Whether there can be a segment of that name and size."""
    try:
        parse_segment(name, wal_segment_size)
    except ValueError:
        return False
    return True


def next_segment(name: str, wal_segment_size: int) -> str:
    """Name of the segment after this one, on the same timeline."""
    return str(parse_segment(name, wal_segment_size).next)


def segments_between(timeline: int, start: int, stop: int, wal_segment_size: int) -> Iterator[str]:
    """Names of the segments that hold the WAL from ``start`` to before ``stop``; none where that is nothing."""
    first = segment_start(start, wal_segment_size)
    for position in range(first, stop if stop > start else first, wal_segment_size):
        yield segment_name(timeline, position, wal_segment_size)


def check_segment_size(size: int) -> int:
    """Return ``size`` if PostgreSQL can have such segments: a power of two from 1 MiB to 1 GiB.

    Raises:
        ValueError: it cannot.
    """
    if size & (size - 1) or not 1 << 20 <= size <= _LARGEST_SEGMENT:
        raise ValueError(f"not a size of WAL segments: {size}")
    return size


def wal_prefix(system: str, timeline: int | None = None) -> str:
    """All WAL; or the segments and pieces of one timeline (its history is beside them, not among them)."""
    return f"{system_prefix(system)}wal/" + ("" if timeline is None else f"{timeline:08X}/")


def wal_key(system: str, segment: str) -> str:
    """A whole segment."""
    if not _SEGMENT.match(segment):
        raise ValueError(f"not the name of a WAL segment: {segment!r}")
    return f"{wal_prefix(system)}{segment[:8]}/{segment}.zst"


def tail_prefix(system: str, segment: str) -> str:
    """The shipped pieces of one unfinished segment."""
    return f"{wal_key(system, segment).removesuffix('.zst')}.tail/"


def tail_key(system: str, segment: str, start: int, end: int) -> str:
    """The byte range [``start``, ``end``) of an unfinished segment."""
    if not 0 <= start < end <= _LARGEST_SEGMENT:
        raise ValueError(f"not a range of a WAL segment: {start} to {end}")
    return f"{tail_prefix(system, segment)}{start:08X}-{end:08X}.zst"


def history_key(system: str, timeline: int) -> str:
    """The history of a timeline."""
    return f"{wal_prefix(system)}{timeline:08X}.history"


def parse_wal_key(key: str) -> WalObject | None:
    """What a key under ``wal/`` holds; None where the key is not one of ours."""
    match = _WAL.match(key)
    if match is None or (match["segment"] and not match["segment"].startswith(match["folder"])):
        return None
    start, end = (int(text, 16) if text else None for text in (match["start"], match["end"]))
    if start is not None and end is not None and not start < end <= _LARGEST_SEGMENT:
        return None
    return WalObject(timeline=int(match["folder"], 16), segment=match["segment"], start=start, end=end)
