"""PgBouncer's configuration, whole, from settings and topology. Pure."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping

from cluster.config.databases import DatabaseDeclaration
from cluster.config.settings import Settings
from cluster.endpoints import PROXY
from cluster.guide_config import DATABASES_FILE
from cluster.guide_status import VOLUME
from cluster.naming import write_pools
from cluster.pgbouncer import ANY, LEADER_VERIFIERS, verifier_entry
from cluster.pools import pools_of_databases
from cluster.roles import HOME, MAINTENANCE
from cluster.sizing import Derived, pool_sizes
from cluster.topology import Topology
from compose.render.haproxy_cfg import TESTS_PORT
from compose.render.log_bounds import POOLER_LOG

_AUTH_MAX = 2
"""Connections to ask for verifiers with; a question takes less than a millisecond."""
_MAINTENANCE_MAX = 2
"""Connections for tools that want a database `postgres` to begin with."""
_TEST_MAX = 5
"""Connections of one role to one database that it made itself."""
_TEST_LIFETIME = 1
"""Seconds after which such a connection is closed when nobody uses it: DROP DATABASE waits five for the last one."""
_RESET = (
    "RESET SESSION AUTHORIZATION",
    "RESET ROLE",  # to the one that ALTER ROLE … SET gives its sessions: the owner's, for a member of the owner
    "RESET ALL",
    "CLOSE ALL",
    "UNLISTEN *",
    "SELECT pg_catalog.pg_advisory_unlock_all()",
    "DISCARD TEMP",
)
"""DISCARD ALL but for plans and prepared statements, which are to be lent on, and for sequences, whose cached values
would be thrown away with each transaction (docs/decisions/0035)."""
VERIFIERS_SETTINGS = f"dbname={HOME} pool_size={_AUTH_MAX} max_db_connections={_AUTH_MAX}"
"""What an entry for logins says beside where it leads."""
_FAR = {
    "tcp_keepidle": "5",
    "tcp_keepintvl": "2",
    "tcp_keepcnt": "3",
    "tcp_user_timeout": "5000",
}
"""Of servers on other machines: a host that lost its power says nothing, and its clients shall wait no longer."""
_SPARE_FILES = 128
"""What PgBouncer opens beside clients and servers: listeners, DNS, its own files."""


def pgbouncer_ini(settings: Settings, topology: Topology, derived: Derived) -> str:
    """The text of pgbouncer.ini. Where Patroni decides who the primary is, a guide writes what leads there."""
    guided = topology.engine == "patroni"
    verifiers = LEADER_VERIFIERS if guided else verifier_entry((topology.primary,))
    databases = list(_entries(settings, topology, derived, guided=guided))
    if settings.declared.creators:
        # by way of HAProxy, which holds the count down over all of them, and always leads to the primary
        databases.append(
            f"{ANY} = host={PROXY} port={TESTS_PORT} auth_dbname={verifiers} pool_size={_TEST_MAX}"
            f" server_lifetime={_TEST_LIFETIME}"
        )
    return ini_text(databases, _parameters(settings, verifiers, derived), guided=guided)


def remote_pgbouncer_ini(settings: Settings, topology: Topology, derived: Derived, ports: Mapping[str, int]) -> str:
    """The same of another Docker host: nodes are at ``ports``, and may vanish with theirs."""
    databases = _entries(settings, topology, derived, guided=True, ports=ports)
    return ini_text(databases, _parameters(settings, LEADER_VERIFIERS, derived) | _FAR, guided=True)


def _entries(
    settings: Settings, topology: Topology, derived: Derived, *, guided: bool, ports: Mapping[str, int] | None = None
) -> Iterator[str]:
    """[databases]; those that a guide writes are in its file alone: another host in this one ends their connections."""
    sizes = shared_sizes(settings, topology)
    led = [
        (pool, _on_one_port(hosts, ports or {}), database)
        for database, pool, hosts in pools_of_databases(settings, topology)
        if not (guided and pool in write_pools(database.name))
    ]
    for pool, hosts, database in led:
        rest = pool_settings(database, sizes[database.name], derived, verifier_entry(hosts))
        yield f"{pool} = {_where(hosts, ports)} {rest}"
    primary = (topology.primary,)
    if not guided:
        yield f"{HOME} = {_where(primary, ports)} {home_settings(verifier_entry(primary))}"
    # Where a pool leads, there its clients' verifiers are asked for: a replica still answers while the primary is away.
    # Only in the database postgres, where no application could have changed what that question means.
    for hosts in dict.fromkeys([hosts for _, hosts, _ in led] + ([] if guided else [primary])):
        yield f"{verifier_entry(hosts)} = {_where(hosts, ports)} {VERIFIERS_SETTINGS}"


def _on_one_port(hosts: tuple[str, ...], ports: Mapping[str, int]) -> tuple[str, ...]:
    """PgBouncer knows one port for all hosts of an entry: then those at the port that most are at."""
    if len({ports.get(host) for host in hosts}) < 2:
        return hosts
    most, _ = Counter(ports.get(host) for host in hosts).most_common(1)[0]
    return tuple(host for host in hosts if ports.get(host) == most)


def shared_sizes(settings: Settings, topology: Topology) -> dict[str, int]:
    """Server connections of each pool of each database; of several PgBouncers each has its share."""
    poolers = len(settings.hosts.with_role("pooler")) + 1 if topology.engine == "patroni" else 1
    return {name: max(1, size // poolers) for name, size in pool_sizes(settings).items()}


def ini_text(databases: Iterable[str], parameters: Mapping[str, str], *, guided: bool) -> str:
    """The file of these entries and parameters; with what the guide writes, where there is one."""
    lines = [
        "; Made by PODS from .env and data/topology.json; changes here are lost.",
        "[databases]",
        *databases,
        "",
        "[pgbouncer]",
        *(f"{name} = {value}" for name, value in parameters.items()),
        "",
        # the entries above that lead to several nodes, without those that are out; see images/database/pods-pooler
        "%include /run/pods/readers.ini",
    ]
    if guided:
        lines.append(f"%include {VOLUME / DATABASES_FILE}")
    return "\n".join(lines) + "\n"


def pool_settings(database: DatabaseDeclaration, size: int, derived: Derived, verifiers: str) -> str:
    """What a pool's entry says beside where it leads."""
    return f"dbname={database.name} auth_dbname={verifiers}" + _limits(database, size, derived)


