"""`inv down`: stop the cluster. Data stays unless purging was asked for, and confirmed by the cluster's name."""

from collections.abc import Collection
from pathlib import Path

from cluster.config.settings import Settings
from cluster.errors import PodsError, RefusedError
from cluster.files import Directory
from cluster.standby_topology import spans_hosts
from cluster.topology import Topology
from cluster.topology_file import load
from compose.console import Console, ask
from compose.engine import containers, daemon, networks
from compose.engine.compose_cli import Compose
from compose.home.node_data import STAGING, remove, remove_server
from compose.home.operation_lock import exclusive
from compose.home.paths import Home, service_directories
from compose.home.store_directory import local_store
from compose.operations.home_identity import moved_from, refuse_lost
from compose.operations.hosts.hosts_down import going_on, hosts_of, purge_hosts
from compose.operations.replicas.remote_upkeep import down_there
from compose.operations.save_logs import save_logs
from compose.stack import Stack


def down(home: Home, settings: Settings, console: Console, *, purge: bool, yes: bool) -> None:
    """Stop and remove the containers; with ``purge`` delete data and secrets as well."""
    with exclusive(home.lock, "down"):
        topology = _known(home)
        project = topology.project if topology else settings.project
        hosts = hosts_of(Stack(home, settings, topology)) if topology else ()
        if purge:
            _confirm(home, project, hosts, yes=yes)
        client = daemon.connect()
        found = containers.of_project(client, project)
        moved_from(client, home, project, topology, found)
        containers.remove_leftovers(client, found)
        if topology and hosts and purge:
            purge_hosts(Stack(home, settings, topology, client), console)
        if topology and topology.engine == "local":
            down_there(Stack(home, settings, topology, client), console, purge=purge)
        if home.compose_file.exists():
            with console.step(f"Stopping {project}") as step:
                compose = Compose(home, project)
                if not purge:
                    compose.follow(step, "stop")
                    console.warn(failed) if (failed := save_logs(client, home, topology, found)) else None
                compose.follow(step, "--profile", "tools", "down", "--remove-orphans")
            for network in networks.remove_unused(client, project):
                console.note(f"the network {network} stays: a container that is not this cluster's is in it")
        elif found:  # the home was made anew, or its disk is not mounted
            if not purge:
                refuse_lost(home, project, found, secrets=True)
            with console.step(f"Removing the containers of {project}"):
                containers.remove_all(client, found)
            networks.remove_unused(client, project)
        else:
            console.note(f"there is no cluster in {home.path}")
        if purge:
            _purge(home, settings, topology, console)
        elif topology and hosts:
            console.warn(going_on(topology, hosts))
        elif topology:
            console.note(f"the data stays in {home.data}; inv up brings the cluster back")


def _confirm(home: Home, project: str, hosts: Collection[str], *, yes: bool) -> None:
    there = f" and on {', '.join(hosts)}" if hosts else ""
    what = f"This deletes all data of {project!r} in {home.data}{there}, and its secrets; backups and their key stay."
    if not ask(what, yes=yes, expect=project):
        raise RefusedError(
            "nothing was deleted: the cluster's name was not confirmed", f"type {project}, or give --yes"
        )


def _known(home: Home) -> Topology | None:
    """The topology; a corrupt one must not keep a cluster from being stopped."""
    try:
        return load(home.topology)
    except PodsError:
        return None


def _purge(home: Home, settings: Settings, topology: Topology | None, console: Console) -> None:
    """Delete the nodes' data first and what names them last, so that an interrupted purge can be repeated."""
    if topology is None and home.topology.exists():
        raise RefusedError(
            f"{home.topology} is corrupt, so nobody knows what is this cluster's data",
            "mend it, or delete the directories yourself",
        )
    names, linked = topology.names if topology else (), list[str]()
    with console.step("Deleting data and secrets"):
        stays = [path for name in names for path in remove_server(home.node(name))]
        for directory in (
            home.copies,
            home.logs,
            *service_directories(home),
            home.aside,
            home.data / STAGING,
            home.rendered,
        ):
            if directory.is_symlink():
                linked.append(f"{directory} led to {directory.resolve()}")
            stays += remove(directory)
        key = _forget_secrets(home)
        moved = (home.hosts_state,) if topology and spans_hosts(topology) else ()
        for file in (home.compose_file, home.journal, *moved, home.topology):
            file.unlink(missing_ok=True)
    if stays:
        console.note(f"emptied, and left as a mount point or a link of yours: {', '.join(map(str, stays))}")
    if linked:
        console.note(f"only the link was removed, not what it leads to: {', '.join(linked)}")
    kept = [str(path) for path in (local_store(home, settings), key) if path and path.exists()]
    if kept:
        console.note(f"kept: {' and '.join(kept)}; a cluster can be made from them: inv backup.restore --in-place")


def _forget_secrets(home: Home) -> Path | None:
    """Delete every secret but the key of sealed backups, which nobody could read without it; where that is."""
    key = home.secrets / "backup_key"
    try:
        with Directory.open(home.secrets) as secrets:
            for name in secrets.names():
                if name != key.name:
                    secrets.remove_tree(name)
    except FileNotFoundError:
        return None
    if key.exists():
        return key
    remove(home.secrets)
    return None
