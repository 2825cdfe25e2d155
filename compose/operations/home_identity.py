"""Whose a project's containers are, and whether a first `up` would make an empty cluster where one was.

Containers know the home that they were made from. A home that was renamed, copied, or whose disk is not mounted is told
apart by that: where a cluster is in the other directory they are its own; where none is any more, this home has moved.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from cluster.errors import RefusedError
from cluster.topology import Topology
from compose.engine.containers import Container, mounted_inode, of_project
from compose.engine.host import host_facts_of
from compose.home.operation_lock import exclusive
from compose.home.paths import MOUNT, Home
from compose.operations.hosts.host_control import refuse_foreign_hosts
from compose.operations.hosts.leader_socket import with_superuser
from compose.stack import Stack, reopened

if TYPE_CHECKING:
    from docker import DockerClient


@contextmanager
def changing(stack: Stack, operation: str, *, builds: bool = False) -> Iterator[Stack]:
    """Hold the cluster for ``operation``; yields it as it is now that nobody else changes it.

    Args:
        stack: the cluster as it was opened.
        operation: what the task is called.
        builds: it makes the images of this code by itself, as `up` does; others need what was made before.

    Raises:
        RefusedError: another operation holds it, the containers are not this home's, hosts obey another machine, or
            the code changed since `up`.
    """
    with exclusive(stack.home.lock, operation):
        now = reopened(stack)
        refuse_elsewhere(now, operation)
        check_own(now)
        if not builds:
            check_code(now)
        refuse_foreign_hosts(now, operation)
        with with_superuser(now) as opened:
            yield opened


_NOT_ON_HOSTS = {
    "replica.add": "every host with the role node has one: add a host to config/hosts.toml",
    "replica.remove": "inv hosts.remove takes a host out",
    "replica.pool": "appdb_read leads to all nodes that stream",
    "replica.sync": "set PODS_SYNC in .env and run inv up",
    "backup.restore --in-place": "inv backup.restore into a new home, or --as-node beside the cluster",
}
"""Operations on nodes of this engine, and what to do instead where the nodes are Patroni's."""


def refuse_elsewhere(stack: Stack, operation: str) -> None:
    """Refuse what would work on nodes of this engine, where the nodes are Patroni's.

    Raises:
        RefusedError: the operation cannot be had there; says what to do instead.
    """
    if stack.topology.engine != "local" and operation in _NOT_ON_HOSTS:
        raise RefusedError(f"inv {operation} is not for hosts, where Patroni decides", _NOT_ON_HOSTS[operation])


def check_code(stack: Stack) -> None:
    """Refuse to render for services of another code: they would not know its settings, and its images are not made."""
    images = host_facts_of(stack.home, stack.settings, stack.topology).images
    if not stack.home.compose_file.exists():
        return
    rendered = stack.home.compose_file.read_text(encoding="utf-8")
    if any(renders_another(rendered, image) for image in (images.postgres, images.pgbouncer, images.services)):
        raise RefusedError("PODS has changed since the last inv up, and the cluster runs as it was", "run inv up first")


def renders_another(compose_file: str, image: str) -> bool:
    """Whether a rendered Compose file has the image under another tag than the one of ``image``, and not that."""
    name = image.rpartition(":")[0]
    return f"image: {name}:" in compose_file and f"image: {image}\n" not in compose_file


def check_own(stack: Stack) -> None:
    """Refuse containers that were made from another directory, be it that of this home before it was moved."""
    project = stack.topology.project
    before = moved_from(stack.client, stack.home, project, stack.topology, of_project(stack.client, project))
    if before:
        raise RefusedError(
            f"the containers of {project!r} were made from {before}, which this home was before it was moved",
            "run inv up first, which makes them anew from here",
        )


def check_no_copy(stack: Stack) -> None:
    """Refuse to work from a copied home on the cluster that it was copied from."""
    for each in of_project(stack.client, stack.topology.project):
        if not stack.home.is_at(each.directory):
            _refuse_other_home(stack.topology.project, Path(each.directory))


def moved_from(
    client: "DockerClient", home: Home, project: str, topology: Topology | None, found: Sequence[Container]
) -> str:
    """The directory that this home was moved from, as its containers know it; "" where it was not.

    Raises:
        RefusedError: they are another home's, or nobody can tell that they are this one's.
    """
    strangers = [each for each in found if not home.is_at(each.directory)]
    for stranger in strangers:
        _refuse_other_home(project, Path(stranger.directory))
    if not strangers:
        return ""
    before = strangers[0].directory
    if topology is None or not topology.system_identifier:
        raise RefusedError(
            f"there are containers of a cluster called {project!r}, made from {before}, which is not there",
            f"is its disk not mounted, or was it moved? Mount it, or work from where it is; if it is gone for good: "
            f"{_removal(strangers)}",
        )
    _refuse_other_data(client, home, topology, strangers)
    return before


def _refuse_other_home(project: str, directory: Path) -> None:
    """A copied home has the name of the cluster that it was copied from; so may a home that knows of no other."""
    try:
        exists = Home(directory).topology.exists()
    except PermissionError:  # somebody else's
        exists = True
    if exists:
        raise RefusedError(
            f"a cluster called {project!r} runs from {directory} already",
            "work from there: a copied home is no second cluster; that wants PODS_PROJECT and ports of its own in .env",
        )


def _refuse_other_data(client: "DockerClient", home: Home, topology: Topology, strangers: Sequence[Container]) -> None:
    """What runs must have this home's directories mounted; what does not run cannot start where it was made."""
    for each in strangers:
        if each.service in topology.local_names and each.status in ("running", "paused"):
            found = home.node(each.service).stat() if home.node(each.service).exists() else None
            if found is None or mounted_inode(client, each, MOUNT) != (found.st_dev, found.st_ino):
                raise RefusedError(
                    f"{each.name} runs on data of {each.directory}, which is not there any more; it is not this home's",
                    f"if nobody needs what it holds: {_removal(strangers)}",
                )


def _removal(found: Sequence[Container]) -> str:
    return "docker rm --force " + " ".join(sorted(each.name for each in found))


def refuse_lost(home: Home, project: str, found: Sequence[Container], *, secrets: bool) -> None:
    """Refuse to make the first cluster of a home in which something says that there was one.

    Args:
        home: the home; it has no topology.
        project: its name.
        found: its containers.
        secrets: whether a cluster's secrets alone say so; who restores one may have kept them.
    """
    traces = [("its containers are there", any(not each.one_off for each in found))]
    traces.append((f"{home.topology_copy} is there", home.topology_copy.exists()))
    if secrets:
        held = home.secrets / "superuser_password"
        traces.append((f"{held} is there", held.exists() and (home.tls / "ca.key").exists()))
    trace = next((text for text, seen in traces if seen), None)
    if trace is not None:
        raise RefusedError(
            f"there was a cluster called {project!r} in {home.path} ({trace}), and {home.topology} is missing",
            f"is the disk of {home.data} not mounted? Mount it. If the data is lost, see "
            "docs/how-to/disaster-recovery.md; to begin anew, inv down --purge deletes what is left, secrets too",
        )
