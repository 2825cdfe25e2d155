"""The password file for the application: its own password alone, and only for this cluster's addresses."""

from cluster.config.settings import Settings
from cluster.endpoints import POOLER, PROXY, host_address
from cluster.files import write_atomically
from cluster.roles import APP
from cluster.topology import Topology, host_ports
from compose.home.passwords import password_file
from compose.home.paths import Home


def ensure(home: Home, settings: Settings, topology: Topology) -> None:
    """Write ``secrets/app.pgpass`` anew where it is not as it should be."""
    path = home.app_pgpass
    text = pgpass(settings, topology, password_file(home, APP).read_text().strip())
    if not path.exists() or path.read_text() != text or path.stat().st_mode & 0o077:
        write_atomically(path, text, 0o600, None)


def pgpass(settings: Settings, topology: Topology, password: str) -> str:
    """A line for PgBouncer, the port of the primary and each node, at each name that clients reach them by.

    libpq takes the first line that fits host and port, so that no other server is ever answered with this password.
    """
    address = host_address(settings)
    hosts = dict.fromkeys((address, *(("localhost",) if address == "127.0.0.1" else ()), *settings.tls_names))
    ports = host_ports(settings, topology)
    services = (POOLER, PROXY, *topology.names)
    return "".join(f"{host}:{ports[service]}:*:{settings.user}:{password}\n" for service in services for host in hosts)
