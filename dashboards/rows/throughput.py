"""What clients do: transactions, rows, sessions."""

from dashboards.model import Row
from dashboards.panels import bars, from_, lines, series, warn_at
from dashboards.ranking import ever

_HERE = 'cluster="$cluster", instance=~"$instance", datname=~"$database"'


def _per_second(*counters: str) -> str:
    rates = (f"rate(pg_stat_database_{counter}{{{_HERE}}}[$__rate_interval])" for counter in counters)
    return f"sum by (instance) ({' + '.join(rates)})"


THROUGHPUT = Row(
    title="Queries and throughput",
    panels=(
        lines(
            "Transactions per second",
            "Transactions ended, committed or rolled back, by node. The exporter's own are among them.",
            "ops",
            series(_per_second("xact_commit", "xact_rollback"), "{{instance}}"),
        ),
        lines(
            "Active and idle sessions",
            "Client sessions that run a statement, and those that wait for their client, by node.",
            "none",
            series(
                f'sum by (instance, state) (pg_stat_activity_count{{{_HERE}, state=~"active|idle"}})',
                "{{instance}} {{state}}",
            ),
        ),
        lines(
            "Rows written",
            "Rows inserted, updated and deleted per second. Replicas replay changes without counting them.",
            "rowsps",
            *(
                series(f"sum(rate(pg_stat_database_tup_{what}{{{_HERE}}}[$__rate_interval]))", what)
                for what in ("inserted", "updated", "deleted")
            ),
        ),
        lines(
            "Rows read",
            "Rows per second by node: returned by scans of tables and indexes, and fetched by index scans. Many "
            "returned for few fetched means that whole tables are read.",
            "rowsps",
            series(_per_second("tup_returned"), "{{instance}} returned"),
            series(_per_second("tup_fetched"), "{{instance}} fetched"),
            width=12,
        ),
        lines(
            "Share of rollbacks",
            "Transactions rolled back, of all that ended, by node.",
            "percentunit",
            series(
                f"{_per_second('xact_rollback')} / ({_per_second('xact_commit', 'xact_rollback')} > 0)",
                "{{instance}}",
            ),
            width=12,
            limits=(from_(0.1, "orange"),),
        ),
    ),
)

CONNECTIONS = Row(
    title="Connections",
    panels=(
        lines(
            "Sessions of $instance",
            "Client sessions of this node by state. Idle in transaction is the one to keep small: it holds locks. "
            "States that nobody was in are left out.",
            "none",
            series(ever("state", "sum", f"pg_stat_activity_count{{{_HERE}}}"), "{{state}}"),
            width=24,
            stacked=True,
            empty="nobody was connected",
            repeat="instance",
        ),
        bars(
            "Connections used",
            "Client sessions as a share of what max_connections leaves to ordinary roles.",
            "percentunit",
            series(
                """sum by (instance) (pods_activity_client_backends{cluster="$cluster", instance=~"$instance"})
/ sum by (instance) (pg_settings_max_connections{cluster="$cluster", instance=~"$instance"}
  - pg_settings_superuser_reserved_connections{cluster="$cluster", instance=~"$instance"}
  - pg_settings_reserved_connections{cluster="$cluster", instance=~"$instance"})""",
                "{{instance}}",
            ),
            width=24,
            height=4,
            limits=warn_at(0.8, 0.95),
            most=1,
        ),
    ),
)
