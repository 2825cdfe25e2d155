"""The texts of the page, made once a poll: the page without JavaScript shows headline and tables, its script all. Pure.

Numbers become text here, in the units of `inv status`, but for the age that only a browser can count (elements.js).
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from cluster.backup_status import BackupSummary
from cluster.history import since
from cluster.remedies import split_remedy
from cluster.status import ClusterStatus, NodeStatus, SlotStatus
from cluster.units import human_seconds, human_size
from health.alert_text import AlertText
from health.history import Point, Points, last_known, most
from health.pool_text import UNKNOWN, Mood, PoolText, TableRow, cells, pool_text


@dataclass(frozen=True, slots=True)
class Advice:
    """A reason or a note: what there is, and what to do about it."""

    problem: str
    remedy: str


@dataclass(frozen=True, slots=True)
class Curve:
    """What is written beside a curve, and what it is called for those who do not see it."""

    label: str
    most: str
    description: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """One node of the picture; ``reads`` if a pool leads there."""

    name: str
    mood: Mood
    state: str
    tags: tuple[str, ...]
    facts: tuple[tuple[str, str], ...]
    curve: Curve
    lag: str
    reads: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class PageText:
    """All texts of the page, and the latest point of its curves with the rate of WAL (bytes a second)."""

    headline: str
    reasons: tuple[Advice, ...] = ()
    notes: tuple[Advice, ...] = ()
    nodes: tuple[TableRow, ...] = ()
    pooler: PoolText = field(default_factory=PoolText)
    slots: tuple[TableRow, ...] = ()
    alerts: AlertText | None = None
    backup: str = ""
    primary: str = ""
    cards: tuple[Card, ...] = ()
    point: Point | None = None
    rate: float | None = None


def page_text(status: ClusterStatus, points: Points, now: float, alerts: AlertText | None = None) -> PageText:
    """The texts of one poll; ``now`` is Unix time."""
    led = {node for pool in status.pools if not pool.paused for node in pool.target}
    return PageText(
        headline=headline(status.reasons),
        reasons=advice(status.reasons),
        notes=advice(status.notes),
        nodes=tuple(TableRow(_node_cells(node), _mood(node)) for node in status.nodes),
        pooler=pool_text(status.pools),
        slots=tuple(TableRow(_slot_cells(slot)) for slot in status.slots),
        alerts=alerts,
        backup=_backup_line(status.backup, now) if status.backup else "",
        primary=since(status.primary_change) if status.primary_change else "",
        cards=tuple(replace(_card(node, points), reads=node.name in led) for node in status.nodes),
        point=points.points[-1] if points.points else None,
        rate=points.rates()[-1] if points.points else None,
    )


def headline(reasons: Sequence[str]) -> str:
    """The verdict in a few words."""
    count = len(reasons)
    return f"{count} thing{'s' if count > 1 else ''} to look at" if count else "All is well"


def advice(lines: Sequence[str]) -> tuple[Advice, ...]:
    """Each line with what to do apart."""
    return tuple(Advice(*split_remedy(line)) for line in lines)


def _mood(node: NodeStatus) -> Mood:
    if not node.healthy:
        return "bad"
    return "well" if node.member else "warn"


def _node_cells(node: NodeStatus) -> tuple[str, ...]:
    lag, behind, uptime = human_size(node.lag_bytes), human_seconds(node.lag_seconds), human_seconds(node.uptime)
    first = (node.name, node.role, node.state, lag, behind)
    return cells(*first, node.sync, node.timeline, node.lsn, node.connections, uptime)


def _slot_cells(slot: SlotStatus) -> tuple[str, ...]:
    return cells(slot.name, "in use" if slot.active else "idle", slot.wal_status, human_size(slot.retained_bytes))


def _backup_line(backup: BackupSummary, now: float) -> str:
    ago = "never" if backup.last_success is None else f"{human_seconds(now - backup.last_success)} ago"
    name = f" ({backup.last_backup})" if backup.last_backup else ""
    lag = backup.archive_lag_seconds
    return f"{ago}{name}" + ("" if lag is None else f" · WAL archive {human_seconds(lag)} behind")


def _card(node: NodeStatus, points: Points) -> Card:
    primary = node.role == "primary"
    return Card(
        name=node.name,
        mood=_mood(node),
        state=node.state,
        tags=tuple(_tags(node)),
        facts=tuple((name, text) for name, text in _facts(node, primary=primary) if text != UNKNOWN),
        curve=_written_curve(points.rates()[1:]) if primary else _lag_curve(points.lags(node.name)),
        lag=human_size(node.lag_bytes) if node.state == "streaming" else "no stream",
    )


def _tags(node: NodeStatus) -> list[str]:
    found = [] if node.role == node.wanted_role else [f"should be {node.wanted_role}"]
    found += [node.sync] if node.sync not in (None, "", "async") else []
    apart = ["its own pool only"] if node.pool == "own" else []
    return found + apart + ([] if node.member else ["not a member"])


def _facts(node: NodeStatus, *, primary: bool) -> list[tuple[str, str]]:
    connections, uptime = cells(node.connections)[0], human_seconds(node.uptime)
    if primary:
        timeline, method = cells(node.timeline, node.io_method)
        own = [("timeline", timeline), ("I/O", method), ("port", str(node.port))]
        return [("connections", connections), ("up", uptime), *own]
    lags = [("lag", human_size(node.lag_bytes)), ("behind", human_seconds(node.lag_seconds))]
    kept = human_size(node.retained_bytes)
    return [*lags, ("connections", connections), ("WAL kept", kept), ("up", uptime), ("port", str(node.port))]


def _written_curve(rates: Sequence[float | None]) -> Curve:
    return _curve("WAL written, 5 min", rates, "/s")


def _lag_curve(lags: Sequence[int | None]) -> Curve:
    return _curve("lag, 5 min", lags, "")


def _curve(label: str, values: Sequence[float | None], unit: str) -> Curve:
    now, greatest = (
        UNKNOWN if value is None else human_size(value) + unit for value in (last_known(values), most(values))
    )
    minutes = max(1, round(len(values) / 60))
    described = f"{label}, {minutes} min of it known: now {now}, at most {greatest}"
    return Curve(label, f"at most {greatest}", described)
