"""One node's PostgreSQL configuration, whole, from settings and topology. Pure.

Order inside postgresql.conf: what is derived, then the user's own file (which may override it), then what the cluster
stands on (which nothing overrides).
"""

import re
from collections.abc import Mapping

from cluster.config.settings import Settings
from cluster.config.validators import on_loopback
from cluster.http.pages import EVERYWHERE
from cluster.naming import slot_of
from cluster.pools import synchronous_count
from cluster.sizing import MB, RESERVED_CONNECTIONS, Derived
from cluster.topology import Copy, Role, Topology
from cluster.units import postgres_size
from compose.render.link_local import LINK_LOCAL

USER_PARAMETERS = "user.conf"
USER_HBA = "user_hba.conf"

SENDERS = 40
"""max_wal_senders and max_replication_slots: room for 30 replicas, their clones and a backup."""
NO_MAPS = "# Made by PODS: no user name maps.\n"
"""The text of pg_ident.conf."""
_PRELOAD = re.compile(r"^\s*shared_preload_libraries\b([^#\n]*)", re.IGNORECASE | re.MULTILINE)
NO_STATISTICS = (
    "config/postgresql.conf sets shared_preload_libraries without pg_stat_statements: no statement is counted"
)
_HEAD = "# Made by PODS from .env and data/topology.json; changes here are lost."


def postgresql_conf(settings: Settings, topology: Topology, derived: Derived, node: str) -> str:
    """The text of ``node``'s postgresql.conf."""
    lines = [_HEAD, "# Your own parameters go into config/postgresql.conf."]
    for title, values in (
        ("Derived from the host, or set in .env", _tunable(settings, derived)),
        ("Defaults of PODS", _defaults()),
    ):
        lines += _section(title, values)
    lines += ["", "# --- Yours ---", f"include_if_exists = '{USER_PARAMETERS}'"]
    lines += _section("What the cluster stands on", _fixed(settings, topology, node))
    return "\n".join(lines) + "\n"


def _section(title: str, values: Mapping[str, str]) -> list[str]:
    return ["", f"# --- {title} ---", *(f"{name} = {value}" for name, value in values.items())]


def copy_conf(settings: Settings, derived: Derived, copy: Copy) -> str:
    """The text of postgresql.conf of a copy beside the cluster; nothing of the user's own, which is meant for nodes."""
    lines = [
        _HEAD,
        *_section("Small, so that the cluster has the host to itself", _small(settings, derived)),
        *_section("What every server of PODS stands on", _serving(copy.name)),
        *_section("Apart from the cluster", _apart(copy)),
    ]
    return "\n".join(lines) + "\n"


def _small(settings: Settings, derived: Derived) -> dict[str, str]:
    return {
        "max_connections": str(settings.max_connections),
        "shared_buffers": postgres_size(min(derived.shared_buffers, 128 * MB)),
        "effective_cache_size": postgres_size(min(derived.effective_cache_size, 512 * MB)),
        "work_mem": "4MB",
        "maintenance_work_mem": "64MB",
        "max_wal_size": postgres_size(min(derived.max_wal_size, 1024 * MB)),
        # the rings of io_uring count against a limit that all nodes of a host share
        "io_method": "worker",
        **{name: _defaults()[name] for name in ("random_page_cost", "log_line_prefix", "log_timezone", "timezone")},
    }


def _apart(copy: Copy) -> dict[str, str]:
    """It sends nothing to anybody and takes nothing from anybody, whatever its data says it was part of."""
    parameters = {
        "archive_mode": "off",
        "restore_command": "''",
        "primary_conninfo": "''",
        "primary_slot_name": "''",
        "synchronous_standby_names": "''",
        "max_replication_slots": "0",
        # or subscriptions in the data would go on, and take away what is meant for the cluster
        "max_logical_replication_workers": "0",
        # nor do background workers of extensions do their work twice
        "shared_preload_libraries": "''",
        "summarize_wal": "off",
    }
    if copy.writable:
        return parameters
    # It waits for WAL that never comes and need not look for it; the default is for the day somebody promotes it.
    return parameters | {"wal_retrieve_retry_interval": "1d", "default_transaction_read_only": "on"}


_ISOLATION = re.compile(
    r"^\s*default_transaction_isolation\s*(?:=|\s)\s*'?([a-z ]*[a-z])", re.IGNORECASE | re.MULTILINE
)


def serializable(text: str) -> bool:
    """Whether the user's parameters make every session serializable, in which a standby serves none."""
    return [found.lower() for found in _ISOLATION.findall(text)][-1:] == ["serializable"]


def user_parameters(text: str, role: Role) -> str:
    """The user's parameters as a node of that role has them."""
    if role == "primary" or not serializable(text):
        return text
    return f"{text.rstrip()}{_NEAREST}"


def without_additions(text: str) -> str:
    """The user's parameters, from those that a node of either role has."""
    return text.removesuffix(_NEAREST) + "\n" if text.endswith(_NEAREST) else text


