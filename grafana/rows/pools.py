"""PgBouncer at a glance."""

from grafana.model import Row
from grafana.panels import from_, lines, series

POOLS = Row(
    title="PgBouncer",
    panels=(
        lines(
            "Clients",
            "Clients of each pool that are served: on a server connection, or idle between two transactions.",
            "none",
            series(
                """sum by (database) (
  pgbouncer_pools_client_active_connections{cluster="$cluster", database=~"$pool"})""",
                "{{database}}",
            ),
            width=6,
        ),
        lines(
            "Clients waiting",
            "Clients that wait for a server connection. For minutes: the pool is too small or the servers too slow.",
            "none",
            series(
                """sum by (database) (
  pgbouncer_pools_client_waiting_connections{cluster="$cluster", database=~"$pool"})""",
                "{{database}}",
            ),
            width=6,
            limits=(from_(1, "orange"),),
        ),
        lines(
            "Server connections",
            "Connections from PgBouncer to PostgreSQL, by pool: in use by a client, and idle.",
            "none",
            series(
                """sum by (database) (
  pgbouncer_pools_server_active_connections{cluster="$cluster", database=~"$pool"})""",
                "{{database}} active",
            ),
            series(
                'sum by (database) (pgbouncer_pools_server_idle_connections{cluster="$cluster", database=~"$pool"})',
                "{{database}} idle",
            ),
            width=6,
        ),
        lines(
            "Queries per second",
            "Queries that PgBouncer passed on, by pool.",
            "reqps",
            series(
                """sum by (database) (rate(
  pgbouncer_stats_totals_queries_pooled_total{cluster="$cluster", database=~"$pool"}[$__rate_interval]))""",
                "{{database}}",
            ),
            width=6,
        ),
    ),
)
