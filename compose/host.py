"""What this host adds to settings and topology: images, the services' user, the engine's socket."""

from pathlib import Path

from cluster.settings import Settings
from cluster.topology import Topology
from compose import build
from compose.engine import docker_host
from compose.home import Home, own_disks, service_user
from compose.render.concrete import Concrete, EngineSocket, Images


def concrete_of(home: Home, settings: Settings, topology: Topology) -> Concrete:
    """What a cluster is rendered with on this host; before its first `up`, as if a registry gave its images."""
    images = build.expected(settings, topology.image_source or "registry", topology.image_base or build.OFFICIAL)
    return concrete_with(home, images)


def concrete_with(home: Home, images: Images) -> Concrete:
    """The same with images that are known."""
    return Concrete(images=images, user=service_user(), socket=engine_socket(), disks=own_disks(home))


def engine_socket() -> EngineSocket:
    """The socket of the engine in use and its group; the usual one where the engine is reached otherwise."""
    path = Path(docker_host().removeprefix("unix://"))
    if not path.is_absolute():
        path = Path("/var/run/docker.sock")
    return EngineSocket(path=str(path), group=path.stat().st_gid if path.exists() else 0)
