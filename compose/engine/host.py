"""What this host adds to settings and topology: images, the services' user, the engine's socket."""

import os
from pathlib import Path

from cluster.config.env_file import PROJECT_ROOT
from cluster.config.settings import Settings
from cluster.topology import Topology
from compose.engine import image_build
from compose.engine.daemon import docker_host
from compose.home.paths import Home, linked_directories, own_disks, service_user
from compose.render.host_facts import EngineSocket, HostFacts, Images, Operator

CHECKOUT = "CHECKOUT"
"""Variable that says where the host has this code, where it runs in a container."""


def host_facts_of(home: Home, settings: Settings, topology: Topology) -> HostFacts:
    """What a cluster is rendered with on this host; before its first `up`, as if a registry gave its images."""
    source, wanted = topology.image_source or "registry", topology.build
    images = image_build.expected(settings, source, wanted.base or image_build.OFFICIAL, wanted.stamp)
    return host_facts_with(home, images)


def host_facts_with(home: Home, images: Images) -> HostFacts:
    """The same with images that are known."""
    user = service_user()
    io_uring = io_uring_refusal(user[1]) == ""
    operator = Operator(uid=os.geteuid(), gid=os.getegid(), home=str(home.path), linked=linked_directories(home))
    return HostFacts(
        images=images,
        user=user,
        socket=_engine_socket(),
        operator=operator,
        checkout=os.environ.get(CHECKOUT) or str(PROJECT_ROOT),
        disks=own_disks(home),
        io_uring=io_uring,
    )


_KERNEL = Path("/proc/sys/kernel")


def io_uring_refusal(group: int, kernel: Path = _KERNEL) -> str:
    """The setting by which this host forbids io_uring to containers of ``group``; "" where it allows it.

    Source: Linux, Documentation/admin-guide/sysctl/kernel.rst: 2 forbids it to all, 1 to all but one group.
    """
    value = _read(kernel / "io_uring_disabled", "0")
    if value == "0" or (value == "1" and _read(kernel / "io_uring_group", "-1") == str(group)):
        return ""
    return f"kernel.io_uring_disabled={value}"


def _read(path: Path, absent: str) -> str:
    try:
        return path.read_text().strip()
    except OSError:  # a kernel that does not know it
        return absent


def _engine_socket() -> EngineSocket:
    """The socket of the engine in use and its group; the usual one where the engine is reached otherwise."""
    path = Path(docker_host().removeprefix("unix://"))
    if not path.is_absolute():
        path = Path("/var/run/docker.sock")
    return EngineSocket(path=str(path), group=path.stat().st_gid if path.exists() else 0)
