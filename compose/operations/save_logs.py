"""Taking a container's log out of the engine before the container goes, into data/logs."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from cluster.endpoints import POOLER
from cluster.errors import RefusedError
from cluster.topology import Topology
from compose.engine.containers import Container
from compose.home import kept_logs
from compose.home.paths import Home

if TYPE_CHECKING:
    from docker import DockerClient

_MOST_LINES = 100_000


def save_logs(client: "DockerClient", home: Home, topology: Topology | None, containers: Iterable[Container]) -> str:
    """Keep the logs of ``containers``; nodes and PgBouncer do that themselves.

    Returns:
        "", or why one could not be kept, for a warning: no log is worth an operation.
    """
    from docker.errors import DockerException
    from requests import RequestException

    theirs = {*(topology.local_names if topology else ()), POOLER}
    failed = []
    for container in containers:
        if container.one_off or container.service in theirs or not container.service:
            continue
        try:
            began = int(kept_logs.last_saved(home, container.service)) or None  # the SDK knows no 0
            text = client.api.logs(container.id, timestamps=True, tail=_MOST_LINES, since=began)
            kept_logs.save(home, container.service, text)
        except (DockerException, RequestException, OSError, RefusedError) as error:
            failed.append(f"{container.service}: {getattr(error, 'message', error)}")
    return f"logs could not be kept: {'; '.join(failed)}" if failed else ""
