"""What is checked before anything is changed: ports, disk, who owns the data, whose data it is."""

import os
import shutil
import socket
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from cluster.config.env_file import variable_of
from cluster.config.settings import Settings
from cluster.endpoints import POOLER, PROXY
from cluster.errors import MachineError, RefusedError
from cluster.files import LOST_AND_FOUND, Directory
from cluster.http.pages import health_address
from cluster.naming import NODE_NAME
from cluster.pools import check_lengths, synchronous_count
from cluster.postgres.data_directory import MAJOR, PGDATA, DataDirectory, holds_data, read_data_directory
from cluster.services import optional_services
from cluster.sizing import Sizing
from cluster.topology import Topology, host_ports
from cluster.units import human_size
from compose.engine.containers import Container
from compose.engine.published_ports import bind_address, listens_elsewhere, obstructs
from compose.home.paths import Home, service_user
from compose.operations.cold_start import check_histories

DataState = DataDirectory | ValueError | None
"""A node's data, why what is there is not whole, or None where there is nothing."""

NEEDED_FREE = 512 << 20
"""Bytes that must be free for `up` to begin."""
_PER_NEW_NODE = 128 << 20
"""Bytes of an empty data directory with its first WAL."""
_TRIED_PORTS = 100


def measure_host(home: Home, nodes: int) -> Sizing:
    """What derived settings are derived from: this host's memory, the free disk below the home, the number of nodes."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return Sizing(memory=memory, disk=free_disk(home.path), nodes=nodes)


def free_disk(path: Path) -> int:
    """Bytes free for this user on the file system of ``path`` or of its nearest existing parent."""
    existing = next(p for p in (path, *path.parents) if p.exists())
    return shutil.disk_usage(existing).free


def check_disk(home: Home, new_nodes: int) -> None:
    """Refuse to begin on a disk that is nearly full."""
    free, needed = free_disk(home.data), NEEDED_FREE + new_nodes * _PER_NEW_NODE
    if free < needed:
        raise MachineError(
            f"the disk of {home.data} has {human_size(free)} free and {human_size(needed)} are needed",
            "free some space, then run this again",
        )


def check_possible(settings: Settings, topology: Topology) -> None:
    """Refuse settings that this host or this cluster cannot have, whoever else takes them."""
    if len(topology.in_state("member", "catching_up", "joining")) < synchronous_count(settings):
        raise RefusedError(
            f"PODS_SYNC={settings.sync} asks for more replicas than the {len(topology.replicas)} there are",
            "set PODS_SYNC=off in .env, add replicas, then set it again",
        )
    check_lengths(settings, topology)
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    if (settings.shared_buffers or 0) > memory:
        raise RefusedError(
            f"PODS_SHARED_BUFFERS={human_size(settings.shared_buffers)} is more than the {human_size(memory)} here",
            "a quarter of a node's share of the memory is plenty; auto takes that",
        )


@dataclass(frozen=True, slots=True)
class PortClash:
    """A host port somebody else listens on."""

    service: str
    variable: str
    port: int
    holder: str


def port_clashes(
    settings: Settings, topology: Topology, ours: Iterable[str], running: Iterable[Container] = ()
) -> list[PortClash]:
    """Ports of services not in ``ours`` (already running) that are taken by others than ``running`` of ours."""
    holders = list(running)
    # where images come from is not known before the first `up`; Grafana may yet be among them
    wanted = {*topology.servers, POOLER, PROXY, *optional_services(settings, topology.image_source or "registry")}
    return [
        PortClash(service, _variable(service, topology), port, _holder(port))
        for service, port in host_ports(settings, topology).items()
        if service in wanted.difference(ours)
        and not any(obstructs((bind_address(settings, topology, service), port), container) for container in holders)
        and not _free(bind_address(settings, topology, service), port)
    ]


def own_port_clashes(settings: Settings, topology: Topology, found: Iterable[Container]) -> list[PortClash]:
    """Ports that strangers have, where ``found`` are our containers: those that are to move to another port too."""
    running = [c for c in found if c.status in ("running", "restarting", "paused") and not c.one_off]
    staying = [c.service for c in running if not listens_elsewhere(settings, topology, c)]
    return port_clashes(settings, topology, staying, running)


def check_own_ports(settings: Settings, topology: Topology, found: Iterable[Container]) -> None:
    """Refuse to begin when an address is not this host's, or a port is a stranger's."""
    check_addresses(settings)
    _refuse(own_port_clashes(settings, topology, found))


def check_ports(settings: Settings, topology: Topology, ours: Iterable[str]) -> None:
    """Refuse to begin when a port is taken, saying by whom."""
    check_addresses(settings)
    _refuse(port_clashes(settings, topology, ours))


def with_own_port(settings: Settings, topology: Topology) -> Topology:
    """``topology`` with a free port for the first node of a cluster of before, which had that of the primary."""
    for node in topology.nodes:
        if not node.ordinal:
            moved = [topology.with_ordinal(node.name, each) for each in islice(topology.free_ordinals(), _TRIED_PORTS)]
            free = (each for each in moved if _free(settings.bind, host_ports(settings, each)[node.name]))
            return next(free, moved[0])
    return topology


def check_addresses(settings: Settings) -> None:
    """Refuse addresses that are not this host's."""
    addresses = {"bind": settings.bind, "web_bind": settings.web_bind, "health_bind": health_address(settings)}
    for setting, address in addresses.items():  # must be this host's, also where every port is ours already
        _check_address(setting, address)


