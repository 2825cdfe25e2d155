"""Where containers listen on this host, against where they shall: settings that were changed wait for `up`."""

from collections.abc import Iterable, Mapping

from cluster.config.settings import Settings
from cluster.endpoints import Endpoint, control_address
from cluster.http.pages import EVERYWHERE, pages
from cluster.topology import Topology, host_ports
from compose.engine.containers import Container


def bind_address(settings: Settings, topology: Topology, service: str) -> str:
    """The address of this host on which ``service`` listens; for a node elsewhere what leads from there to here."""
    if any(node.name == service for node in topology.remote_nodes):
        return control_address(settings)
    page = pages(settings).get(service)
    return page.bind if page else settings.bind


def wanted_endpoint(settings: Settings, topology: Topology, service: str) -> Endpoint | None:
    """Address and port on which ``service`` shall listen; None for one that listens on none."""
    port = host_ports(settings, topology).get(service)
    return None if port is None else (bind_address(settings, topology, service), port)


def listens_elsewhere(settings: Settings, topology: Topology, container: Container) -> bool:
    """Whether it is reached at another address or port than it shall be: until it is replaced, not at the new one."""
    wanted = wanted_endpoint(settings, topology, container.service)
    return wanted is not None and bool(container.published) and container.published != {wanted}


def obstructs(endpoint: Endpoint, container: Container) -> bool:
    """Whether nobody else can listen at ``endpoint`` while the container runs."""
    address, port = endpoint
    return any(port == taken and (EVERYWHERE in (address, own) or address == own) for own, taken in container.published)


def present_endpoints(
    settings: Settings, topology: Topology, containers: Iterable[Container]
) -> Mapping[str, Endpoint]:
    """Where services that listen elsewhere are reached from this host meanwhile."""
    moved = [c for c in containers if not c.one_off and listens_elsewhere(settings, topology, c)]
    return {c.service: _from_here(min(c.published)) for c in moved}


def _from_here(endpoint: Endpoint) -> Endpoint:
    address, port = endpoint
    return ("127.0.0.1" if address == EVERYWHERE else address), port


def moving_notes(elsewhere: Mapping[str, Endpoint]) -> list[str]:
    """A line where the settings have services at other addresses or ports than they listen on."""
    where = ", ".join(f"{service} on {address}:{port}" for service, (address, port) in sorted(elsewhere.items()))
    return [f"settings were changed and wait for inv up; until then {where}"] if where else []
