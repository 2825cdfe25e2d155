"""What every service of the stack has: its image, its user, its walls, its mounts and ports. Pure."""

import copy

from compose.render.compose_types import Port, Service, VolumeMount

_PRIVATE = ("/run/pods", "/var/run/postgresql")
"""Directories in memory that only the service reads."""


def hardened(template: Service, image: str, user: tuple[int, int]) -> Service:
    """``template`` with ``image``, running as ``user`` (uid, gid) on a read-only file system."""
    uid, gid = user
    service = copy.deepcopy(template)
    service["image"] = image
    service["pull_policy"] = "never"
    service["user"] = f"{uid}:{gid}"
    service["tmpfs"] = [f"{path}:uid={uid},gid={gid},mode=0700,size=16m" for path in _PRIVATE] + [
        "/tmp:mode=1777,size=64m"
    ]
    service["volumes"] = [mount("./rendered/passwd", "/etc/passwd")]
    service["security_opt"] = ["no-new-privileges:true"]
    return service


def mount(source: str, target: str, *, read_only: bool = True) -> VolumeMount:
    """A bind mount that fails where its source is missing, rather than making an empty one."""
    bind: VolumeMount = {"type": "bind", "source": source, "target": target, "bind": {"create_host_path": False}}
    return {**bind, "read_only": True} if read_only else bind


def port(address: str, published: int, target: int) -> Port:
    """A port of the host at ``address`` that leads to the container's ``target``."""
    return {
        "mode": "ingress",
        "host_ip": address,
        "published": str(published),
        "target": target,
        "protocol": "tcp",
    }
