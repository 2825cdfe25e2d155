"""Tables that cost: dead rows that stay, transaction ids that run out, big ones that are read from end to end. Pure."""

from collections.abc import Iterator

from cluster.insight.findings import InsightFinding
from cluster.insight.horizon import held_tables
from cluster.insight.readings import DatabaseInsight, InsightReading, NodeCounters, TableState
from cluster.insight.suggested_sql import remedy
from cluster.units import human_seconds, human_size

DEAD_ROWS = 10_000
"""Dead rows below which nobody notices them."""
BEHIND = 2.0
"""As many times what autovacuum begins at: it comes within a minute of that, so it does not keep up."""
FREEZE_LATE = 1.2
"""As many times the age at which autovacuum freezes by force: it was to come, and did not get through."""
FREEZE_BAD = 1_200_000_000
"""Transactions; at 2.1 billion the server refuses to write, and freezing a big table takes days."""
BIG = 50 << 20
"""Bytes from which on reading a whole table is felt."""
SCANS = 20
"""Fewer may be a report, a dump or an index that was made."""
READ_AN_HOUR = float(1 << 30)
"""Bytes an hour read by sequential scans of one table, from which on they cost more than an index."""
SCANNED_SHARE = 0.1
"""Of the table, on average; less is LIMIT, or EXISTS. Each worker of a parallel scan counts as a scan of its part."""
FIRST_NORMAL_OID = 16384
"""Objects of PostgreSQL itself have smaller ones."""
FREE_SHARE = 0.5
"""Of a table that is empty space, from which on making it anew may pay; vacuum keeps some for what comes."""
FREE_BYTES = 100 << 20
"""Bytes of that below which nobody gains anything."""


def judge_tables(reading: InsightReading) -> Iterator[InsightFinding]:
    """Every table that costs, of every database that was read."""
    primary = reading.nodes.get(reading.primary)
    if primary is None:
        return
    held = held_tables(reading)
    for database, found in reading.databases.items():
        for table in found.tables:
            if (database, table.oid) not in held or _option(table, "autovacuum_enabled") == "off":
                yield from _dead(reading, primary.counters, database, table)
            yield from _frozen(primary.counters, database, table)
            yield from _bloat(found, database, table)
            if table.oid >= FIRST_NORMAL_OID:
                yield from _scanned(reading, found, database, table)


def _dead(reading: InsightReading, node: NodeCounters, database: str, table: TableState) -> Iterator[InsightFinding]:
    off = not node.autovacuum or _option(table, "autovacuum_enabled") == "off"
    begins = _number(table, "autovacuum_vacuum_threshold", node.vacuum_threshold) + _number(
        table, "autovacuum_vacuum_scale_factor", node.vacuum_scale_factor
    ) * max(0.0, table.rows)
    if table.vacuuming or table.dead < max(DEAD_ROWS, begins * (1.0 if off else BEHIND)):
        return
    last = f"last vacuumed {human_seconds(reading.taken - table.vacuumed)} ago" if table.vacuumed else "never vacuumed"
    of_it = off and node.autovacuum
    yield InsightFinding(
        kind="dead_rows",
        severity="warn" if off or table.dead > table.live else "note",
        subject=table.name,
        database=database,
        problem="autovacuum is off for this table, and dead rows pile up"
        if of_it
        else "autovacuum is off, and dead rows pile up"
        if off
        else "dead rows pile up faster than autovacuum removes them",
        evidence=f"{table.dead} dead rows beside {table.live} live ones, {last}; autovacuum begins at {begins:.0f}",
        remedy=remedy("remedy_reset_autovacuum", table=table.name)
        if of_it
        else remedy("remedy_vacuum", table=table.name),
        risk="autovacuum reads and writes the table soon, at its own pace"
        if of_it
        else "reads and writes the whole table at full speed; blocks nobody but other VACUUMs and ALTER TABLE",
        undo=remedy("remedy_disable_autovacuum", table=table.name) if of_it else "",
        weight=float(table.dead),
    )


def _frozen(node: NodeCounters, database: str, table: TableState) -> Iterator[InsightFinding]:
    limit = min(node.freeze_max_age, _number(table, "autovacuum_freeze_max_age", node.freeze_max_age))
    if table.frozen_age < FREEZE_LATE * limit:
        return
    yield InsightFinding(
        kind="wraparound",
        severity="bad" if table.frozen_age >= FREEZE_BAD else "warn",
        subject=table.name,
        database=database,
        problem="its old transaction ids are not frozen: at 2.1 billion transactions the server refuses to write",
        evidence=f"{table.frozen_age} transactions old; autovacuum was to freeze it at {limit:.0f}",
        remedy=remedy("remedy_freeze", table=table.name),
        risk=f"reads the whole table ({human_size(table.bytes)}) and writes what it freezes, at full speed; blocks "
        "nobody but other VACUUMs and ALTER TABLE. In vain while somebody holds old row versions",
        weight=float(table.frozen_age),
    )


def _bloat(found: DatabaseInsight, database: str, table: TableState) -> Iterator[InsightFinding]:
    free = found.free_bytes.get(table.oid, 0)
    if free < max(FREE_BYTES, FREE_SHARE * table.bytes):
        return
    yield InsightFinding(
        kind="bloat",
        severity="note",
        subject=table.name,
        database=database,
        problem="most of this table is estimated to be free space, which every scan of it reads",
        evidence=f"about {human_size(free)} of {human_size(table.bytes)} are free, estimated from what vacuum noted",
        remedy=remedy("remedy_repack", table=table.name),
        risk="nobody reads or writes the table meanwhile, and it needs room for a second copy; vacuum gives the space "
        "to new rows anyhow, so that it pays only where they will not come",
        weight=float(free),
    )


def _scanned(
    reading: InsightReading, found: DatabaseInsight, database: str, table: TableState
) -> Iterator[InsightFinding]:
    if table.bytes < BIG or table.rows <= 0:
        return
    costly, total = [], 0.0
    for name, counted in found.counters.items():
        scans, node = counted.get(table.oid), reading.nodes.get(name)
        since = node.counted_since(database) if node else None
        if scans is None or since is None or scans.scans < SCANS:
            continue
        share, hours = scans.rows / scans.scans / table.rows, max(1.0, (reading.taken - since) / 3600)
        read = scans.rows / table.rows * table.bytes
        if share >= SCANNED_SHARE and read / hours >= READ_AN_HOUR:
            span = human_seconds(reading.taken - since)
            costly.append(f"{name}: {scans.scans} scans read {human_size(read)} in the {span} since it counts")
            total += read / hours
    if costly:
        yield InsightFinding(
            kind="sequential_scans",
            severity="warn",
            subject=table.name,
            database=database,
            problem=f"a table of {human_size(table.bytes)} is read from end to end again and again",
            evidence="; ".join(costly),
            remedy="",
            risk="an index on what the statements ask for, where those ask for few rows; see which read most",
            weight=total,
        )


def _option(table: TableState, name: str) -> str:
    """A storage parameter as on or off, or as it is; "" where it is not set."""
    given = next((each.partition("=")[2].lower() for each in table.options if each.partition("=")[0] == name), "")
    if given in ("of", "off", "0") or (given and any(word.startswith(given) for word in ("false", "no"))):
        return "off" if name == "autovacuum_enabled" else given
    return given


def _number(table: TableState, name: str, otherwise: float) -> float:
    try:
        return float(_option(table, name))
    except ValueError:
        return otherwise
