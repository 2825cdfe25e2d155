"""Retention: which backups stay, and why. Pure; what it decides, `backup.delete` does.

Source of the periods: the newest backup of each of the last N days (weeks, months, years) that have one stays.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta, tzinfo
from operator import attrgetter

from backup.catalog import Backup
from backup.layout import parse_segment, stamp
from backup.timelines import Histories, reaches
from cluster.postgres.lsn import Lsn

_PERIODS: Mapping[str, str] = {"daily": "%Y-%m-%d", "weekly": "%G-W%V", "monthly": "%Y-%m", "yearly": "%Y"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """What shall stay; 0 switches a rule off, and with every rule off everything stays.

    ``days``: whatever moment of the last so many days can be restored to. ``count``: that many newest backups, and any
    moment since the oldest of them. ``daily`` to ``yearly``: the newest backup of each of so many days (weeks, months,
    years) in ``zone``; only the moment of each can be restored to. ``minimum``: the newest so many stay whatever
    happens.
    """

    zone: tzinfo
    days: float = 7
    count: int = 0
    daily: int = 0
    weekly: int = 0
    monthly: int = 0
    yearly: int = 0
    minimum: int = 1

    def __post_init__(self) -> None:
        if min(self.days, self.count, *(getattr(self, period) for period in _PERIODS)) < 0 or self.minimum < 1:
            raise ValueError("retention is counted from 0, its minimum from 1")

    @property
    def is_off(self) -> bool:
        """No rule is on."""
        return not any((self.days, self.count, *(getattr(self, period) for period in _PERIODS)))


@dataclass(slots=True, kw_only=True)
class Decision:
    """What becomes of one backup, and why. ``follow``: WAL after it stays too, for any moment since."""

    backup: Backup
    reasons: list[str] = field(default_factory=list)
    follow: bool = False

    @property
    def keep(self) -> bool:
        """Whether it stays."""
        return bool(self.reasons)

    def __str__(self) -> str:
        verb = "keep  " if self.keep else "delete"
        return f"{verb} {self.backup.name}: {'; '.join(self.reasons) or 'no rule keeps it and nothing needs it'}"


def decide(
    backups: Iterable[Backup],
    policy: Policy,
    now: float,
    *,
    holds: Collection[str] = (),
    histories: Histories | None = None,
    damaged: Collection[str] = (),
) -> tuple[Decision, ...]:
    """What becomes of each backup, oldest first.

    Args:
        backups: all backups of one cluster.
        policy: what shall stay.
        now: Unix seconds.
        holds: names of backups that stay whatever the policy says.
        histories: timeline histories, which say from which backups the present can be reached.
        damaged: names of backups that cannot be restored. None goes sooner for it, and none counts: what would stay if
            they were not there stays too.
    """
    decisions = [Decision(backup=backup) for backup in sorted(backups, key=attrgetter("order"))]
    _apply(policy, decisions, now, histories or {})
    if damaged:
        _apply(policy, [each for each in decisions if each.backup.name not in damaged], now, histories or {})
    _keep([each for each in decisions if each.backup.name in holds], "it is held", follow=False)
    _keep_parents(decisions)
    return tuple(decisions)


def _apply(policy: Policy, decisions: Sequence[Decision], now: float, histories: Histories) -> None:
    """What the rules keep of these."""
    if policy.is_off:
        _keep(decisions, "no rule is set, so everything stays", follow=True)
    _keep_window(decisions, policy, now, histories)
    if policy.count:
        _keep(decisions[-policy.count :], f"one of the {policy.count} newest", follow=True)
    for period, form in _PERIODS.items():
        _keep_periods(decisions, period, form, getattr(policy, period), policy.zone)
    _keep(decisions[-policy.minimum :], f"the newest {policy.minimum} always stay", follow=True)


def _keep(decisions: Iterable[Decision], reason: str, *, follow: bool) -> None:
    for decision in decisions:
        if reason not in decision.reasons:
            decision.reasons.append(reason)
        decision.follow |= follow


def _keep_window(decisions: Sequence[Decision], policy: Policy, now: float, histories: Histories) -> None:
    """Those of the last days, and for each timeline the anchor: the newest before them from which it is reached."""
    if not policy.days:
        return
    edge = now - timedelta(days=policy.days).total_seconds()
    inside = [each for each in decisions if each.backup.stopped > edge]
    _keep(inside, f"of the last {policy.days:g} days", follow=True)
    before = [each for each in decisions if each.backup.stopped <= edge]
    goals = {each.backup.timeline for each in decisions} | set(histories)
    anchors = {id(found): found for goal in goals if (found := _anchor(before, goal, histories))}
    _keep(anchors.values(), f"the window's first moments, from {stamp(edge)}, are restored from it", follow=True)


def _anchor(before: Sequence[Decision], goal: int, histories: Histories) -> Decision | None:
    """The newest of ``before`` that can come to ``goal``."""
    for each in reversed(before):
        if reaches(each.backup.timeline, Lsn.parse(each.backup.stop_lsn), goal, histories) is not False:
            return each
    return None


def _keep_periods(decisions: Sequence[Decision], period: str, form: str, number: int, zone: tzinfo) -> None:
    newest: dict[str, Decision] = {}
    for each in decisions:
        newest[datetime.fromtimestamp(each.backup.stopped, zone).strftime(form)] = each
    for name in sorted(newest, reverse=True)[:number]:
        _keep([newest[name]], f"the newest of {name} ({period}, {number})", follow=False)


def _keep_parents(decisions: Sequence[Decision]) -> None:
    known = {each.backup.name: each for each in decisions}
    waiting = [each for each in decisions if each.keep]
    while waiting:
        child = waiting.pop()
        parent = known.get(child.backup.parent or "")
        if parent is not None:
            if not parent.keep:
                waiting.append(parent)
            parent.reasons.append(f"{child.backup.name} builds on it")


@dataclass(frozen=True, slots=True, kw_only=True)
class WalNeeds:
    """Which WAL must stay: all that recovery from ``starts`` can come to, and the segments in ``alone``.

    ``starts`` are (timeline, position). ``everything``: there is no backup yet, so nothing can be said.
    """

    starts: frozenset[tuple[int, int]]
    alone: frozenset[str]
    histories: Histories
    wal_segment_size: int
    everything: bool = False

    def may_go(self, segment: str) -> bool:
        """Whether a segment, whole or in pieces, is needed by no backup that stays."""
        if self.everything or segment in self.alone:
            return False
        parsed = parse_segment(segment, self.wal_segment_size)
        return all(self._is_out_of_reach(start, parsed.timeline, parsed.end) for start in self.starts)

    def _is_out_of_reach(self, start: tuple[int, int], timeline: int, end: int) -> bool:
        """Before the start on its own way, or on a timeline that is known not to come from it."""
        return end <= start[1] or reaches(start[0], start[1], timeline, self.histories) is False


def wal_needs(decisions: Iterable[Decision], histories: Histories, wal_segment_size: int) -> WalNeeds:
    """Which WAL the backups that stay need. Without any backup all WAL stays."""
    kept = [each for each in decisions if each.keep]
    follow = [each.backup for each in kept if each.follow]
    return WalNeeds(
        starts=frozenset((backup.timeline, int(Lsn.parse(backup.start_lsn))) for backup in follow),
        alone=frozenset(segment for each in kept for segment in each.backup.segments),
        histories=histories,
        wal_segment_size=wal_segment_size,
        everything=not follow,
    )
