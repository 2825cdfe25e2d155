"""PgBouncer at a glance."""

from dashboards.model import Row
from dashboards.panels import from_, lines, series
from dashboards.ranking import THE_MOST, foremost, grown, highest

_THESE = 'cluster="$cluster", database=~"$pool"'


def _sum(what: str) -> str:
    name = f"pgbouncer_pools_{what}_connections"
    return foremost(f"sum by (database) ({name}{{{_THESE}}})", "database", highest(name, _THESE, "database"))


_QUERIES = "pgbouncer_stats_totals_queries_pooled_total"
POOLS = Row(
    title="PgBouncer",
    panels=(
        lines(
            "Clients",
            "Clients of each pool that are served: on a server connection, or idle between two transactions."
            + THE_MOST,
            "none",
            series(_sum("client_active"), "{{database}}"),
            width=6,
        ),
        lines(
            "Clients waiting",
            "Clients that wait for a server connection. For minutes: the pool is too small or the servers too slow."
            + THE_MOST,
            "none",
            series(_sum("client_waiting"), "{{database}}"),
            width=6,
            limits=(from_(1, "orange"),),
        ),
        lines(
            "Server connections",
            "Connections from PgBouncer to PostgreSQL, by pool: in use by a client, and idle." + THE_MOST,
            "none",
            series(_sum("server_active"), "{{database}} active"),
            series(_sum("server_idle"), "{{database}} idle"),
            width=6,
        ),
        lines(
            "Queries per second",
            "Queries that PgBouncer passed on, by pool." + THE_MOST,
            "reqps",
            series(
                foremost(
                    f"sum by (database) (rate({_QUERIES}{{{_THESE}}}[$__rate_interval]))",
                    "database",
                    grown(_QUERIES, _THESE, "database"),
                ),
                "{{database}}",
            ),
            width=6,
        ),
    ),
)
