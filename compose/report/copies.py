"""What `inv status` says of copies beside the cluster, which have no part in its verdict."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from cluster.topology import host_ports
from cluster.units import utc
from compose.engine.containers import Container
from compose.stack import Stack


@dataclass(frozen=True, slots=True, kw_only=True)
class CopyStatus:
    """One copy. ``newest`` is Unix time."""

    name: str
    writable: bool
    state: str
    port: int
    backup: str
    lsn: str
    newest: float | None


def copy_statuses(stack: Stack, running: Mapping[str, Container]) -> tuple[CopyStatus, ...]:
    """Every copy, and the state of its container."""
    ports = host_ports(stack.settings, stack.topology)
    return tuple(
        CopyStatus(
            name=copy.name,
            writable=copy.writable,
            state=_state(running.get(copy.name)),
            port=ports[copy.name],
            backup=copy.backup,
            lsn=copy.lsn,
            newest=copy.newest,
        )
        for copy in stack.topology.copies
    )


def _state(container: Container | None) -> str:
    if container is None:
        return "no container"
    return container.status if container.well or container.status != "running" else container.health


def copy_lines(copies: Sequence[CopyStatus]) -> list[str]:
    """One line per copy, for people."""
    return [
        f"copy {copy.name}: {copy.state}, as of {_moment(copy)}, {access(copy.writable)}, port {copy.port}"
        for copy in copies
    ]


def _moment(copy: CopyStatus) -> str:
    return copy.lsn if copy.newest is None else utc(copy.newest)


def access(writable: bool) -> str:
    """Whether one may write."""
    return "writable" if writable else "read-only"
