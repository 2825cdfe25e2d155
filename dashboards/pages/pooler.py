"""PgBouncer in detail: who waits, for what, and how much passes through."""

from dashboards import annotations
from dashboards.model import Dashboard, Row
from dashboards.panels import bars, figure, from_, lines, series, states, warn_at, word
from dashboards.ranking import THE_MOST, foremost, grown, highest, lowest
from dashboards.tables import cells, newest, table
from dashboards.variables import CLUSTER, POOL, SERVED

_THESE = 'cluster="$cluster", database=~"$pool"'
_LED = 'cluster="$cluster", pool=~"$pool"'
_SIZED = 'cluster="$cluster", name=~"$pool"'


def _sum(metric: str) -> str:
    name = f"pgbouncer_pools_{metric}"
    return foremost(f"sum by (database) ({name}{{{_THESE}}})", "database", highest(name, _THESE, "database"))


def _rate(metric: str) -> str:
    return f"sum by (database) (rate(pgbouncer_stats_totals_{metric}{{{_THESE}}}[$__rate_interval]))"


def _rates(metric: str) -> str:
    name = f"pgbouncer_stats_totals_{metric}"
    return foremost(_rate(metric), "database", grown(name, _THESE, "database"))


def _longest_wait() -> str:
    name = "pgbouncer_pools_client_maxwait_seconds"
    return foremost(f"max by (database) ({name}{{{_THESE}}})", "database", highest(name, _THESE, "database"))


_NOW = Row(
    title="Now",
    panels=(
        figure(
            "PgBouncer",
            "Whether PgBouncer's console answers.",
            "none",
            series('pgbouncer_up{cluster="$cluster"}', "PgBouncer"),
            words=(word(0, "down", "red"), word(1, "up", "green")),
        ),
        figure(
            "Version",
            "The version of PgBouncer.",
            "none",
            series('pgbouncer_version_info{cluster="$cluster"}', "{{version}}"),
            named=True,
        ),
        figure(
            "Clients",
            "Clients connected to all pools.",
            "none",
            series('pgbouncer_used_clients{cluster="$cluster"}', "clients"),
            graph=True,
        ),
        figure(
            "Places for clients taken",
            "Clients connected, of max_client_conn.",
            "percentunit",
            series(
                """pgbouncer_used_clients{cluster="$cluster"}
/ pgbouncer_config_max_client_connections{cluster="$cluster"}""",
                "taken",
            ),
            limits=warn_at(0.7, 0.85),
        ),
        figure(
            "Waiting",
            "Clients that wait for a server connection, in the chosen pools.",
            "none",
            series(f"sum(pgbouncer_pools_client_waiting_connections{{{_THESE}}})", "waiting"),
            limits=(from_(1, "orange"),),
        ),
        figure(
            "Longest wait",
            "How long the first in any queue has waited.",
            "s",
            series(f"max(pgbouncer_pools_client_maxwait_seconds{{{_THESE}}})", "wait"),
            limits=warn_at(1, 5),
        ),
        states(
            "Where pools lead",
            "Whether PgBouncer sends each pool where it should. A write pool that does not lead to the primary fails "
            "every write. Eight of them, those first that ever led elsewhere.",
            series(
                foremost(f"pods_pool_target{{{_LED}}}", "pool, node", lowest("pods_pool_target", _LED, "pool, node")),
                "{{pool}} → {{node}}",
            ),
            words=(word(0, "elsewhere", "red"), word(1, "there", "green")),
            width=12,
            height=8,
        ),
        table(
            "Databases of PgBouncer",
            "How each pool is set up, and whether it is held.",
            {"name": "pool", "host": "leads to"},
            {
                "size": (
                    cells(
                        f"""max by (name, host) (
  {newest('pgbouncer_databases_pool_size{cluster="$cluster", name=~"$pool"}', "name")})"""
                    ),
                    "none",
                ),
                "in use": (
                    cells('max by (name) (pgbouncer_databases_current_connections{cluster="$cluster", name=~"$pool"})'),
                    "none",
                ),
                "paused": (
                    cells('max by (name) (pgbouncer_databases_paused{cluster="$cluster", name=~"$pool"})'),
                    "none",
                ),
                "disabled": (
                    cells('max by (name) (pgbouncer_databases_disabled{cluster="$cluster", name=~"$pool"})'),
                    "none",
                ),
            },
            words={
                "paused": (word(0, "no", "text"), word(1, "paused", "orange")),
                "disabled": (word(0, "no", "text"), word(1, "disabled", "orange")),
            },
            width=12,
            height=8,
        ),
    ),
)

