"""The metrics of statements of one server: a few by name, of which a queryid is one, and the rest. Never a text."""

from exporters.declarations import Family, counter

_LABELS = ("datname", "queryid")
STATEMENTS = (
    Family(
        source="metrics_statements",
        rest=True,
        prefix="pg_stat_statements_",
        labels=_LABELS,
        metrics=(
            counter("calls_total", "How often the statement was executed.", "calls"),
            counter("seconds_total", "Time spent executing it.", "seconds"),
            counter("rows_total", "Rows it returned or changed.", "rows"),
            counter("block_read_seconds_total", "Time it waited for blocks to be read.", "block_read_seconds"),
            counter("block_write_seconds_total", "Time it waited for blocks to be written.", "block_write_seconds"),
        ),
    ),
    Family(
        source="metrics_statements",
        rest=True,
        prefix="pods_statement_",
        labels=_LABELS,
        metrics=(
            counter("blocks_read_total", "Blocks of 8 kB that were not in shared buffers.", "blocks_read"),
            counter("temp_bytes_total", "Bytes of temporary files it read and wrote.", "temp_bytes"),
            counter("wal_bytes_total", "Bytes of WAL it wrote.", "wal_bytes"),
        ),
    ),
)
