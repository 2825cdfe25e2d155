"""Which services show a certificate, and for which names: a key fits one face. Pure."""

from collections.abc import Mapping, Sequence

from cluster.config.settings import Settings
from cluster.endpoints import POOLER, PROXY, control_address
from cluster.http.pages import EVERYWHERE, pages
from cluster.topology import Topology

Faces = Mapping[str, Sequence[str]]
"""Services, and the names that each one's certificate is good for; without a name it has the CA's certificate alone."""


def faces_of(settings: Settings, topology: Topology) -> dict[str, tuple[str, ...]]:
    """Every service that checks or shows certificates. Names of this host are PgBouncer's and the nodes', or a page's.

    HAProxy has no key: through it a client sees the primary's certificate, hence its name is every node's.

    So a page's key is no use to whoever would pass for the database, where the two have names of their own.
    """
    own = () if settings.bind in ("127.0.0.1", EVERYWHERE) else (settings.bind,)
    outside = ("localhost", "127.0.0.1", *own, *settings.tls_names)
    shown = pages(settings)
    return {
        **{node.name: (node.name, PROXY, *outside, *_control(settings, topology)) for node in topology.local_nodes},
        **{name: (name, *outside) for name in (*(copy.name for copy in topology.copies), POOLER)},
        **_of_hosts(settings, topology, outside),
        **{name: shown[name].hosts if shown[name].secure else () for name in _wanted(settings)},
        **({"backup": ()} if settings.backup == "on" else {}),
    }


def _control(settings: Settings, topology: Topology) -> tuple[str, ...]:
    """By which a standby cluster on other hosts finds the primary."""
    return (control_address(settings),) if topology.standby else ()


def _of_hosts(settings: Settings, topology: Topology, outside: tuple[str, ...]) -> dict[str, tuple[str, ...]]:
    """The nodes and PgBouncers of other Docker hosts; each is good for its host's address too."""
    hosts = settings.hosts
    remote = {node.name: (node.name, PROXY, *_address(settings, node.host)) for node in topology.remote_nodes}
    return {
        **{host.name: (host.name, PROXY, host.address, *outside) for host in hosts.with_role("node")},
        **{name: (*names, *outside) for name, names in remote.items()},
        **{f"{POOLER}-{host.name}": (POOLER, host.name, host.address, *outside) for host in hosts.with_role("pooler")},
    }


def _address(settings: Settings, name: str) -> tuple[str, ...]:
    host = settings.hosts.find(name)
    return (host.name, host.address) if host else ()


def _wanted(settings: Settings) -> list[str]:
    """Pages that run; Grafana perhaps, which only its image decides."""
    watching = settings.monitoring == "on"
    wanted = {
        "exporter": watching,
        "health": settings.health == "on",
        "prometheus": watching,
        "alertmanager": watching,
        "grafana": watching and settings.grafana != "off",
    }
    return [name for name, runs in wanted.items() if runs]
