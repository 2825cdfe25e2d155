"""One PostgreSQL node in detail: transactions, cache and I/O, checkpoints, sessions and locks, vacuum, settings."""

from dashboards import annotations
from dashboards.model import Dashboard, Row
from dashboards.panels import figure, fine_from, from_, lines, series, warn_at
from dashboards.ranking import THE_MOST, ever, foremost, grown, highest
from dashboards.rows.storage import CHECKPOINTS, IO
from dashboards.variables import CLUSTER, DATABASE, INSTANCE

_THESE = 'cluster="$cluster", instance=~"$instance"'
_HERE = f'{_THESE}, datname=~"$database"'


def _rate(metric: str, by: str, matchers: str = _THESE) -> str:
    return f"sum by ({by}) (rate({metric}{{{matchers}}}[$__rate_interval]))"


def _rates(metric: str) -> str:
    rates = _rate(metric, "instance, datname", _HERE)
    return foremost(rates, "datname", grown(metric, _HERE, "datname"))


def _values(metric: str) -> str:
    return foremost(f"{metric}{{{_HERE}}}", "datname", highest(metric, _HERE, "datname"))


_NOW = Row(
    title="Now",
    panels=(
        figure(
            "Up for",
            "Time since PostgreSQL was started.",
            "s",
            series(f"time() - pg_postmaster_start_time_seconds{{{_THESE}}}", "{{instance}}"),
            width=6,
        ),
        figure(
            "Version",
            "The version of the server.",
            "none",
            series(f"pg_static{{{_THESE}}}", "{{instance}}: {{short_version}}"),
            width=6,
            named=True,
        ),
        figure(
            "Waiting for a restart",
            "Parameters that were changed and take effect at a restart (`inv restart`).",
            "none",
            series(f"pods_settings_pending_restart{{{_THESE}}}", "{{instance}}"),
            width=6,
            limits=(from_(1, "orange"),),
        ),
        figure(
            "Cache hits",
            "Blocks found in shared buffers, of all that were asked for, over the chosen time.",
            "percentunit",
            series(
                f"""sum by (instance) (increase(pg_stat_database_blks_hit{{{_HERE}}}[$__range]))
/ (sum by (instance) (increase(pg_stat_database_blks_hit{{{_HERE}}}[$__range])
  + increase(pg_stat_database_blks_read{{{_HERE}}}[$__range])) > 0)""",
                "{{instance}}",
            ),
            width=6,
            base="red",
            limits=fine_from(0.9, 0.98),
        ),
    ),
)

_WORK = Row(
    title="Transactions",
    panels=(
        lines(
            "Committed",
            "Transactions committed per second, by database." + THE_MOST,
            "ops",
            series(_rates("pg_stat_database_xact_commit"), "{{instance}} {{datname}}"),
            width=6,
        ),
        lines(
            "Rolled back",
            "Transactions rolled back per second, by database." + THE_MOST,
            "ops",
            series(_rates("pg_stat_database_xact_rollback"), "{{instance}} {{datname}}"),
            width=6,
        ),
        lines(
            "Deadlocks",
            "Deadlocks per second: of two transactions that wait for each other, one is cancelled." + THE_MOST,
            "ops",
            series(_rates("pg_stat_database_deadlocks"), "{{instance}} {{datname}}"),
            width=6,
        ),
        lines(
            "Temporary files",
            "Bytes per second written to temporary files: sorts and hashes that did not fit in work_mem." + THE_MOST,
            "Bps",
            series(_rates("pg_stat_database_temp_bytes"), "{{instance}} {{datname}}"),
            width=6,
            limits=(from_(10e6, "orange"),),
        ),
        lines(
            "Sessions at work",
            "Seconds of work of all sessions per second: 2 is two sessions busy all the time." + THE_MOST,
            "none",
            series(
                _rates("pg_stat_database_active_time_seconds_total"),
                "{{instance}} {{datname}}",
            ),
        ),
        lines(
            "Size",
            "Size of each database, indexes included; looked at once a minute." + THE_MOST,
            "bytes",
            series(_values("pg_database_size_bytes"), "{{instance}} {{datname}}"),
        ),
        lines(
            "Checksum failures",
            "Blocks per second whose checksum was wrong when they were read. Anything but 0 is damage." + THE_MOST,
            "ops",
            series(_rates("pods_database_checksum_failures_total"), "{{instance}} {{datname}}"),
            limits=(from_(0.000001, "red"),),
        ),
    ),
)

