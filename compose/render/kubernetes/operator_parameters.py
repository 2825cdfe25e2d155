"""Which of our parameters CloudNativePG takes, of PostgreSQL and of PgBouncer. Pure.

Source: CloudNativePG 1.30, pkg/postgres/configuration.go and internal/webhook/v1/pooler_webhook.go: what the operator
sets itself its webhook refuses, and of PgBouncer it takes a list.
"""

import re
from collections.abc import Mapping
from configparser import ConfigParser

_THE_OPERATORS = re.compile(
    r"""(allow_system_table_mods|archive_(mode|command|cleanup_command)|bonjour(_name)?|cluster_name|config_file
    |data_directory|data_sync_retry|event_source|external_pid_file|hba_file|hot_standby|ident_file|jit_provider
    |listen_addresses|logging_collector|log_(destination|directory|file_mode|filename|truncate_on_rotation)
    |log_rotation_(age|size)|pg_failover_slots\..*|port|primary_(conninfo|slot_name)|promote_trigger_file
    |recovery_(target.*|end_command|min_apply_delay)|restart_after_crash|restore_command|shared_preload_libraries|ssl.*
    |stats_temp_directory|synchron(ous_standby_names|ized_standby_slots)|syslog_.*|temp_tablespaces
    |unix_socket_(directories|group|permissions)|password_encryption|include.*)\Z""",
    re.VERBOSE,
)
"""What it sets itself; password_encryption is SCRAM there too, and cannot be given twice."""
_POOLERS = (
    "default_pool_size",
    "ignore_startup_parameters",
    "idle_transaction_timeout",
    "max_client_conn",
    "max_db_connections",
    "max_prepared_statements",
    "query_wait_timeout",
    "reserve_pool_size",
    "reserve_pool_timeout",
    "server_idle_timeout",
    "server_lifetime",
    "server_login_retry",
    "server_reset_query",
    "server_reset_query_always",
    "tcp_keepalive",
    "tcp_keepcnt",
    "tcp_keepidle",
    "tcp_keepintvl",
    "tcp_user_timeout",
)


def server_parameters(ours: Mapping[str, str]) -> dict[str, str]:
    """What of our postgresql.conf goes into the manifest, each value a string.

    io_uring is not among the calls that Kubernetes' default seccomp profile lets through.
    """
    kept = {name: value for name, value in ours.items() if not _THE_OPERATORS.match(name)}
    if kept.get("io_method") == "io_uring":
        kept["io_method"] = "worker"
    return dict(sorted(kept.items()))


def preloaded(ours: Mapping[str, str]) -> list[str]:
    """The libraries that a server loads at its start; these two the operator adds by itself, by their parameters."""
    found = [name.strip() for name in ours.get("shared_preload_libraries", "").split(",")]
    return [name for name in found if name and name not in ("pg_stat_statements", "pgaudit")]


def pooler_parameters(ini: str) -> dict[str, str]:
    """What of our pgbouncer.ini goes into a Pooler."""
    parser = ConfigParser(interpolation=None, comment_prefixes=(";", "#", "%"), strict=False)
    parser.read_string(ini)
    section = parser["pgbouncer"]
    return {name: section[name] for name in _POOLERS if name in section}
