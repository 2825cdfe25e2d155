"""One node's PostgreSQL configuration, whole, from settings and topology. Pure."""

import re
from collections.abc import Iterable, Iterator

from cluster.config.name_patterns import hba_name
from cluster.config.settings import Settings
from cluster.config.validators import on_loopback
from cluster.endpoints import source_endpoint
from cluster.http.pages import EVERYWHERE
from cluster.naming import slot_of
from cluster.pools import synchronous_count
from cluster.roles import MAINTENANCE
from cluster.second_login import second_login
from cluster.sizing import MB, Derived
from cluster.topology import Copy, Role, Topology
from cluster.units import postgres_size
from compose.render.link_local import LINK_LOCAL
from compose.render.server_parameters import HEAD, defaults, logged, section, serving, whole_conf

USER_HBA = "user_hba.conf"
NO_MAPS = "# Made by PODS: no user name maps.\n"
"""The text of pg_ident.conf."""


def postgresql_conf(settings: Settings, topology: Topology, derived: Derived, node: str) -> str:
    """The text of ``node``'s postgresql.conf."""
    return whole_conf(settings, derived, _fixed(settings, topology, node))


def copy_conf(settings: Settings, derived: Derived, copy: Copy) -> str:
    """The text of postgresql.conf of a copy beside the cluster; nothing of the user's own, which is meant for nodes."""
    lines = [
        HEAD,
        *section("Small, so that the cluster has the host to itself", _small(settings, derived)),
        *section("What every server of PODS stands on", serving(copy.name)),
        *section("Apart from the cluster", _apart(copy)),
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
        **{name: defaults()[name] for name in ("random_page_cost", "log_line_prefix", "log_timezone", "timezone")},
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


def _fixed(settings: Settings, topology: Topology, node: str) -> dict[str, str]:
    replication = {}
    if topology.role(node) == "replica":
        host, port = source_endpoint(settings, topology, node)
        conninfo = (
            f"host={host} port={port} user=replicator application_name={node} "
            "sslmode=verify-full sslrootcert=/run/tls/ca.crt require_auth=scram-sha-256 channel_binding=require "
            "passfile=/run/pods/pgpass connect_timeout=5"
        )
        replication = {"primary_conninfo": f"'{conninfo}'", "primary_slot_name": f"'{slot_of(node)}'"}
    return {
        **serving(node),
        **logged(settings),
        "hot_standby": "on",
        "summarize_wal": "on",
        "synchronous_standby_names": f"'{synchronous_standby_names(settings, topology)}'",
        **replication,
    }


def synchronous_standby_names(settings: Settings, topology: Topology) -> str:
    """PostgreSQL's list of the replicas that commits wait for; empty where they wait for none."""
    if settings.sync == "off":
        return ""
    method = settings.sync.split(":")[0].upper()
    names = ", ".join(f'"{name}"' for name in topology.in_state("member", "catching_up"))
    return f"{method} {synchronous_count(settings)} ({names})" if names else ""


HbaRow = tuple[str, ...]
"""Kind, databases, roles, network, method, and why."""
ARCHIVED = "replication,postgres"
CLUSTER_ROLES = "postgres,replicator,archiver,monitor,pooler,rewinder"


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
            CLUSTER_ROLES,
            LINK_LOCAL,
            "reject",
            "the cluster's own roles",
        )
    return ("host", "all,replication", "all", LINK_LOCAL, "reject", "PODS_PRIMARY_PORT leads to no replica")


def _strangers(settings: Settings) -> Iterator[tuple[str, ...]]:
    """Declared roles that have nothing to do with the application's database, which everybody may enter otherwise."""
    declared, database = settings.declared, settings.database
    others = [each.name for each in declared.roles if each.login and database not in declared.may_enter(each.name)]
    if others:
        logins = ",".join(f"{name},{second_login(name)}" for name in others)
        yield "host", database, logins, "all", "reject", "roles of other databases"


def _creators(settings: Settings, networks: Iterable[str]) -> Iterator[tuple[str, ...]]:
    """Databases that a role makes by itself: that role alone is let in."""
    for role in settings.declared.creators:
        names = ",".join(hba_name(pattern) for pattern in role.create_databases)
        logins = f'"{role.name}","{second_login(role.name)}"'
        yield from (("hostssl", names, logins, net, "scram-sha-256", "databases of its own making") for net in networks)


def pg_hba_conf(settings: Settings, *, node: bool = True, leads: bool = True, control: str = "") -> str:
    """Who may come from where. There is no trust line; what is not named is refused.

    A copy is no ``node``: none of the roles through which nodes and services work together get in. ``leads``: it is
    the primary, and takes writes. ``control``: it is on another host than PODS, which is there; no superuser comes.
    """
    here, inside = ((f"{control}/32",), f"{control}/32") if control else (this_host(settings), "samenet")
    networks = dict.fromkeys((*here, *settings.clients))
    databases = ",".join(each.name for each in settings.declared.databases)
    together = [
        ("hostssl", "replication", "replicator", inside, "scram-sha-256", "replicas and clones"),
        *(("hostssl", ARCHIVED, "archiver", net, "scram-sha-256", "backups and the WAL archive") for net in here),
        *(("hostssl", f"postgres,{databases}", "monitor", net, "scram-sha-256", "status and metrics") for net in here),
        ("hostssl", "postgres", "pooler", inside, "scram-sha-256", "PgBouncer's auth_query"),
        ("hostssl", "postgres", "rewinder", inside, "scram-sha-256", "pg_rewind, while it runs"),
    ]
    rows = [
        ("local", "all", "postgres,monitor", "", "scram-sha-256", "the node's own health check"),
        *((_through_proxy(leads=leads),) if node and not control else ()),
        *(("hostssl", "all", "postgres", net, "scram-sha-256", "`inv`, from this host") for net in here if not control),
        *(together if node else ()),
        ("host", "all", CLUSTER_ROLES, "all", "reject", "the cluster's roles from nowhere else"),
        *application_rows(settings, networks),
    ]
    return hba_text(rows)


def application_rows(settings: Settings, networks: Iterable[str]) -> Iterator[HbaRow]:
    """Who is none of the cluster's own, from ``networks``."""
    networks = tuple(networks)
    databases = ",".join(each.name for each in settings.declared.databases)
    yield from _strangers(settings)
    for net in networks:
        yield "hostssl", f"{databases},{MAINTENANCE}", "all", net, "scram-sha-256", "applications"
    yield from _creators(settings, networks)


def hba_text(rows: Iterable[HbaRow]) -> str:
    """The text of pg_hba.conf; the user's own lines come last."""
    lines = ["# Made by PODS; changes here are lost. Lines of your own go into config/pg_hba.conf.", ""]
    lines += [
        f"{kind:<8} {db:<16} {user:<36} {net:<18} {method:<14} # {why}" for kind, db, user, net, method, why in rows
    ]
    return "\n".join([*lines, f"include_if_exists {USER_HBA}"]) + "\n"