def home_settings(verifiers: str) -> str:
    """The same of the entry for tools that want a database `postgres` to begin with."""
    most = f"pool_size={_MAINTENANCE_MAX} max_db_connections={_MAINTENANCE_MAX}"
    return f"dbname={MAINTENANCE} auth_dbname={verifiers} {most}"


def _limits(database: DatabaseDeclaration, size: int, derived: Derived) -> str:
    """What differs from the default of all pools."""
    mode = "" if database.pool_mode == "transaction" else f" pool_mode={database.pool_mode}"
    return mode + ("" if size == derived.pool_size else f" pool_size={size} max_db_connections={size}")


def open_files(settings: Settings, topology: Topology) -> int:
    """How many files PgBouncer opens at most: one a client, one a server connection."""
    sizes = pool_sizes(settings)
    servers = [sizes[database.name] + _AUTH_MAX for database, _, _ in pools_of_databases(settings, topology)]
    # each client may want a database of its own, and wait for one of few connections
    tests = settings.max_clients if settings.declared.creators else 0
    return settings.max_clients + sum(servers) + tests + _SPARE_FILES


def _where(hosts: tuple[str, ...], ports: Mapping[str, int] | None = None) -> str:
    port = (ports or {}).get(hosts[0], 5432)
    return f"host={','.join(hosts)} port={port}" + (" load_balance_hosts=round-robin" if len(hosts) > 1 else "")


def _parameters(settings: Settings, verifiers: str, derived: Derived) -> dict[str, str]:
    """The [pgbouncer] section; docs/explanation/pgbouncer.md says why each is as it is."""
    return {
        "listen_addr": "*",
        "listen_port": "6432",
        "unix_socket_dir": "/run/pods",
        "pool_mode": "transaction",
        "max_client_conn": str(settings.max_clients),
        "default_pool_size": str(derived.pool_size),
        "max_db_connections": str(derived.pool_size),
        "max_prepared_statements": "200",
        **_reset(settings),
        "idle_transaction_timeout": str(settings.pool_idle_transaction),
        "auth_type": "scram-sha-256",
        "auth_file": "/run/pods/userlist.txt",
        "auth_user": "pooler",
        "auth_dbname": verifiers,  # for those who name no pool
        "auth_query": "SELECT username, password FROM pods.user_lookup($1)",
        "admin_users": "pods_admin",
        "stats_users": "monitor",
        "client_tls_sslmode": "require",
        "client_tls_key_file": "/run/tls/server.key",
        "client_tls_cert_file": "/run/tls/server.crt",
        "server_tls_sslmode": "verify-full",
        "server_tls_ca_file": "/run/tls/ca.crt",
        # a node that comes back is found again within a second or two, not fifteen
        "server_login_retry": "1",
        "server_connect_timeout": "5",
        "query_wait_timeout": "120",  # written down, so that RELOAD takes back what a switchover sets meanwhile
        # a connection whose other end has vanished; a frozen server's kernel goes on answering: cluster/read_pool.py
        "tcp_keepidle": "30",
        "tcp_keepintvl": "10",
        "tcp_keepcnt": "3",
        "tcp_user_timeout": "30000",
        "dns_max_ttl": "5",
        "dns_nxdomain_ttl": "1",
        "resolv_conf": "/run/pods/resolv.conf",  # of pods-resolver
        # JDBC sends it at login, and means nothing by it
        "ignore_startup_parameters": "extra_float_digits",
        # what it restores for a client in one packet, such as a long search_path, must fit in
        "pkt_buf": "16384",
        "logfile": POOLER_LOG,  # beside stderr
        "log_connections": "0",
        "log_disconnections": "0",
        "log_stats": "0",
    }


def _reset(settings: Settings) -> dict[str, str]:
    """What a server connection is sent before it is lent to the next client."""
    if settings.pool_reset == "off":
        return {"server_reset_query": "", "server_reset_query_always": "0"}
    return {"server_reset_query": "; ".join(_RESET), "server_reset_query_always": "1"}
