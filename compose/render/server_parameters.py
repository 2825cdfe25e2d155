"""PostgreSQL parameters that every server of PODS has, whoever decides its role; and the order of a whole file. Pure.

Order inside postgresql.conf: what is derived, then the user's own file (which may override it), then what the cluster
stands on (which nothing overrides).
"""

from collections.abc import Mapping
from dataclasses import replace

from cluster.config.settings import Settings
from cluster.sizing import RESERVED_CONNECTIONS, Derived
from cluster.units import postgres_size
from compose.render.log_bounds import audit_parameters
from compose.render.preloaded_libraries import for_extensions

USER_PARAMETERS = "user.conf"
SENDERS = 40
"""max_wal_senders and max_replication_slots: room for 30 replicas, their clones and a backup."""
HEAD = "# Made by PODS from .env and data/topology.json; changes here are lost."


def whole_conf(settings: Settings, derived: Derived, fixed: Mapping[str, str]) -> str:
    """The text of a node's postgresql.conf; ``fixed`` is what the user's file cannot change."""
    lines = [HEAD, "# Your own parameters go into config/postgresql.conf."]
    for title, values in (
        ("Derived from the host, or set in .env", tunable(settings, derived)),
        ("Defaults of PODS", defaults()),
        ("For PODS_EXTENSIONS", for_extensions(settings)),
    ):
        lines += section(title, values) if values else []
    lines += ["", "# --- Yours ---", f"include_if_exists = '{USER_PARAMETERS}'"]
    lines += section("What the cluster stands on", fixed)
    return "\n".join(lines) + "\n"


def member_conf(settings: Settings, derived: Derived, node: str) -> str:
    """That of a node whose role Patroni decides: whom it follows, and who waits for it, Patroni adds after this.

    All nodes have the name of the cluster there (``cluster_name``); their own is ``pods.node``. ``auto`` is worker
    there: Patroni starts a server again inside its container, and one that gets no ring then would stay down.
    """
    if settings.io_method == "auto":
        settings = replace(settings, io_method="worker")
    fixed = {**serving(node), **logged(settings), "hot_standby": "on", "summarize_wal": "on"}
    del fixed["cluster_name"]
    return whole_conf(settings, derived, fixed | {"pods.node": f"'{node}'"})


def fleet_parameters(settings: Settings) -> dict[str, str]:
    """Parameters that are alike on all nodes, whatever their hosts."""
    return {"max_connections": str(settings.max_connections), **defaults(), **for_extensions(settings)}


def section(title: str, values: Mapping[str, str]) -> list[str]:
    """One part of the file, under its title."""
    return ["", f"# --- {title} ---", *(f"{name} = {value}" for name, value in values.items())]


def tunable(settings: Settings, derived: Derived) -> dict[str, str]:
    """What settings give or the host's sizes do."""
    return {
        "max_connections": str(settings.max_connections),
        "shared_buffers": postgres_size(derived.shared_buffers),
        "effective_cache_size": postgres_size(derived.effective_cache_size),
        "work_mem": postgres_size(derived.work_mem),
        "maintenance_work_mem": postgres_size(derived.maintenance_work_mem),
        "max_wal_size": postgres_size(derived.max_wal_size),
        "max_slot_wal_keep_size": postgres_size(derived.wal_budget),
        "io_method": "io_uring" if settings.io_method == "auto" else settings.io_method,
    }


def defaults() -> dict[str, str]:
    """What differs from PostgreSQL's own defaults."""
    return {
        "reserved_connections": str(RESERVED_CONNECTIONS),
        "max_wal_senders": str(SENDERS),
        "max_replication_slots": str(SENDERS),
        "checkpoint_timeout": "15min",
        "wal_compression": "lz4",
        "random_page_cost": "1.1",
        "track_io_timing": "on",
        "shared_preload_libraries": "'pg_stat_statements'",
        # a replica that lost its primary asks again soon, so that a restart costs a second
        "wal_retrieve_retry_interval": "500ms",
        "wal_receiver_status_interval": "1s",
        "wal_receiver_timeout": "30s",
        "wal_sender_timeout": "30s",
        "tcp_keepalives_idle": "60",
        "tcp_keepalives_interval": "10",
        "tcp_keepalives_count": "6",
        "log_line_prefix": "'%m [%p] %q%u@%d %a '",
        "log_lock_waits": "on",
        "log_timezone": "'UTC'",
        "timezone": "'UTC'",
    }


def logged(settings: Settings) -> dict[str, str]:
    """JSON is for the file that pods-node has it collect; without that it becomes text on stderr."""
    return {
        "log_destination": "'jsonlog'" if settings.log == "json" else "'stderr,jsonlog'",
        **audit_parameters(settings),
    }


def serving(name: str) -> dict[str, str]:
    """How a server listens, and what of its data nothing may weaken."""
    return {
        "listen_addresses": "'*'",
        "port": "5432",
        "unix_socket_directories": "'/var/run/postgresql'",
        "cluster_name": f"'{name}'",
        "ssl": "on",
        "ssl_cert_file": "'/run/tls/server.crt'",
        "ssl_key_file": "'/run/tls/server.key'",
        "ssl_ca_file": "'/run/tls/ca.crt'",
        "password_encryption": "'scram-sha-256'",
        "logging_collector": "off",
        "log_destination": "'stderr'",
        "full_page_writes": "on",
        "fsync": "on",
    }
