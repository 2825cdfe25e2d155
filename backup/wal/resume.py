"""What the archive lacks, found from what is in the stores and in the spool; asked once, when the archiver starts.

The server's current position never comes into it: to begin there would skip what was not received while we were away.
"""

from collections.abc import Iterable, Iterator

from backup.layout import Segment, parse_segment, parse_wal_key, wal_prefix
from backup.store import Store
from backup.wal.gaps import Gap, read_gaps
from backup.wal.spool import Spool
from cluster.postgres.lsn import Lsn

_RECENT = 256
"""So many of the newest segments of a timeline are looked at for holes: more than are ever uploaded at once."""


def lacks(store: Store, spool: Spool) -> dict[int, Lsn]:
    """For each timeline in ``store``, the first position that neither it nor the spool has.

    Raises:
        StoreError: it cannot be asked.
    """
    gaps = read_gaps(store, spool.system)
    own = [spool.segment(name) for name in spool.names() if len(name) == 24]
    return {
        timeline: _first_lack(recent, own, gaps)
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


def _first_lack(segments: list[Segment], own: Iterable[Segment], gaps: Iterable[Gap]) -> Lsn:
    place = segments[0]
    there = {segment.start for segment in (*segments, *own) if segment.timeline == place.timeline}
    while place.start in there or any(gap.covers(place.timeline, place.start, place.end) for gap in gaps):
        place = place.next
    return place.start