def _refuse(clashes: Iterable[PortClash]) -> None:
    for clash in clashes:
        raise MachineError(
            f"port {clash.port}, wanted for {clash.service}, is in use{clash.holder}",
            f"stop that, or set {clash.variable} in .env to a free port",
        )


def _variable(service: str, topology: Topology) -> str:
    if service in topology.servers:
        return "PODS_REPLICA_PORT"
    return "PODS_PRIMARY_PORT" if service == PROXY else f"PODS_{service.upper()}_PORT"


def _check_address(setting: str, address: str) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        try:
            probe.bind((address, 0))
        except OSError:
            raise MachineError(
                f"{variable_of(setting)}={address} is not an address of this host", "see `ip address` for those it has"
            ) from None


def _free(address: str, port: int) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((address, port))
        except PermissionError:
            raise MachineError(f"port {port} needs root", "choose ports of 1024 and above in .env") from None
        except OSError:
            return False
    return True


def _holder(port: int) -> str:
    """`` by NAME (pid N)`` of the process that listens on ``port``, where /proc tells."""
    inodes = _listening_inodes(port)
    for entry in Path("/proc").glob("[0-9]*/fd/*") if inodes else ():
        try:
            if os.readlink(entry) in inodes:
                process = entry.parents[1]
                return f" by {(process / 'comm').read_text().strip()} (pid {process.name})"
        except OSError:
            continue
    return ""


def _listening_inodes(port: int) -> set[str]:
    found = set()
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        lines = Path(table).read_text().splitlines()[1:] if Path(table).exists() else []
        for fields in (line.split() for line in lines):
            if fields[3] == "0A" and int(fields[1].rsplit(":", 1)[1], 16) == port:
                found.add(f"socket:[{fields[9]}]")
    return found


def check_data(home: Home, topology: Topology) -> dict[str, DataState]:
    """Read every node's data directory; hosts look at their own.

    Returns:
        Per node: its data, None where there is none, or the reason why what is there is not whole.

    Raises:
        RefusedError: data that is not ours to touch: another owner's, another major version's, another cluster's; or
            not what the topology says, such as an old copy of the primary's.
    """
    found: dict[str, DataState] = {}
    for node in topology.local_names:
        _check_owner(home.node(node))
        found[node] = data = _read(home.node(node))
        if isinstance(data, DataDirectory):
            _check_identity(node, home.node(node), data, topology)
    if topology.primary in found:
        _check_primary(home, topology, found[topology.primary])
    if topology.system_identifier and found:
        check_histories(home, topology)
    return found


def _read(directory: Path) -> DataState:
    try:
        return read_data_directory(directory)
    except ValueError as error:
        return error
    except PermissionError as error:
        raise RefusedError(
            f"{error.filename} cannot be read by this user", "run as the user who made the cluster"
        ) from None


def _check_owner(directory: Path) -> None:
    uid, _ = service_user()
    try:
        with Directory.open(directory) as opened:
            owners = {directory: directory.stat().st_uid} if set(opened.names()) - {LOST_AND_FOUND} else {}
            found = {name: opened.stat(name) for name in (MAJOR, PGDATA)}
    except FileNotFoundError:
        return
    except PermissionError:
        raise RefusedError(f"{directory} cannot be read by this user", "run as the user who made the cluster") from None
    owners |= {directory / name: each.st_uid for name, each in found.items() if each is not None}
    for path, owner in owners.items():
        if owner != uid:
            raise RefusedError(
                f"{path} belongs to uid {owner} and PostgreSQL runs as uid {uid}",
                f"run as uid {owner}, if that is who made this cluster; if it is yours: chown -R {uid} {directory}",
            )


def _check_identity(node: str, directory: Path, data: DataDirectory, topology: Topology) -> None:
    if data.major != MAJOR:
        raise RefusedError(
            f"{directory} holds data of PostgreSQL {data.major}, and this is PostgreSQL {MAJOR}",
            "move it away, or upgrade it with pg_upgrade first",
        )
    if not topology.system_identifier:
        if node != topology.primary:
            raise RefusedError(
                f"{directory} holds data already, but this cluster was never made",
                "move it away, or put back data/topology.json",
            )
    elif data.system_identifier != topology.system_identifier:
        raise RefusedError(
            f"{directory} holds another cluster's data (system identifier {data.system_identifier})",
            "move it away, then run inv up",
        )


def _check_primary(home: Home, topology: Topology, data: DataState) -> None:
    directory = home.node(topology.primary)
    if isinstance(data, ValueError):
        raise RefusedError(
            f"the primary's data in {directory} is not whole: {data}",
            f"nothing was touched; put back what is, or {_other_data(topology)}",
        )
    if data is None and topology.system_identifier:
        raise RefusedError(
            f"the primary's data in {directory} is gone",
            f"nothing was touched; is its disk not mounted? Else put it back, or {_other_data(topology)}",
        )


def _other_data(topology: Topology) -> str:
    if not topology.replicas:
        return "restore a backup"
    names = " ".join(node.name for node in topology.replicas)
    return (
        f"restore a backup; replicas hold a copy: docker compose up --detach {names}, then inv failover "
        "--accept-data-loss and inv up go on with the one that has most"
    )


def strangers(home: Home, topology: Topology) -> list[str]:
    """Directories below data/ with a node's name and data that are in no topology."""
    if not home.data.is_dir():
        return []
    with Directory.open(home.data) as data:
        others = [name for name in data.names() if NODE_NAME.match(name) and name not in topology.names]
    return [name for name in others if holds_data(home.data / name)]
