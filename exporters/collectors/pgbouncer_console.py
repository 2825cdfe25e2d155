"""PgBouncer's SHOW commands, as rows under the names that pgbouncer_exporter gave their columns.

Columns are taken by name and unknown ones passed over: they came and went with PgBouncer's versions.
Source: PgBouncer documentation, "Admin console".
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from cluster.pgbouncer import is_pool
from cluster.postgres.connection import Access, connect
from cluster.postgres.failures import ConnectError, translated
from exporters.declarations import Row

if TYPE_CHECKING:
    import psycopg


_POOLS = {
    "client_active_connections": "cl_active",
    "client_waiting_connections": "cl_waiting",
    "client_active_cancel_connections": "cl_active_cancel_req",
    "client_waiting_cancel_connections": "cl_waiting_cancel_req",
    "server_active_connections": "sv_active",
    "server_active_cancel_connections": "sv_active_cancel",
    "server_being_canceled_connections": "sv_being_canceled",
    "server_idle_connections": "sv_idle",
    "server_used_connections": "sv_used",
    "server_testing_connections": "sv_tested",
    "server_login_connections": "sv_login",
}
_TOTALS = {
    "queries_pooled_total": ("query_count", 1.0),
    "queries_duration_seconds_total": ("query_time", 1e-6),
    "sql_transactions_pooled_total": ("xact_count", 1.0),
    "server_in_transaction_seconds_total": ("xact_time", 1e-6),
    "received_bytes_total": ("bytes_received", 1.0),
    "sent_bytes_total": ("bytes_sent", 1.0),
    "client_wait_seconds_total": ("wait_time", 1e-6),
    "client_parses_total": ("client_parse_count", 1.0),
    "server_parses_total": ("server_parse_count", 1.0),
    "binds_total": ("bind_count", 1.0),
    "server_assignments_total": ("server_assignment_count", 1.0),
}
_LISTS = {"cached_dns_names": "dns_names", "cached_dns_zones": "dns_zones", "in_flight_dns_queries": "dns_queries"}
_CONFIG = {"max_client_connections": "max_client_conn", "max_user_connections": "max_user_connections"}


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsoleReading:
    """Rows by source, or why there are none."""

    rows: Mapping[str, Sequence[Row]] = field(default_factory=dict)
    error: str = ""


def read_console(access: Access) -> ConsoleReading:
    """Every SHOW command over one connection; a console that cannot be reached gives a reading with an error."""
    try:
        with translated(), connect(access, console=True) as console:
            return ConsoleReading(rows=_read(console))
    except ConnectError as error:
        return ConsoleReading(error=error.message)


def _read(console: "psycopg.Connection[Any]") -> dict[str, list[Row]]:
    # The console is not SQL: these are its commands.
    databases = [row for row in console.execute("SHOW DATABASES").fetchall() if is_pool(row["name"], row["host"])]
    known = {row["name"] for row in databases}
    pools = [row for row in console.execute("SHOW POOLS").fetchall() if row["database"] in known]
    totals = [row for row in console.execute("SHOW STATS_TOTALS").fetchall() if row["database"] in known]
    lists = {row["list"]: row["items"] for row in console.execute("SHOW LISTS").fetchall()}
    config = {row["key"]: row["value"] for row in console.execute("SHOW CONFIG").fetchall()}
    version = console.execute("SHOW VERSION").fetchall()[0]
    return {
        "pools": [pool_row(row) for row in pools],
        "totals": [totals_row(row) for row in totals],
        "databases": [database_row(row) for row in databases],
        "lists": [lists_row(lists)],
        "config": [{name: config.get(key) for name, key in _CONFIG.items()}],
        "version": [{"version": str(next(iter(version.values()))), "version_info": 1}],
    }


def pool_row(row: Row) -> Row:
    """One row of SHOW POOLS; the wait has a part in seconds and one in microseconds."""
    waited = float(row["maxwait"]) + float(row.get("maxwait_us", 0)) / 1e6
    counts = {name: row.get(column) for name, column in _POOLS.items()}
    return {"database": row["database"], "user": row["user"], **counts, "client_maxwait_seconds": waited}


def totals_row(row: Row) -> Row:
    """One row of SHOW STATS_TOTALS; its times are microseconds."""
    found = {name: float(row[column]) * scale for name, (column, scale) in _TOTALS.items() if column in row}
    return {"database": row["database"], **found}


def lists_row(lists: Row) -> Row:
    """SHOW LISTS, turned on its side; what is about DNS has longer names upstream."""
    return {**lists, **{name: lists.get(key) for name, key in _LISTS.items()}}


def database_row(row: Row) -> Row:
    """One row of SHOW DATABASES; what a pool does not set is an empty label. PgBouncer 1.24 renamed a column."""
    texts = {name: row.get(name) or "" for name in ("host", "force_user", "pool_mode")}
    return {**row, **texts, "reserve_pool": row.get("reserve_pool_size", row.get("reserve_pool"))}