_SESSIONS = Row(
    title="Sessions and locks",
    panels=(
        lines(
            "Oldest transaction",
            "Age of the oldest transaction of a client. As long as it lives, vacuum cannot remove what it might see.",
            "s",
            series(f"pods_activity_oldest_transaction_seconds{{{_THESE}}}", "{{instance}}"),
            width=6,
            limits=(from_(3600, "orange"),),
        ),
        lines(
            "Idle in transaction",
            "How long the laziest open transaction has done nothing.",
            "s",
            series(f"pods_activity_oldest_idle_in_transaction_seconds{{{_THESE}}}", "{{instance}}"),
            width=6,
            limits=warn_at(300, 900),
        ),
        lines(
            "Waiting for a lock",
            "Clients that wait for a lock that another holds.",
            "none",
            series(f"pods_activity_blocked_backends{{{_THESE}}}", "{{instance}}"),
            width=6,
            limits=(from_(5, "orange"),),
        ),
        lines(
            "Locks",
            "Locks held or awaited, by mode; modes without locks are left out.",
            "none",
            series(ever("instance, mode", "sum", f"pg_locks_count{{{_HERE}}}"), "{{instance}} {{mode}}"),
            width=6,
        ),
    ),
)

_VACUUM = Row(
    title="Vacuum and wraparound",
    panels=(
        lines(
            "Transaction ids in use",
            "Transaction ids since the oldest row not frozen, by database. Near 2 billion PostgreSQL refuses to write."
            + THE_MOST,
            "short",
            series(_values("pods_database_xid_age"), "{{instance}} {{datname}}"),
            width=12,
            limits=warn_at(5e8, 1.2e9),
        ),
        lines(
            "Multixact ids in use",
            "The same for multixact ids, which rows locked by several transactions use." + THE_MOST,
            "short",
            series(_values("pods_database_mxid_age"), "{{instance}} {{datname}}"),
            width=12,
            limits=warn_at(5e8, 1.2e9),
        ),
        lines(
            "Held back from vacuum",
            "Transactions since the oldest whose rows vacuum must leave, by what needs them: a session, a query of a "
            "replica (by feedback), a slot, a prepared transaction. What was deleted since then stays.",
            "short",
            series(ever("instance, held_by", "max", f"pods_xmin_age{{{_THESE}}}"), "{{instance}} {{held_by}}"),
            width=12,
            empty="nothing holds vacuum back",
            limits=(from_(10e6, "orange"),),
        ),
        lines(
            "Prepared transactions",
            "Age of the oldest prepared transaction; one that nobody ends outlives every restart.",
            "s",
            series(f"pods_prepared_oldest_seconds{{{_THESE}}}", "{{instance}}"),
            width=12,
            limits=(from_(3600, "orange"),),
        ),
    ),
)

_SETTINGS = Row(
    title="Settings",
    panels=tuple(
        figure(
            name,
            f"The parameter {name} now. It should be the same on every node.",
            unit,
            series(f"pg_settings_{metric}{{{_THESE}}}", "{{instance}}"),
            width=4,
        )
        for name, metric, unit in (
            ("shared_buffers", "shared_buffers_bytes", "bytes"),
            ("effective_cache_size", "effective_cache_size_bytes", "bytes"),
            ("work_mem", "work_mem_bytes", "bytes"),
            ("max_connections", "max_connections", "none"),
            ("max_wal_size", "max_wal_size_bytes", "bytes"),
            ("checkpoint_timeout", "checkpoint_timeout_seconds", "s"),
        )
    ),
)

DASHBOARD = Dashboard(
    uid="pods-node",
    title="PODS / PostgreSQL",
    description="PostgreSQL nodes in detail: transactions, cache and I/O, checkpoints, sessions, vacuum, settings.",
    variables=(CLUSTER, INSTANCE, DATABASE),
    annotations=annotations.ALL,
    rows=(_NOW, _WORK, IO, CHECKPOINTS, _SESSIONS, _VACUUM, _SETTINGS),
)
