"""What a restore would do, and every reason why it cannot, before anything is touched. Pure."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from backup.catalog import Backup, chain, find
from backup.restore.target import RecoveryTarget
from backup.restore.wal_coverage import Reach, WalCoverage, reach, spans_between
from backup.timelines import TimelineSpan
from backup.trust import TRUSTED_SINCE, untrusted_ones
from cluster.errors import PodsError, RefusedError
from cluster.postgres.lsn import Lsn
from cluster.units import human_size

Locate = Callable[[WalCoverage, Sequence[TimelineSpan], Reach], Lsn | None]
"""Where the first record on the way is that recovery would stop at (backup/wal/record_search.py)."""

_WAL_ROOM = 64
"""Segments that recovery may keep beside the data (PostgreSQL's default max_wal_size)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """A restore that can be done.

    ``chain``: the full backup, then the incremental ones on it; ``timeline``: the one recovery follows; ``reach``: how
    far the archive leads; ``notes``: what could not be known beforehand.
    """

    target: RecoveryTarget
    chain: tuple[Backup, ...]
    timeline: int
    reach: Reach
    wal_bytes: int
    notes: tuple[str, ...] = ()

    @property
    def backup(self) -> Backup:
        """The backup that recovery begins with."""
        return self.chain[-1]

    @property
    def fetched(self) -> int:
        """Bytes of backups to fetch."""
        return sum(backup.size for backup in self.chain)

    @property
    def space(self) -> int:
        """Bytes that may be needed at once in the target: the cluster, blocks that wait (see `assembly`), and WAL."""
        full, *changes = (backup.data_bytes for backup in self.chain)
        return full + 2 * sum(changes) + _WAL_ROOM * self.backup.wal_segment_size

    def lines(self) -> Iterator[str]:
        """For people."""
        yield f"Restore to {self.target}, on timeline {self.timeline}"
        for backup in self.chain:
            yield f"  {backup.kind} backup {backup.name}, {human_size(backup.size)}, ended {_utc(backup.stopped)}"
        yield f"  then WAL from {self.backup.start_lsn}, up to {human_size(self.wal_bytes)}"
        yield f"  the archive leads to {_end(self.reach)}"
        yield f"  needs up to {human_size(self.space)} of disk, fetches {human_size(self.fetched)} of backups"
        yield from (f"  note: {note}" for note in self.notes)


def plan(
    catalog: Sequence[Backup],
    archive: WalCoverage,
    target: RecoveryTarget,
    name: str = "",
    timeline: int | None = None,
    trusted_since: int = TRUSTED_SINCE,
    damaged: Mapping[str, str] | None = None,
    locate: Locate | None = None,
) -> Plan:
    """The best way to ``target``: from the newest backup before it, or from the one of that ``name``.

    Args:
        catalog: every backup of the cluster in the store.
        archive: its WAL there.
        target: where to stop.
        name: the backup to begin with; "" or ``latest``: the newest that leads there and can be trusted, or, where
            there is none such, the newest.
        timeline: the one to follow; None: the newest, and for ``immediate`` the backup's own.
        trusted_since: see backup/trust.py.
        damaged: backups that are known to be damaged, and why (backup/damage.py); nothing begins with one.
        locate: finds a transaction or a restore point in the archive; None: where it is cannot be known.

    Raises:
        RefusedError: it cannot be reached; says why.
    """
    doubts, known = untrusted_ones(catalog, trusted_since), damaged or {}
    named = name if name != "latest" else ""
    refusals: dict[Backup, RefusedError] = {}
    for backup in [find(catalog, named)] if named else _best_first(catalog, doubts):
        try:
            aim = _aim(archive, backup, target, timeline)
            found = _plan_from(catalog, archive, target, backup, aim, locate)
            _refuse_damaged(backup, known)
        except RefusedError as error:
            refusals[backup] = error
        else:
            others = [] if named else [each for each in catalog if each.name not in known]
            notes = (*_passed_over(refusals), *_doubt(backup, doubts, others), *found.notes)
            return replace(found, notes=notes)
    raise _telling([refusals[backup] for backup in sorted(refusals, key=lambda backup: backup.order, reverse=True)])


def _telling(refusals: Sequence[RefusedError]) -> PodsError:
    """Why the newest backup would not do; that of the oldest, where none has the target behind it."""
    if not refusals:
        return RefusedError("there is no backup to restore from", "inv backup.now takes one")
    others = [error for error in refusals if not isinstance(error, TooLateError | UnknownTargetError)]
    return others[0] if others else refusals[-1]


class TooLateError(RefusedError):
    """The backup ended after the target; an older one may do."""


class DamagedBackupError(RefusedError):
    """The backup leads there, and is known to be damaged."""


class HoleError(RefusedError):
    """WAL on the way to the target is missing; of segments that are stored side by side one may come a moment later."""


class BeyondError(RefusedError):
    """The target is later than all that is archived; on a live cluster it soon may be."""


class UnknownTargetError(BeyondError):
    """No such transaction or restore point comes after the backup; before an older one's end it may."""


def _best_first(catalog: Sequence[Backup], doubts: Mapping[str, str]) -> list[Backup]:
    """Those that can be trusted before those that cannot, and the newest first of each."""
    return sorted(catalog, key=lambda backup: (backup.name not in doubts, backup.order), reverse=True)


def _aim(archive: WalCoverage, backup: Backup, target: RecoveryTarget, timeline: int | None) -> int:
    if timeline is not None:
        return timeline
    return backup.timeline if target.kind == "immediate" else max(archive.timelines | {backup.timeline})


def _plan_from(
    catalog: Sequence[Backup],
    archive: WalCoverage,
    target: RecoveryTarget,
    backup: Backup,
    timeline: int,
    locate: Locate | None,
) -> Plan:
    _refuse_too_late(backup, target)
    parts, found = _lead(archive, backup, timeline)
    if locate is not None and target.kind in ("xid", "name"):
        target = _located(target, backup, found, locate(archive, parts, found))
    _refuse_beyond(target, found)
    return Plan(
        target=target,
        chain=chain(catalog, backup.name),
        timeline=timeline,
        reach=found,
        wal_bytes=_wal_bytes(backup, target, found),
        notes=tuple(_notes(target, backup)),
    )


def _located(target: RecoveryTarget, backup: Backup, found: Reach, at: Lsn | None) -> RecoveryTarget:
    """The same, knowing where it is; recovery stops at the first of its kind."""
    if at is None:
        message = f"there is no {target} in the archive from backup {backup.name} ({backup.start_lsn}) to {_end(found)}"
        hint = "see that it is spelled right; a restore point is at what pg_create_restore_point() was given"
        raise UnknownTargetError(f"{message}; then {found.hole}" if found.hole else message, hint)
    located = replace(target, lsn=at)
    _refuse_too_late(backup, located)
    return located


def _lead(archive: WalCoverage, backup: Backup, timeline: int) -> tuple[tuple[TimelineSpan, ...], Reach]:
    """How far the archive leads from a backup along the way to ``timeline``: at least to where it is consistent."""
    stop = Lsn.parse(backup.stop_lsn)
    parts = spans_between(archive, backup.timeline, Lsn.parse(backup.start_lsn), timeline)
    if parts is None or not parts[0].holds(stop):
        raise RefusedError(
            f"backup {backup.name} is on timeline {backup.timeline}, from which none leads to timeline {timeline}",
            "choose an older backup, or give its own timeline",
        )
    found = reach(archive, parts)
    if found.timeline == backup.timeline and found.lsn < stop:
        message = f"backup {backup.name} cannot become consistent: {found.hole or 'its WAL is missing'}"
        raise HoleError(message) if found.hole else RefusedError(message)
    return parts, found


def _refuse_damaged(backup: Backup, damaged: Mapping[str, str]) -> None:
    """What is known to fail is not begun: in place, that would stop the cluster for nothing."""
    if backup.name in damaged:
        raise DamagedBackupError(
            f"backup {backup.name} is damaged: {damaged[backup.name]}",
            "begin with another (inv backup.list), or take another store (--store); "
            f"after a repair, inv backup.verify --name {backup.name} reads it again",
        )


def _passed_over(refusals: Mapping[Backup, RefusedError]) -> Iterator[str]:
    """Those that would have led there as well, but for their damage."""
    for error in refusals.values():
        if isinstance(error, DamagedBackupError):
            yield f"passed over: {error.message}"


def _refuse_too_late(backup: Backup, target: RecoveryTarget) -> None:
    """Recovery has to replay all that was written during the backup before it may stop."""
    late_time = target.time is not None and target.time < backup.stopped
    late_lsn = target.lsn is not None and target.lsn < Lsn.parse(backup.stop_lsn)
    if late_time or late_lsn:
        raise TooLateError(
            f"{target} is before the end of backup {backup.name} ({_utc(backup.stopped)}, {backup.stop_lsn})",
            "choose an older backup or a later moment; inv backup.windows shows what can be reached",
        )


def _refuse_beyond(target: RecoveryTarget, found: Reach) -> None:
    wanted_more = target.kind == "latest" or _is_beyond(target, found)
    if found.hole and wanted_more:
        raise HoleError(
            f"{target} cannot be reached: {found.hole}",
            f"the archive leads to {_end(found)}; choose a moment before, or a backup after it",
        )
    if _is_beyond(target, found):
        message = f"{target} is beyond the archive, which ends at {_end(found)}"
        raise BeyondError(message, "restore to latest, or to a moment before")


def _is_beyond(target: RecoveryTarget, found: Reach) -> bool:
    time, lsn = target.time, target.lsn
    return (time is not None and time > found.made) or (lsn is not None and lsn > found.lsn)


def _wal_bytes(backup: Backup, target: RecoveryTarget, found: Reach) -> int:
    """Of WAL to replay, at most."""
    end = Lsn.parse(backup.stop_lsn) if target.kind == "immediate" else target.lsn or found.lsn
    return max(0, end - Lsn.parse(backup.start_lsn))


def _doubt(chosen: Backup, doubts: Mapping[str, str], others: Iterable[Backup]) -> Iterator[str]:
    """What is said where a backup that cannot be trusted is used, or is passed over for an older one (``others``)."""
    if chosen.name in doubts:
        yield f"NOT TO BE TRUSTED: {chosen.name} is {doubts[chosen.name]}; it can hold old data where there was newer"
        return
    newer = [backup for backup in others if backup.order > chosen.order and backup.name in doubts]
    if newer:
        last = max(newer, key=lambda backup: backup.order)
        yield f"{last.name} is passed over, {doubts[last.name]} and not to be trusted; --name takes it all the same"


def _notes(target: RecoveryTarget, backup: Backup) -> Iterator[str]:
    if target.kind in ("xid", "name") and target.lsn is not None:
        yield f"{target} is at {target.lsn}"
    elif target.kind in ("xid", "name"):
        yield (
            f"whether {target} comes after {_utc(backup.stopped)} cannot be known beforehand; "
            "if recovery ends before it is reached, --name begins with an older backup"
        )
    if target.kind == "time":
        yield "if nothing was committed after that moment, the archive is replayed to its end, which is the same"


def _end(found: Reach) -> str:
    return f"{found.lsn} of timeline {found.timeline}, stored {_utc(found.made)}"


def _utc(time: float) -> str:
    return datetime.fromtimestamp(time, UTC).strftime("%Y-%m-%d %H:%M:%SZ")
