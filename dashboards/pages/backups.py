"""Backups and the WAL archive: how old, how large, how far back, and whether they were proven."""

from dashboards import annotations
from dashboards.model import Dashboard, Row
from dashboards.panels import figure, from_, lines, series, states, warn_at, word
from dashboards.variables import CLUSTER

_THESE = '{cluster="$cluster"}'

_NOW = Row(
    title="Now",
    panels=(
        figure(
            "Last backup",
            "How long ago a backup last ended well.",
            "s",
            series(f"time() - max(pods_backup_last_success_timestamp_seconds{_THESE})", "ago"),
            limits=warn_at(36 * 3600, 60 * 3600),
            empty="never",
        ),
        figure(
            "Last trial restore",
            "How long ago the newest backup was last restored into a throw-away server.",
            "s",
            series(f"time() - max(pods_backup_drill_last_timestamp_seconds{_THESE})", "ago"),
            limits=warn_at(8 * 86400, 14 * 86400),
            empty="never",
        ),
        figure(
            "Damaged or missing",
            "Backups that a check found damaged, and segments of WAL that are not where they should be.",
            "none",
            series(f"sum(pods_backup_damaged{_THESE}) + sum(pods_backup_missing_wal_segments{_THESE})", "objects"),
            limits=(from_(1, "red"),),
        ),
        figure(
            "Reaches back",
            "How far back a restore can go: to the end of the oldest backup whose WAL is all there.",
            "s",
            series(f"time() - min(pods_backup_oldest_recoverable_timestamp_seconds{_THESE})", "back"),
            empty="nowhere",
        ),
        figure(
            "Could be lost",
            "Age of the oldest WAL that the store lacks: what the loss of this host would cost now.",
            "s",
            series(f"min(pods_wal_archive_lag_seconds{_THESE})", "seconds"),
            limits=warn_at(300, 900),
            empty="nothing is archived",
        ),
        figure(
            "Backups",
            "Backups that are stored and complete.",
            "none",
            series(f"sum(pods_backup_kept{_THESE})", "backups"),
            base="red",
            limits=(from_(1, "green"),),
        ),
    ),
)

_BACKUPS = Row(
    title="Backups",
    panels=(
        lines(
            "Size",
            "Size of the latest backup as it is stored. Half of what it was yesterday deserves a look.",
            "bytes",
            series(f"pods_backup_last_size_bytes{_THESE}", "{{type}} {{storage}}"),
        ),
        lines(
            "Duration",
            "How long the latest backup took.",
            "s",
            series(f"pods_backup_last_duration_seconds{_THESE}", "{{type}} {{storage}}"),
        ),
        lines(
            "Age",
            "Age of the latest backup that ended well. A saw with one tooth a day is as it should be.",
            "s",
            series(f"time() - pods_backup_last_success_timestamp_seconds{_THESE}", "{{type}} {{storage}}"),
            limits=warn_at(36 * 3600, 60 * 3600),
        ),
        states(
            "Under way",
            "When backups ran, and for how long.",
            series(f"max(pods_backup_in_progress{_THESE})", "backup"),
            words=(word(0, "no", "transparent"), word(1, "running", "blue")),
            height=4,
        ),
        states(
            "Last attempt",
            "Whether the latest attempt failed: it is younger than the latest success, or nothing ever succeeded.",
            series(
                f"""(max(pods_backup_last_failure_timestamp_seconds{_THESE})
  > bool max(pods_backup_last_success_timestamp_seconds{_THESE}))
or max(pods_backup_last_failure_timestamp_seconds{_THESE}) * 0 + 1
or max(pods_backup_last_success_timestamp_seconds{_THESE}) * 0""",
                "backup",
            ),
            words=(word(0, "well", "green"), word(1, "failed", "red")),
            height=4,
        ),
    ),
)

_ARCHIVE = Row(
    title="WAL archive",
    panels=(
        lines(
            "Lag",
            "Age of the oldest WAL that each store lacks. A saw up to BACKUP_TAIL_SECONDS is as it should be.",
            "s",
            series(f"pods_wal_archive_lag_seconds{_THESE}", "{{storage}}"),
            limits=warn_at(300, 900),
        ),
        lines(
            "Waiting",
            "WAL segments that wait to be archived.",
            "none",
            series(f"pods_wal_archive_ready_files{_THESE}", "{{storage}}"),
            limits=warn_at(10, 100),
        ),
        lines(
            "Spool",
            "WAL that is kept on this host until every store has it. When it is full, the primary keeps the rest.",
            "bytes",
            series(f"pods_wal_archive_spool_bytes{_THESE}", "kept"),
            series(f"pods_wal_archive_spool_limit_bytes{_THESE}", "limit"),
        ),
        lines(
            "WAL written",
            "Bytes of WAL per second that the primary writes, and so the archive has to take.",
            "Bps",
            series(f"sum(rate(pods_wal_bytes_total{_THESE}[$__rate_interval]))", "written"),
        ),
        lines(
            "WAL stored",
            "Segments per second that get into each store.",
            "none",
            series(f"rate(pods_wal_archive_segments_total{_THESE}[$__rate_interval])", "{{storage}}"),
        ),
        lines(
            "In the stores",
            "Bytes of all backups, and of all WAL.",
            "bytes",
            series(f"pods_backup_stored_bytes{_THESE}", "backups {{storage}}"),
            series(f"pods_backup_stored_wal_bytes{_THESE}", "WAL {{storage}}"),
        ),
    ),
)

DASHBOARD = Dashboard(
    uid="pods-backups",
    title="PODS / Backups",
    description="Backups and the WAL archive: how old, how large, how far back a restore reaches, and what was proven.",
    variables=(CLUSTER,),
    annotations=annotations.ALL,
    rows=(_NOW, _BACKUPS, _ARCHIVE),
)
