"""Statements: which take the time, are executed most, read, write WAL and spill, by PostgreSQL's queryid."""

from dashboards import annotations
from dashboards.model import Dashboard, Panel, Row
from dashboards.panels import lines, series
from dashboards.ranking import THE_MOST, foremost, grown
from dashboards.variables import CLUSTER, DATABASE, INSTANCE

_HERE = 'cluster="$cluster", instance=~"$instance", datname=~"$database"'
_BY = "datname, queryid"
_TEXTS = " `inv insight` has the text of a queryid."


def _rate(metric: str) -> str:
    return f"sum by (instance, {_BY}) (rate({metric}{{{_HERE}}}[$__rate_interval]))"


def _sum(metric: str) -> str:
    return f"sum by (instance) (rate({metric}{{{_HERE}}}[$__rate_interval]))"


def _most(title: str, description: str, unit: str, metric: str, width: int = 12) -> Panel:
    query = foremost(_rate(metric), _BY, grown(metric, _HERE, _BY))
    return lines(
        title, description + THE_MOST + _TEXTS, unit, series(query, "{{instance}} {{datname}} {{queryid}}"), width=width
    )


_TIME = Row(
    title="Time",
    panels=(
        _most(
            "Time",
            "Seconds of execution per second: 1 is one session busy with it all the time; `other` is all that have no "
            "line of their own.",
            "none",
            "pg_stat_statements_seconds_total",
        ),
        _most("Executions", "How often per second each is executed.", "ops", "pg_stat_statements_calls_total"),
        lines(
            "Time of one execution",
            "Mean of each statement by itself. One that rises while its executions do not has lost its plan, its index "
            "or its cache; sessions that wait for a lock count too." + THE_MOST + _TEXTS,
            "s",
            series(
                foremost(
                    f"{_rate('pg_stat_statements_seconds_total')}\n  / ({_rate('pg_stat_statements_calls_total')} > 0)",
                    _BY,
                    grown("pg_stat_statements_seconds_total", _HERE, _BY),
                ),
                "{{instance}} {{datname}} {{queryid}}",
            ),
            width=12,
        ),
        _most("Rows", "Rows returned or changed per second.", "rowsps", "pg_stat_statements_rows_total"),
    ),
)

_BLOCKS = Row(
    title="Reading and writing",
    panels=(
        _most(
            "Blocks read",
            "Blocks of 8 kB per second that were not in shared buffers.",
            "ops",
            "pods_statement_blocks_read_total",
            width=8,
        ),
        _most(
            "WAL",
            "Bytes of WAL per second: what replicas replay and the archive keeps.",
            "Bps",
            "pods_statement_wal_bytes_total",
            width=8,
        ),
        _most(
            "Temporary files",
            "Bytes per second to and from temporary files: sorts and hashes that did not fit in work_mem.",
            "Bps",
            "pods_statement_temp_bytes_total",
            width=8,
        ),
        lines(
            "Waiting for blocks",
            "Seconds per second that statements wait for blocks to be read and written; 0 without track_io_timing.",
            "none",
            series(_sum("pg_stat_statements_block_read_seconds_total"), "{{instance}} read"),
            series(_sum("pg_stat_statements_block_write_seconds_total"), "{{instance}} write"),
            width=24,
        ),
    ),
)

DASHBOARD = Dashboard(
    uid="pods-statements",
    title="PODS / Statements",
    description="The statements of each node that take most time: executions, rows, blocks, WAL and temporary files.",
    variables=(CLUSTER, INSTANCE, DATABASE),
    annotations=annotations.ALL,
    rows=(_TIME, _BLOCKS),
)
