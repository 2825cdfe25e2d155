"""Which services show a certificate, and for which names: a key fits one face. Pure."""

from collections.abc import Mapping, Sequence

from cluster.config.settings import Settings
from cluster.endpoints import POOLER, PROXY
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
        **{name: (name, PROXY, *outside) for name in topology.names},
        **{name: (name, *outside) for name in (*(copy.name for copy in topology.copies), POOLER)},
        **{name: shown[name].hosts if shown[name].secure else () for name in _wanted(settings)},
        **({"backup": ()} if settings.backup == "on" else {}),
    }


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
