"""Looking through the stores: what is there, to which moments one can go back, what was proven when."""

from collections import Counter
from dataclasses import dataclass, replace
from typing import Any

from backup.catalog import Backup, read_catalog
from backup.drill import read_last
from backup.layout import parse_wal_key, wal_prefix
from backup.marks import Hold, Verified, read_holds, read_verified
from backup.service.ground import Ground
from backup.service.record import read_record, write_record
from backup.store import Store
from backup.timelines import Histories, parse_history
from backup.wal.gaps import read_gaps
from backup.wal.identity import segment_size
from backup.windows import Archive, Missing, Window, audit, find_windows
from cluster.errors import PodsError
from cluster.lsn import Lsn


@dataclass(frozen=True, slots=True, kw_only=True)
class Holdings:
    """All of one cluster in one store: backups, marks on them, and WAL with the bytes it takes."""

    backups: tuple[Backup, ...]
    archive: Archive
    histories: Histories
    holds: dict[str, Hold]
    verified: dict[str, Verified]
    wal_keys: tuple[str, ...]
    wal_bytes: int

    @property
    def windows(self) -> tuple[Window, ...]:
        """The intervals that can be restored to."""
        return find_windows(self.backups, self.archive, self.histories)


def read_holdings(store: Store, system: str) -> Holdings:
    """Read a store through. Costs a listing of all its WAL."""
    backups, size = read_catalog(store, system), segment_size(store, system)
    listed = [(stored, found) for stored in store.list(wal_prefix(system)) if (found := parse_wal_key(stored.key))]
    histories = {
        found.timeline: parse_history(store.get(stored.key).decode()) for stored, found in listed if not found.segment
    }
    return Holdings(
        backups=backups,
        archive=Archive(((found, stored.made) for stored, found in listed), size),
        histories=histories,
        holds=read_holds(store, system),
        verified=read_verified(store, system),
        wal_keys=tuple(stored.key for stored, found in listed if found.segment),
        wal_bytes=sum(stored.size for stored, _ in listed),
    )


def missing_wal(store: Store, system: str, holdings: Holdings) -> tuple[Missing, ...]:
    """Segments that are not where they should be; a recorded gap explains some."""
    gaps: dict[int, list[tuple[int, int]]] = {}
    for gap in read_gaps(store, system):
        gaps.setdefault(gap.timeline, []).append((Lsn.parse(gap.from_lsn), Lsn.parse(gap.to_lsn)))
    return audit(holdings.backups, holdings.archive, holdings.histories, gaps)


def survey(ground: Ground) -> None:
    """Write what metrics tell of the stores into the record; a store that does not answer keeps what it had."""
    record = read_record(ground.state)
    for store in ground.stores:
        try:
            holdings = read_holdings(store, ground.system)
            missing = missing_wal(store, ground.system, holdings)
            record.stores[store.name] = _summary(holdings, missing)
            drill = read_last(store, ground.system)
        except PodsError as error:
            record.stores[store.name] = {**record.stores.get(store.name, {}), "error": error.message}
            continue
        if drill is not None:
            record.drill = {"when": drill.when, "ok": drill.ok, "rto": drill.rto, "backup": drill.backup}
    write_record(ground.state, replace(record))


def _summary(holdings: Holdings, missing: tuple[Missing, ...]) -> dict[str, Any]:
    windows, verified = holdings.windows, holdings.verified.values()
    return {
        "counts": dict(Counter(backup.kind for backup in holdings.backups)),
        "bytes": sum(backup.size for backup in holdings.backups),
        "wal_bytes": holdings.wal_bytes,
        "oldest": min((window.since for window in windows), default=None),
        "newest": max((window.until for window in windows), default=None),
        "missing": sum(not lost.known for lost in missing),
        "verified": max((mark.when for mark in verified if mark.ok), default=None),
        "broken": sum(not mark.ok for mark in verified),
        "last_full": max((b.started for b in holdings.backups if b.kind == "full"), default=None),
        "last_started": max((b.started for b in holdings.backups), default=None),
        "error": "",
    }
