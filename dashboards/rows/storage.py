"""What PostgreSQL reads and writes: cache, files, checkpoints, WAL."""

from dashboards.model import Row
from dashboards.panels import lines, series

_THESE = 'cluster="$cluster", instance=~"$instance"'
_HERE = f'{_THESE}, datname=~"$database"'


def _rate(metric: str, by: str, matchers: str = _THESE) -> str:
    return f"sum by ({by}) (rate({metric}{{{matchers}}}[$__rate_interval]))"


def _grown(metric: str) -> str:
    return f"sum by (instance) (increase({metric}{{{_THESE}}}[$__rate_interval]))"


IO = Row(
    title="Cache and I/O",
    panels=(
        lines(
            "Cache hits",
            "Blocks found in shared buffers, of all that were asked for.",
            "percentunit",
            series(
                f"""{_rate("pg_stat_database_blks_hit", "instance", _HERE)}
/ ({_rate("pg_stat_database_blks_hit", "instance", _HERE)}
  + {_rate("pg_stat_database_blks_read", "instance", _HERE)} > 0)""",
                "{{instance}}",
            ),
            most=1,
            width=12,
        ),
        lines(
            "Read",
            "Bytes per second that PostgreSQL reads from the operating system, by who reads.",
            "Bps",
            series(_rate("pods_io_read_bytes_total", "instance, backend_type"), "{{instance}} {{backend_type}}"),
            width=12,
        ),
        lines(
            "Written",
            "Bytes per second that PostgreSQL writes to the operating system, WAL included, by who writes.",
            "Bps",
            series(_rate("pods_io_write_bytes_total", "instance, backend_type"), "{{instance}} {{backend_type}}"),
            width=12,
        ),
        lines(
            "Time spent reading",
            "Seconds spent waiting for reads per second, by who reads. Stays 0 unless track_io_timing is on.",
            "s",
            series(_rate("pods_io_read_seconds_total", "instance, backend_type"), "{{instance}} {{backend_type}}"),
            width=12,
        ),
        lines(
            "Syncs",
            "fsync calls per second, by what is synced.",
            "ops",
            series(_rate("pods_io_fsyncs_total", "instance, object"), "{{instance}} {{object}}"),
            width=12,
        ),
        lines(
            "Evictions",
            "Blocks per second thrown out of shared buffers to make room, by who needed it.",
            "ops",
            series(_rate("pods_io_evictions_total", "instance, backend_type"), "{{instance}} {{backend_type}}"),
            width=12,
        ),
    ),
)

CHECKPOINTS = Row(
    title="Checkpoints and WAL",
    panels=(
        lines(
            "Checkpoints",
            "Checkpoints about each moment: those whose time had come, and those that WAL or somebody asked for. "
            "Mostly asked-for ones mean that max_wal_size is small.",
            "none",
            series(f"round({_grown('pods_checkpointer_timed_total')})", "{{instance}} timed"),
            series(f"round({_grown('pods_checkpointer_requested_total')})", "{{instance}} requested"),
            width=6,
        ),
        lines(
            "Time in checkpoints",
            "How long checkpoints spent writing and syncing. PostgreSQL counts it when a checkpoint ends.",
            "s",
            series(_grown("pods_checkpointer_write_seconds_total"), "{{instance}} writing"),
            series(_grown("pods_checkpointer_sync_seconds_total"), "{{instance}} syncing"),
            width=6,
        ),
        lines(
            "WAL",
            "Bytes of WAL per second.",
            "Bps",
            series(_rate("pods_wal_bytes_total", "instance"), "{{instance}}"),
            width=6,
        ),
        lines(
            "Full pages in WAL",
            "Full page images per second: high after each checkpoint, then falling.",
            "ops",
            series(_rate("pods_wal_fpi_total", "instance"), "{{instance}}"),
            width=6,
        ),
    ),
)
