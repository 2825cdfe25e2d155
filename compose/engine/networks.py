"""Networks of a cluster as Docker has them: moving containers over to new ones, and removing what nobody uses."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from cluster.errors import MachineError
from compose.engine.compose_cli import Compose
from compose.engine.containers import Container

if TYPE_CHECKING:
    from docker import DockerClient

NODES = "nodes"
_PROJECT, _NETWORK = "com.docker.compose.project", "com.docker.compose.network"


def join_nodes(client: "DockerClient", compose: Compose, running: Mapping[str, Container]) -> list[str]:
    """Let each of ``running`` (by service) be found in the network of the nodes too; return the services that were not.

    Versions before had one network for all. Its containers are replaced one after the other, and those that come first
    must find those that come last.
    """
    missing = {service: c for service, c in running.items() if _networks(client, c).isdisjoint({_full(compose)})}
    if not missing:
        return []
    # whatever Compose makes, it knows again; this makes the network, and says nothing
    compose.run("run", "--rm", "--no-deps", "-T", "--entrypoint", "true", "psql")
    for service, container in missing.items():
        client.api.connect_container_to_network(container.id, _full(compose), aliases=[service])
    return list(missing)


def remove_unused(client: "DockerClient", project: str) -> list[str]:
    """Remove the project's networks that no container is in; return the names of those that stay."""
    from docker.errors import APIError, NotFound

    kept = []
    for network in client.api.networks(filters={"label": f"{_PROJECT}={project}"}):
        try:
            client.api.remove_network(network["Id"])
        except NotFound:
            continue
        except APIError as error:
            if error.status_code not in (403, 409):
                raise MachineError(f"the network {network['Name']} cannot be removed: {error.explanation}") from None
            kept.append(network["Name"])
    return kept


def _full(compose: Compose) -> str:
    return f"{compose.project}_{NODES}"


def _networks(client: "DockerClient", container: Container) -> set[str]:
    raw = client.api.inspect_container(container.id)
    return set(raw["NetworkSettings"]["Networks"])
