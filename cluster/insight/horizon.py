"""Who keeps vacuum from removing old row versions, by name, where that costs something. Pure."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from cluster.insight.blocking import end_session, ending_risk, session_subject
from cluster.insight.findings import InsightFinding
from cluster.insight.readings import HorizonHolder, InsightReading, TableState
from cluster.insight.suggested_sql import constant, remedy
from cluster.naming import slot_of
from cluster.units import human_seconds

HELD_SECONDS = 60.0
"""A transaction of less than a minute is work, and autovacuum comes once a minute."""
HELD_ROWS = 10_000
"""Dead rows of one table below which nobody notices that they stay."""
HELD_AGE = 1_000_000
"""Transactions that began since, from which on it matters whatever the tables say: what they left is still there."""
HELD_AGE_BAD = 50_000_000
"""A quarter of what PostgreSQL waits with before it freezes by force."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Culprit:
    """Who holds, on which node it is, and the tables whose dead rows wait for it; ``proven``: vacuum ran in vain."""

    holder: HorizonHolder
    node: str
    tables: Mapping[str, tuple[TableState, ...]]
    proven: bool

    @property
    def rows(self) -> int:
        return sum(table.dead for tables in self.tables.values() for table in tables)


def judge_horizon(reading: InsightReading) -> Iterator[InsightFinding]:
    """Who holds what is dead; each once."""
    for culprit in _culprits(reading):
        yield _finding(culprit)


def held_tables(reading: InsightReading) -> frozenset[tuple[str, int]]:
    """Database and oid of tables whose dead rows wait for somebody who is named: nothing is wrong with the tables."""
    return frozenset(
        (database, table.oid)
        for culprit in _culprits(reading)
        for database, tables in culprit.tables.items()
        for table in tables
    )


def _culprits(reading: InsightReading) -> Iterator[_Culprit]:
    """Of each database the oldest of those that hold its rows; and whoever is very old."""
    if not reading.primary:
        return
    holders = _named(reading)
    chosen: dict[tuple[str, HorizonHolder], dict[str, tuple[TableState, ...]]] = {}
    for database, found in reading.databases.items():
        waiting = tuple(sorted((t for t in found.tables if _has_dead(t)), key=lambda each: -each.dead))
        concerned = [each for each in holders if _concerns(each[1], database)]
        if concerned and waiting and _long(concerned[0][1]):
            chosen.setdefault(concerned[0], {})[database] = waiting
    for each in holders:
        if each[1].age >= HELD_AGE and _long(each[1]):
            chosen.setdefault(each, {})
    for (node, holder), tables in chosen.items():
        began = reading.taken - holder.seconds
        proven = any((table.vacuumed or 0.0) > began for waiting in tables.values() for table in waiting)
        yield _Culprit(holder=holder, node=node, tables=tables, proven=proven)


def _named(reading: InsightReading) -> list[tuple[str, HorizonHolder]]:
    """Everybody who holds something, with the node it is on, the oldest first.

    What a replica holds is its own sessions' doing; where it has none that are old, it passes on what the primary's
    sessions hold, who are in this list themselves.
    """
    found: list[tuple[str, HorizonHolder]] = []
    slots = {slot_of(name): name for name in reading.members}
    for holder in reading.nodes[reading.primary].holders:
        replica = holder.name if holder.held_by == "standby" else slots.get(holder.name, "")
        theirs = reading.nodes.get(replica) if holder.held_by in ("standby", "slot") else None
        if theirs is None:
            found.append((reading.primary, holder))
            continue
        own = [each for each in theirs.holders if each.held_by == "session" and _long(each)]
        if own:
            oldest = max(own, key=lambda each: (each.age, each.seconds))
            found.append((replica, _through(holder, oldest)))
    rank = {"session": 0, "prepared": 1}
    return sorted(dict.fromkeys(found), key=lambda each: (-each[1].age, rank.get(each[1].held_by, 2), -each[1].seconds))


