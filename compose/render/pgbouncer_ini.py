"""PgBouncer's configuration, whole, from settings and topology. Pure."""

from cluster.config.settings import Settings
from cluster.pgbouncer import verifier_entry
from cluster.pools import pools
from cluster.roles import HOME
from cluster.sizing import Derived
from cluster.topology import Topology

_AUTH_MAX = 2
"""Connections to ask for verifiers with; a question takes less than a millisecond."""
_RESET = (
    "RESET SESSION AUTHORIZATION",  # and with it the role
    "RESET ALL",
    "CLOSE ALL",
    "UNLISTEN *",
    "SELECT pg_catalog.pg_advisory_unlock_all()",
    "DISCARD TEMP",
)
"""DISCARD ALL but for plans and prepared statements, which are to be lent on, and for sequences, whose cached values
would be thrown away with each transaction (docs/decisions/0035)."""
_SPARE_FILES = 128
"""What PgBouncer opens beside clients and servers: listeners, DNS, its own files."""


def pgbouncer_ini(settings: Settings, topology: Topology, derived: Derived) -> str:
    """The text of pgbouncer.ini."""
    led = pools(settings, topology)
    databases = [
        f"{pool} = {_where(hosts)} dbname={settings.database} auth_dbname={verifier_entry(hosts)}"
        for pool, hosts in led.items()
    ]
    # Where a pool leads, there its clients' verifiers are asked for: a replica still answers while the primary is away.
    # Only in the database postgres, where no application could have changed what that question means.
    databases += [
        f"{verifier_entry(hosts)} = {_where(hosts)} dbname={HOME} pool_size={_AUTH_MAX} max_db_connections={_AUTH_MAX}"
        for hosts in dict.fromkeys(led.values())
    ]
    lines = [
        "; Made by PODS from .env and data/topology.json; changes here are lost.",
        "[databases]",
        *databases,
        "",
        "[pgbouncer]",
    ]
    parameters = _parameters(settings, topology, derived)
    lines += [f"{name} = {value}" for name, value in parameters.items()]
    # the entries above that lead to several nodes, without those that are out; see images/database/pods-pooler
    return "\n".join([*lines, "", "%include /run/pods/readers.ini"]) + "\n"


def open_files(settings: Settings, topology: Topology, derived: Derived) -> int:
    """How many files PgBouncer opens at most: one a client, one a server connection."""
    led = pools(settings, topology)
    return settings.max_clients + len(led) * (derived.pool_size + _AUTH_MAX) + _SPARE_FILES


def _where(hosts: tuple[str, ...]) -> str:
    return f"host={','.join(hosts)} port=5432" + (" load_balance_hosts=round-robin" if len(hosts) > 1 else "")


def _parameters(settings: Settings, topology: Topology, derived: Derived) -> dict[str, str]:
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
        "auth_dbname": verifier_entry((topology.primary,)),  # for those who name no pool
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
        "log_connections": "0",
        "log_disconnections": "0",
        "log_stats": "0",
    }


def _reset(settings: Settings) -> dict[str, str]:
    """What a server connection is sent before it is lent to the next client."""
    if settings.pool_reset == "off":
        return {"server_reset_query": "", "server_reset_query_always": "0"}
    return {"server_reset_query": "; ".join(_RESET), "server_reset_query_always": "1"}
