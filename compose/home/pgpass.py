"""What clients of libpq read at each login: a password file and a service file a role, and one for `inv psql`."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from cluster.config.settings import Settings
from cluster.endpoints import (
    POOLER,
    PROXY,
    Endpoint,
    client_host,
    host_address,
    network_endpoint,
    node_endpoints,
    pooler_endpoints,
)
from cluster.files import Owner, write_atomically
from cluster.naming import shared_read_pool, write_pools
from cluster.roles import role_of
from cluster.topology import Topology, host_ports
from compose.home import passwords, role_passwords
from compose.home.passwords import ADMIN, MONITOR, SUPERUSER, Passwords
from compose.home.paths import Home, containers_owner
from compose.home.role_passwords import RoleCredentials, role_files

_SHOWN = (SUPERUSER, MONITOR, ADMIN)
"""Secrets of the roles that a person may log in as with `inv psql`, beside those that are declared."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Words:
    """Lines of a service that drivers have words of their own for: seconds for a host, any PgBouncer, the primary."""

    patience: tuple[str, ...]
    any_pooler: tuple[str, ...]
    primary: tuple[str, ...]


_LIBPQ = _Words(patience=("connect_timeout=2",), any_pooler=(), primary=("target_session_attrs=read-write",))
_JDBC = _Words(
    patience=("connectTimeout=2",), any_pooler=("loadBalanceHosts=true",), primary=("targetServerType=primary",)
)


def ensure(home: Home, settings: Settings, topology: Topology) -> None:
    """Write anew what is not as it should be: ``NAME.pgpass``, ``.service``, ``.jdbc`` a role, and ``secrets/pgpass``.

    A declared role that has no password yet is left out.
    """
    known = role_passwords.read_all(home, settings)
    for each in known:
        write(home, settings, topology, each)
    _write(home.secrets / "pgpass", psql_pgpass(passwords.read(home), known, settings.user), containers_owner())


def write(home: Home, settings: Settings, topology: Topology, credentials: RoleCredentials) -> None:
    """The files of one role, in this order: whoever finds a name in the later ones finds its password in the first."""
    files = role_files(home, settings, credentials.role)
    lines = [pgpass(settings, topology, login, password) for login, password in credentials.logins.items()]
    _write(files.pgpass, "".join(lines))
    _write(files.service, service_file(settings, topology, credentials, home.ca))
    _write(files.jdbc, service_file(settings, topology, credentials, home.ca, jdbc=True))


def pgpass(settings: Settings, topology: Topology, login: str, password: str) -> str:
    """A line for PgBouncer, the port of the primary and each node, at each name that clients reach them by.

    From this host and others by the published ports, from a container in the cluster's network by their own names.

    libpq takes the first line that fits host and port, so that no other server is ever answered with this password.
    """
    address = host_address(settings)
    hosts = dict.fromkeys((address, *(("localhost",) if address == "127.0.0.1" else ()), *settings.tls_names))
    ports = host_ports(settings, topology)
    services = (POOLER, PROXY, *topology.names)
    outside = [(host, ports[service]) for service in services for host in hosts]
    inside = [network_endpoint(service) for service in services]
    elsewhere = (*pooler_endpoints(settings, topology), *node_endpoints(settings, topology))
    return "".join(f"{host}:{port}:*:{login}:{password}\n" for host, port in (*outside, *inside, *elsewhere))


def service_file(
    settings: Settings, topology: Topology, credentials: RoleCredentials, ca: Path, *, jdbc: bool = False
) -> str:
    """Services (``service=NAME``) for each database that the role may enter: its pools, and the primary itself.

    Name and password stand in one file, which is replaced whole: who reads it at each login never has one without the
    other while they are rotated. ``jdbc``: in the words of that driver, which takes no file with a word of libpq's.
    """
    poolers, direct = _servers(settings, topology, _JDBC if jdbc else _LIBPQ)
    entries = {}
    for database in settings.declared.may_enter(credentials.role):
        entries[database] = (poolers, write_pools(database)[0])
        entries[f"{database}_read"] = (poolers, shared_read_pool(database))
        entries[f"{database}_direct"] = (direct, database)
    lines = ["# Made by PODS; changes here are lost."]
    for service, (servers, name) in (entries or {credentials.role: (poolers, "")}).items():
        lines += [f"[{service}]", *servers, *([f"dbname={name}"] if name else [])]
        lines += [f"user={credentials.login}", f"password={credentials.password}"]
        lines += ["sslmode=verify-full", f"sslrootcert={ca}"]
    return "\n".join(lines) + "\n"


def _servers(settings: Settings, topology: Topology, words: _Words) -> tuple[list[str], list[str]]:
    """Where pools are, and where the primary itself is; of several servers a client takes one that answers."""
    ports, host = host_ports(settings, topology), client_host(settings)
    poolers = pooler_endpoints(settings, topology)
    nodes = node_endpoints(settings, topology)
    pooled = _where(poolers or ((host, ports[POOLER]),), words)
    direct = _where(nodes or ((host, ports[PROXY]),), words)
    return [*pooled, *(words.any_pooler if poolers else [])], [*direct, *(words.primary if nodes else [])]


def _where(servers: Sequence[Endpoint], words: _Words) -> list[str]:
    hosts, ports = ",".join(host for host, _ in servers), ",".join(str(port) for _, port in servers)
    return [f"host={hosts}", f"port={ports}", *(words.patience if len(servers) > 1 else [])]


def psql_pgpass(own: Passwords, declared: list[RoleCredentials], user: str) -> str:
    """A password file for `inv psql`, with every role a person may log in as there."""
    known = {login: password for each in declared for login, password in each.logins.items()}
    known |= {role_of(name, user): own[name] for name in _SHOWN}
    return "".join(f"*:*:*:{login}:{password}\n" for login, password in known.items())


def _write(path: Path, text: str, owner: Owner = None) -> None:
    if not path.exists() or path.read_text() != text or path.stat().st_mode & 0o077:
        write_atomically(path, text, 0o600, owner)