def _through(standby: HorizonHolder, session: HorizonHolder) -> HorizonHolder:
    """A session of a replica, as old as the primary sees it."""
    return HorizonHolder(
        held_by="feedback",
        database=session.database,
        pid=session.pid,
        role=session.role,
        name=session.name,
        state=session.state,
        seconds=session.seconds,
        age=standby.age,
        began=session.began,
        query=session.query,
    )


def _has_dead(table: TableState) -> bool:
    return table.dead >= max(HELD_ROWS, 0.1 * table.live)


def _concerns(holder: HorizonHolder, database: str) -> bool:
    """A session keeps rows of its own database; what replicas and slots keep, they keep in all."""
    if holder.held_by in ("session", "prepared"):
        return holder.database == database
    return holder.held_by != "slot_catalog"


def _long(holder: HorizonHolder) -> bool:
    return holder.seconds >= HELD_SECONDS or (holder.held_by in ("slot", "slot_catalog") and holder.age >= HELD_AGE)


def _finding(culprit: _Culprit) -> InsightFinding:
    holder = culprit.holder
    subject, problem, cure, risk = _DESCRIPTIONS[holder.held_by](holder)
    waited = [f"{holder.age} transactions began since"] if holder.age > 1 else []
    if culprit.rows:
        database, tables = next(iter(culprit.tables.items()))
        waited.append(f"{culprit.rows} dead rows wait for it, most of them in {tables[0].name} of {database}")
    if culprit.proven:
        waited.append("vacuum has run since and could not remove them")
    return InsightFinding(
        kind="horizon",
        severity="bad" if culprit.proven or holder.age >= HELD_AGE_BAD else "warn",
        subject=subject,
        problem=problem,
        evidence="; ".join(waited),
        database=holder.database,
        node=culprit.node,
        remedy=cure,
        risk=risk,
        weight=float(culprit.rows + holder.age),
    )


def _session(holder: HorizonHolder) -> tuple[str, str, str, str]:
    idle = holder.state.startswith("idle in transaction")
    did = "and its client does nothing" if idle else "and it runs"
    where = " on a replica that tells the primary what it reads" if holder.held_by == "feedback" else ""
    problem = f"a transaction of {human_seconds(holder.seconds)}{where} keeps old row versions, {did}: {holder.query}"
    return (
        session_subject(holder.pid, holder.role, holder.name),
        problem,
        end_session(holder.pid, holder.began, terminate=idle),
        ending_risk(terminate=idle),
    )


def _standby(holder: HorizonHolder) -> tuple[str, str, str, str]:
    return (
        holder.name,
        f"the standby {holder.name}, which does not answer here, keeps old row versions that its sessions read",
        "",
        "look for its oldest session there and end that",
    )


def _slot(holder: HorizonHolder) -> tuple[str, str, str, str]:
    idle = "" if holder.state == "active" else f", which nobody has used for {human_seconds(holder.seconds)},"
    what = "old rows of catalogs" if holder.held_by == "slot_catalog" else "old row versions"
    return (
        holder.name,
        f"the replication slot {holder.name}{idle} keeps {what}",
        remedy("remedy_drop_slot", slot=constant(holder.name)),
        "who used it must be made anew; if it is of a node of this cluster, run inv up instead, or inv replica.remove",
    )


def _prepared(holder: HorizonHolder) -> tuple[str, str, str, str]:
    return (
        holder.name,
        f"a transaction that {holder.role} prepared {human_seconds(holder.seconds)} ago, and nobody has finished, "
        "keeps old row versions",
        remedy("remedy_rollback_prepared", gid=constant(holder.name)),
        "what it did is lost; COMMIT PREPARED keeps it. Ask whoever coordinates it; type it in its own database",
    )


_DESCRIPTIONS = {
    "session": _session,
    "feedback": _session,
    "standby": _standby,
    "slot": _slot,
    "slot_catalog": _slot,
    "prepared": _prepared,
}
