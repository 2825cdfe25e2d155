"""The Compose file of one cluster: compose/compose.yaml, made concrete by settings and topology."""

import copy
import hashlib
import json
from dataclasses import dataclass
from functools import cache
from typing import Any

from cluster.settings import PROJECT_ROOT, Settings
from cluster.sizing import Derived
from cluster.topology import Node, Topology, host_ports

BASE = PROJECT_ROOT / "compose" / "compose.yaml"
SECCOMP = PROJECT_ROOT / "compose" / "seccomp.json"
DEFINITION_LABEL = "pods.definition"
"""Hash of what a container was made from; equal means it need not be touched."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Images:
    """Image references by role."""

    postgres: str
    pgbouncer: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Concrete:
    """What one host adds: image references and the uid and gid that services run as."""

    images: Images
    user: tuple[int, int]


def compose_stack(settings: Settings, topology: Topology, derived: Derived, concrete: Concrete) -> dict[str, Any]:
    """The Compose project as data."""
    base = _base()
    ports = host_ports(settings, topology)
    templates = base["services"]
    services = {
        node.name: _node(templates["node"], node, ports[node.name], settings, derived, concrete)
        for node in topology.nodes
    }
    if topology.lift_memlock:
        for service in services.values():
            service["ulimits"] = {"memlock": -1}
    services["pgbouncer"] = _pgbouncer(templates["pgbouncer"], ports["pgbouncer"], settings, concrete)
    services["psql"] = _psql(templates["psql"], concrete)
    for service in services.values():
        service["labels"] = {DEFINITION_LABEL: definition_hash(service)}
    return {"name": topology.project, "services": services, "networks": base["networks"], "secrets": base["secrets"]}


def definitions(settings: Settings, topology: Topology, derived: Derived, concrete: Concrete) -> dict[str, str]:
    """Hash of every service's definition."""
    services = compose_stack(settings, topology, derived, concrete)["services"]
    return {name: service["labels"][DEFINITION_LABEL] for name, service in services.items()}


def compose_text(stack: dict[str, Any]) -> str:
    """The stack as YAML, every `$` kept from Compose's interpolation."""
    import yaml

    body = yaml.safe_dump(stack, sort_keys=False, width=120)
    return (
        "# Made by `inv up` from compose/compose.yaml, .env and data/topology.json; changes here are lost.\n"
        + body.replace("$", "$$")
    )


def definition_hash(service: dict[str, Any]) -> str:
    """Identity of a service's definition, and of the seccomp profile it names."""
    text = json.dumps(service, sort_keys=True) + _seccomp_text()
    return hashlib.sha256(text.encode()).hexdigest()[:16]


@cache
def _seccomp_text() -> str:
    return SECCOMP.read_text()


def _base() -> dict[str, Any]:
    import yaml

    loaded: dict[str, Any] = yaml.safe_load(BASE.read_text())
    return loaded


def _service(template: dict[str, Any], image: str, concrete: Concrete) -> dict[str, Any]:
    uid, gid = concrete.user
    service = copy.deepcopy(template)
    service["image"] = image
    service["pull_policy"] = "never"
    service["user"] = f"{uid}:{gid}"
    service["tmpfs"] = [f"{path}:uid={uid},gid={gid},mode=0700" for path in ("/run/pods", "/var/run/postgresql")] + [
        "/tmp:mode=1777"
    ]
    service["volumes"] = [_mount("./rendered/passwd", "/etc/passwd")]
    service["security_opt"] = ["no-new-privileges:true"]
    return service


def _node(
    template: dict[str, Any], node: Node, port: int, settings: Settings, derived: Derived, concrete: Concrete
) -> dict[str, Any]:
    service = _service(template, concrete.images.postgres, concrete)
    service["security_opt"].append(f"seccomp={SECCOMP}")
    service["shm_size"] = derived.shm_size
    service["stop_grace_period"] = f"{settings.stop_grace}s"
    service["ports"] = [_port(settings, port, 5432)]
    service["volumes"] += [
        _mount(f"./data/{node.name}", "/var/lib/postgresql", read_only=False),
        _mount(f"./rendered/nodes/{node.name}", "/etc/pods"),
        _mount(f"./secrets/tls/{node.name}", "/run/tls"),
    ]
    return service


def _pgbouncer(template: dict[str, Any], port: int, settings: Settings, concrete: Concrete) -> dict[str, Any]:
    service = _service(template, concrete.images.pgbouncer, concrete)
    service["ports"] = [_port(settings, port, 6432)]
    service["volumes"] += [_mount("./rendered/pgbouncer", "/etc/pods"), _mount("./secrets/tls/pgbouncer", "/run/tls")]
    return service


def _psql(template: dict[str, Any], concrete: Concrete) -> dict[str, Any]:
    service = _service(template, concrete.images.postgres, concrete)
    service["volumes"].append(_mount("./secrets/tls/pgbouncer/ca.crt", "/run/tls/ca.crt"))
    return service


def _mount(source: str, target: str, *, read_only: bool = True) -> dict[str, Any]:
    """A bind mount that fails where its source is missing, rather than making an empty one."""
    mount: dict[str, Any] = {"type": "bind", "source": source, "target": target, "bind": {"create_host_path": False}}
    return {**mount, "read_only": True} if read_only else mount


def _port(settings: Settings, published: int, target: int) -> dict[str, Any]:
    return {
        "mode": "ingress",
        "host_ip": settings.bind,
        "published": str(published),
        "target": target,
        "protocol": "tcp",
    }


def passwd_text(user: tuple[int, int]) -> str:
    """/etc/passwd of the containers: initdb wants a name for the uid it runs as, whichever that is."""
    uid, gid = user
    return f"root:x:0:0:root:/root:/usr/sbin/nologin\npostgres:x:{uid}:{gid}:PostgreSQL:/var/lib/postgresql:/bin/sh\n"