_QUEUE = Row(
    title="Clients",
    panels=(
        lines(
            "Served",
            "Clients on a server connection, or idle between two transactions." + THE_MOST,
            "none",
            series(_sum("client_active_connections"), "{{database}}"),
        ),
        lines(
            "Waiting",
            "Clients that wait for a server connection." + THE_MOST,
            "none",
            series(_sum("client_waiting_connections"), "{{database}}"),
            limits=(from_(1, "orange"),),
        ),
        lines(
            "Longest wait",
            "How long the first in the queue has waited." + THE_MOST,
            "s",
            series(_longest_wait(), "{{database}}"),
            limits=warn_at(1, 5),
        ),
    ),
)

_SERVERS = Row(
    title="Server connections",
    panels=(
        lines(
            "By what they do",
            "Server connections of the chosen pools: in use, idle, idle so long that they are checked before use, "
            "being checked, logging in.",
            "none",
            *(
                series(f"sum(pgbouncer_pools_server_{what}_connections{{{_THESE}}})", what)
                for what in ("active", "idle", "used", "testing", "login")
            ),
            stacked=True,
        ),
        lines(
            "In use",
            "Server connections that a client uses, by pool." + THE_MOST,
            "none",
            series(_sum("server_active_connections"), "{{database}}"),
        ),
        bars(
            "Of the pool's size",
            "Server connections there are, of those the pool may have." + THE_MOST,
            "percentunit",
            series(
                foremost(
                    f"""max by (name) (pgbouncer_databases_current_connections{{{_SIZED}}}
  / (pgbouncer_databases_pool_size{{{_SIZED}}} > 0))""",
                    "name",
                    highest("pgbouncer_databases_current_connections", _SIZED, "name"),
                ),
                "{{name}}",
            ),
            limits=warn_at(0.8, 1),
            most=1,
        ),
    ),
)

_TRAFFIC = Row(
    title="Traffic",
    panels=(
        lines(
            "Transactions",
            "Transactions per second, by pool." + THE_MOST,
            "ops",
            series(_rates("sql_transactions_pooled_total"), "{{database}}"),
            width=6,
        ),
        lines(
            "Queries",
            "Queries per second, by pool." + THE_MOST,
            "reqps",
            series(_rates("queries_pooled_total"), "{{database}}"),
            width=6,
        ),
        lines(
            "Time of a query",
            "Mean time that servers spend on a query, by pool; nothing where there are none." + THE_MOST,
            "s",
            series(
                foremost(
                    f"{_rate('queries_duration_seconds_total')} / ({_rate('queries_pooled_total')} > 0)",
                    "database",
                    grown("pgbouncer_stats_totals_queries_duration_seconds_total", _THESE, "database"),
                ),
                "{{database}}",
            ),
            width=6,
        ),
        lines(
            "Time spent waiting",
            "Seconds that clients wait for a server connection, per second, by pool." + THE_MOST,
            "s",
            series(_rates("client_wait_seconds_total"), "{{database}}"),
            width=6,
        ),
        lines(
            "From clients",
            "Bytes per second from clients, by pool." + THE_MOST,
            "Bps",
            series(_rates("received_bytes_total"), "{{database}}"),
        ),
        lines(
            "To clients",
            "Bytes per second to clients, by pool." + THE_MOST,
            "Bps",
            series(_rates("sent_bytes_total"), "{{database}}"),
        ),
        lines(
            "Prepared statements",
            "Prepared statements per second: made by clients, made by PgBouncer on a server, and run.",
            "ops",
            series(f"sum({_rate('client_parses_total')})", "made by clients"),
            series(f"sum({_rate('server_parses_total')})", "made on servers"),
            series(f"sum({_rate('binds_total')})", "run"),
        ),
    ),
)

DASHBOARD = Dashboard(
    uid="pods-pgbouncer",
    title="PODS / PgBouncer",
    description="PgBouncer's pools in detail: who waits, for what, and how much passes through.",
    variables=(CLUSTER, SERVED, POOL),
    annotations=annotations.ALL,
    rows=(_NOW, _QUEUE, _SERVERS, _TRAFFIC),
)
