"""The position at which the archive has to resume, from what stores and spool hold; read at start.

The server's current position is not used: to begin there would skip WAL written while no archiver ran.
"""

from collections.abc import Iterable, Iterator

from backup.layout import Segment, parse_segment, parse_wal_key, wal_prefix
from backup.store import Store
from backup.wal.gaps import Gap, read_gaps
from backup.wal.spool import Spool
from cluster.postgres.lsn import Lsn

_RECENT = 256
"""So many of the newest segments of a timeline are searched for missing ones: more than are ever uploaded at once."""


def first_missing(store: Store, spool: Spool) -> dict[int, Lsn]:
    """For each timeline in ``store``, the first position that neither it nor the spool has.

    Raises:
        StoreError: it does not answer.
    """
    gaps = read_gaps(store, spool.system)
    own = [spool.segment(name) for name in spool.names() if len(name) == 24]
    return {
        timeline: _first_gap(recent, own, gaps)
        for timeline in timelines(store, spool.system)
        if (recent := _recent(store, spool, timeline))
    }


def timelines(store: Store, system: str) -> Iterator[int]:
    """The timelines of which a store has something, without reading all of its list."""
    prefix = wal_prefix(system)
    after = ""
    while stored := next(iter(store.list(prefix, after=after)), None):
        folder = stored.key.removeprefix(prefix)[:8]
        if "/" in stored.key.removeprefix(prefix):
            yield int(folder, 16)
            after = f"{prefix}{folder}0"  # past all that is below the folder
        else:
            after = stored.key


def _recent(store: Store, spool: Spool, timeline: int) -> list[Segment]:
    keys = (parse_wal_key(stored.key) for stored in store.list(wal_prefix(spool.system, timeline)))
    names = [key.segment for key in keys if key is not None and key.is_whole and key.segment]
    return [parse_segment(name, spool.segment_size) for name in names[-_RECENT:]]


def _first_gap(segments: list[Segment], own: Iterable[Segment], gaps: Iterable[Gap]) -> Lsn:
    candidate = segments[0]
    present = {segment.start for segment in (*segments, *own) if segment.timeline == candidate.timeline}
    while candidate.start in present or any(
        gap.covers(candidate.timeline, candidate.start, candidate.end) for gap in gaps
    ):
        candidate = candidate.next
    return candidate.start
