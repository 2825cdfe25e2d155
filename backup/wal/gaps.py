"""Gaps: WAL that no node has any more. Each is recorded in the store that lacks it, and requests a full backup."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from backup.layout import gap_key, gaps_prefix
from backup.store import MOST_LISTED, DamagedError, Store, at_most, read_text
from cluster.documents import LAST_MOMENT, dump, load, parse_json, read_as, to_json
from cluster.files import write_atomically
from cluster.postgres.lsn import Lsn
from cluster.postgres.timeline_history import MOST_TIMELINES


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap:
    """The WAL of ``timeline`` from ``from_lsn`` to before ``to_lsn`` is missing; ``noticed`` is Unix seconds."""

    timeline: int
    from_lsn: str
    to_lsn: str
    noticed: float
    why: str

    def covers(self, timeline: int, start: int, end: int) -> bool:
        """Whether all of the WAL from ``start`` to ``end`` lies in this gap."""
        inside = Lsn.parse(self.from_lsn) <= start and end <= Lsn.parse(self.to_lsn)
        return inside and timeline >= self.timeline


def dump_gap(gap: Gap) -> str:
    """The text that is stored."""
    return dump(gap, indent=None)


def parse_gap(text: str) -> Gap:
    """Read what ``dump_gap`` wrote.

    Raises:
        ValueError: it is not that.
    """
    gap = load(Gap, text, "a gap")
    if Lsn.parse(gap.from_lsn) > Lsn.parse(gap.to_lsn) or not 0 < gap.timeline <= MOST_TIMELINES:
        raise ValueError(f"from {gap.from_lsn} to {gap.to_lsn} of timeline {gap.timeline}")
    if not 0 <= gap.noticed <= LAST_MOMENT:
        raise ValueError(f"noticed at {gap.noticed}")
    return gap


def read_gaps(store: Store, system: str) -> tuple[Gap, ...]:
    """Every recorded gap, in the order they were noticed.

    Raises:
        DamagedError: one cannot be read.
        StoreError: the store does not answer.
    """
    return tuple(
        _read(store, stored.key) for stored in list(at_most(store.list(gaps_prefix(system)), MOST_LISTED, "gaps"))
    )


def _read(store: Store, key: str) -> Gap:
    try:
        return parse_gap(read_text(store, key))
    except ValueError as error:
        raise DamagedError(f"{key} in store {store.name} cannot be read: {error}") from None


def _folder(spool: Path, store: str) -> Path:
    return spool / "notes" / store


def note(spool: Path, store: str, gap: Gap) -> None:
    """Keep a gap in the spool until ``store`` has it; the same gap is not noted twice."""
    folder = _folder(spool, store)
    folder.mkdir(parents=True, exist_ok=True)
    text = dump_gap(gap)
    suffix = f"-{gap.timeline:08X}-{Lsn.parse(gap.from_lsn):016X}.json"
    if not any(path.name.endswith(suffix) for path in folder.iterdir()):
        name = gap_key("0", gap.noticed, gap.timeline, Lsn.parse(gap.from_lsn)).rsplit("/", 1)[1]
        write_atomically(folder / name, text)


def ship_notes(spool: Path, store: Store, system: str) -> Iterator[Gap]:
    """Put the noted gaps into ``store``; each is forgotten here once it is there."""
    folder = _folder(spool, store.name)
    for path in sorted(folder.glob("[0-9]*.json")) if folder.is_dir() else ():
        gap = parse_gap(path.read_text())
        store.create(f"{gaps_prefix(system)}{path.name}", path.read_bytes())
        path.unlink()
        yield gap


_WANTED = "full_wanted.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class FullRequest:
    """A full backup is requested that begins at or after ``since`` (an LSN), for the reason ``why``."""

    since: str
    why: str


def want_full(spool: Path, since: str, why: str) -> None:
    """Request a full backup that begins at or after ``since`` (an LSN), for the reason ``why``."""
    write_atomically(spool / _WANTED, json.dumps(to_json(FullRequest(since=since, why=why))) + "\n")


def full_wanted(spool: Path) -> str:
    """The reason why a full backup is requested; "" when none is."""
    try:
        return _read_request(spool).why
    except FileNotFoundError:
        return ""


def full_made(spool: Path, start_lsn: str) -> None:
    """A full backup that began at ``start_lsn`` is complete; if that is late enough, the request is served."""
    path = spool / _WANTED
    if path.exists() and Lsn.parse(_read_request(spool).since) <= Lsn.parse(start_lsn):
        path.unlink()


def _read_request(spool: Path) -> FullRequest:
    return read_as(FullRequest, parse_json((spool / _WANTED).read_bytes()))
