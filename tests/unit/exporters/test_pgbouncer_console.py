"""PgBouncer's console, in the words of pgbouncer_exporter. The rows are what PgBouncer 1.26.1 answered."""

from pathlib import Path
from typing import Any

from cluster.postgres.connection import Access
from exporters.collectors.pgbouncer_console import database_row, lists_row, pool_row, read_console, totals_row
from exporters.metrics import pgbouncer
from exporters.metrics.pgbouncer import POOLS, TOTALS

POOL = {
    **{"database": "appdb", "user": "app", "cl_active": 3, "cl_waiting": 2, "cl_active_cancel_req": 0},
    **{"cl_waiting_cancel_req": 0, "sv_active": 4, "sv_active_cancel": 0, "sv_being_canceled": 0, "sv_idle": 5},
    **{"sv_used": 6, "sv_tested": 7, "sv_login": 8, "maxwait": 2, "maxwait_us": 500_000},
    **{"pool_mode": "transaction", "load_balance_hosts": None},
}
TOTAL = {
    **{"database": "appdb", "server_assignment_count": 9, "xact_count": 10, "query_count": 128, "bytes_received": 11},
    **{"bytes_sent": 12, "xact_time": 1_500_000, "query_time": 250_000, "wait_time": 2_000_000},
    **{"client_parse_count": 13, "server_parse_count": 14, "bind_count": 15, "client_login_count": 128},
}
DATABASE = {
    **{"name": "appdb_read", "host": "replica1,replica2", "port": 5432, "database": "appdb", "force_user": None},
    **{"pool_size": 23, "min_pool_size": 0, "reserve_pool_size": 1, "server_lifetime": 3600, "pool_mode": None},
    **{"load_balance_hosts": "round-robin", "max_connections": 24, "current_connections": 2, "paused": 0},
    **{"max_client_connections": 0, "current_client_connections": 0, "disabled": 0},
}
LISTS = {
    **{"databases": 6, "users": 4, "peers": 0, "pools": 1, "peer_pools": 0, "free_clients": 49, "used_clients": 1},
    **{"login_clients": 0, "free_servers": 0, "used_servers": 0, "dns_names": 3, "dns_zones": 0, "dns_queries": 2},
    **{"dns_pending": 0},
}


def _columns(source: str) -> set[str]:
    """What the metrics of one source read."""
    (family,) = (family for family in pgbouncer.FAMILIES if family.source == source)
    return {*family.labels, *(metric.column for metric in family.metrics)}


def test_every_column_that_a_metric_wants_is_there() -> None:
    made = {"pools": pool_row(POOL), "totals": totals_row(TOTAL)}
    made |= {"databases": database_row(DATABASE), "lists": lists_row(LISTS)}
    for source, row in made.items():
        missing = {column for column in _columns(source) if row.get(column) is None}
        assert missing == set(), source


def test_every_metric_of_a_pool_is_a_column_that_the_console_gives() -> None:
    assert _columns(POOLS.source) == set(pool_row(POOL))
    assert _columns(TOTALS.source) == set(totals_row(TOTAL))


def test_a_wait_is_in_seconds_with_its_fraction() -> None:
    assert pool_row(POOL)["client_maxwait_seconds"] == 2.5
    before_1_8 = {name: value for name, value in POOL.items() if name != "maxwait_us"}
    assert pool_row(before_1_8)["client_maxwait_seconds"] == 2


def test_times_are_seconds_and_counts_are_counts() -> None:
    row = totals_row(TOTAL)
    assert row["server_in_transaction_seconds_total"] == 1.5
    assert row["queries_duration_seconds_total"] == 0.25
    assert row["client_wait_seconds_total"] == 2
    assert (row["queries_pooled_total"], row["sql_transactions_pooled_total"]) == (128, 10)


def test_columns_that_this_pgbouncer_lacks_are_left_out() -> None:
    assert set(totals_row({"database": "appdb", "xact_count": 1})) == {"database", "sql_transactions_pooled_total"}
    assert pool_row({"database": "d", "user": "u", "maxwait": 0})["server_active_cancel_connections"] is None
    assert lists_row({"databases": 1})["cached_dns_names"] is None


def test_what_a_pool_does_not_set_is_an_empty_label_not_a_missing_one() -> None:
    row = database_row(DATABASE)
    assert (row["host"], row["force_user"], row["pool_mode"]) == ("replica1,replica2", "", "")
    assert database_row({**DATABASE, "host": None})["host"] == ""


def test_the_reserve_has_two_names_in_two_versions() -> None:
    older: dict[str, Any] = {name: value for name, value in DATABASE.items() if name != "reserve_pool_size"}
    assert database_row(DATABASE)["reserve_pool"] == 1
    assert database_row({**older, "reserve_pool": 7})["reserve_pool"] == 7


def test_what_is_about_dns_has_upstream_s_names() -> None:
    row = lists_row(LISTS)
    assert (row["cached_dns_names"], row["cached_dns_zones"], row["in_flight_dns_queries"]) == (3, 0, 2)


def test_a_pgbouncer_that_does_not_answer_is_a_reading_that_says_so(free_port: int, tmp_path: Path) -> None:
    reading = read_console(Access(host="127.0.0.1", port=free_port, user="monitor", password="x", ca=tmp_path / "ca"))
    assert reading.rows == {}
    assert f"nothing listens at 127.0.0.1:{free_port}: Connection refused" in reading.error