_NEAREST = """

# A standby knows no serializable transactions.
default_transaction_isolation = 'repeatable read'
"""


def fixed_parameters(settings: Settings, topology: Topology, node: str) -> frozenset[str]:
    """Parameters that the user's file cannot change."""
    return frozenset(_fixed(settings, topology, node)) | {"config_file", "hba_file", "ident_file", "data_directory"}


def leaves_out_statistics(parameters: str) -> bool:
    """Whether a file of the user's sets the preloaded libraries without the one that counts statements."""
    found: list[str] = _PRELOAD.findall(parameters)
    return bool(found) and "pg_stat_statements" not in found[-1]  # the last line holds


def _tunable(settings: Settings, derived: Derived) -> dict[str, str]:
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


def _defaults() -> dict[str, str]:
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


def _fixed(settings: Settings, topology: Topology, node: str) -> dict[str, str]:
    replication = {}
    if topology.role(node) == "replica":
        conninfo = (
            f"host={topology.primary} port=5432 user=replicator application_name={node} "
            "sslmode=verify-full sslrootcert=/run/tls/ca.crt require_auth=scram-sha-256 channel_binding=require "
            "passfile=/run/pods/pgpass connect_timeout=5"
        )
        replication = {"primary_conninfo": f"'{conninfo}'", "primary_slot_name": f"'{slot_of(node)}'"}
    return {
        **_serving(node),
        "hot_standby": "on",
        "summarize_wal": "on",
        "synchronous_standby_names": f"'{synchronous_standby_names(settings, topology)}'",
        **replication,
    }


def _serving(name: str) -> dict[str, str]:
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


def synchronous_standby_names(settings: Settings, topology: Topology) -> str:
    """PostgreSQL's list of the replicas that commits wait for; empty where they wait for none."""
    if settings.sync == "off":
        return ""
    method = settings.sync.split(":")[0].upper()
    names = ", ".join(f'"{name}"' for name in topology.in_state("member", "catching_up"))
    return f"{method} {synchronous_count(settings)} ({names})" if names else ""


_ARCHIVED = "replication,postgres"
_CLUSTER_ROLES = "postgres,replicator,archiver,monitor,pooler,rewinder"


def this_host(settings: Settings) -> tuple[str, ...]:
    """Where connections from this host come from: loopback arrives as the network's gateway, another address as itself.

    Nobody else can: a packet that comes in from outside with an address of this host is dropped by its kernel.
    """
    named = settings.bind != EVERYWHERE and not on_loopback(settings.bind)
    return ("samenet", f"{settings.bind}/32") if named else ("samenet",)


def _through_proxy(*, leads: bool) -> tuple[str, ...]:
    """What is kept out of what comes through PODS_PRIMARY_PORT: of the primary the cluster's roles, of others all."""
    if leads:
        return (
            "host",
            "all,replication",
            _CLUSTER_ROLES,
            LINK_LOCAL,
            "reject",
            "the cluster's own roles",
        )
    return ("host", "all,replication", "all", LINK_LOCAL, "reject", "PODS_PRIMARY_PORT leads to no replica")


def pg_hba_conf(settings: Settings, *, node: bool = True, leads: bool = True) -> str:
    """Who may come from where. There is no trust line; what is not named is refused.

    A copy is no ``node``: none of the roles through which nodes and services work together get in. ``leads``: it is
    the primary, and takes writes.
    """
    here = this_host(settings)
    database, networks = settings.database, dict.fromkeys((*here, *settings.clients))
    together = [
        ("hostssl", "replication", "replicator", "samenet", "scram-sha-256", "replicas and clones"),
        *(("hostssl", _ARCHIVED, "archiver", net, "scram-sha-256", "backups and the WAL archive") for net in here),
        *(("hostssl", f"postgres,{database}", "monitor", net, "scram-sha-256", "status and metrics") for net in here),
        ("hostssl", "postgres", "pooler", "samenet", "scram-sha-256", "PgBouncer's auth_query"),
        ("hostssl", "postgres", "rewinder", "samenet", "scram-sha-256", "pg_rewind, while it runs"),
    ]
    rows = [
        ("local", "all", "postgres,monitor", "", "scram-sha-256", "the node's own health check"),
        *((_through_proxy(leads=leads),) if node else ()),
        *(("hostssl", "all", "postgres", net, "scram-sha-256", "`inv`, from this host") for net in here),
        *(together if node else ()),
        ("host", "all", _CLUSTER_ROLES, "all", "reject", "the cluster's roles from nowhere else"),
        *(("hostssl", database, "all", network, "scram-sha-256", "the application") for network in networks),
    ]
    lines = ["# Made by PODS; changes here are lost. Lines of your own go into config/pg_hba.conf.", ""]
    lines += [
        f"{kind:<8} {db:<16} {user:<36} {net:<18} {method:<14} # {why}" for kind, db, user, net, method, why in rows
    ]
    return "\n".join([*lines, f"include_if_exists {USER_HBA}"]) + "\n"
