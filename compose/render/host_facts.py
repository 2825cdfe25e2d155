"""What one host adds to settings and topology before a Compose file can be written."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Images:
    """Image references by role."""

    postgres: str
    pgbouncer: str
    services: str
    prometheus: str
    alertmanager: str
    grafana: str
    supervisor: str
    hosts: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineSocket:
    """Where this host's engine listens, and the group that may talk to it."""

    path: str
    group: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Operator:
    """Whoever runs PODS, and the cluster's home; ``linked``: directories elsewhere that links in data/ lead to."""

    uid: int
    gid: int
    home: str
    linked: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class HostFacts:
    """What one host adds: images, the services' uid and gid, the engine's socket, who operates it, where this code is.

    ``disks``: directories of data/ that are on another disk than data/ itself. ``io_uring``: the kernel lets that user
    have it.
    """

    images: Images
    user: tuple[int, int]
    socket: EngineSocket
    operator: Operator
    checkout: str
    disks: tuple[str, ...] = ()
    io_uring: bool = True
