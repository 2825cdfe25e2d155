"""What `inv status` says of copies beside the cluster, which have no part in its verdict."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from cluster.topology import host_ports
from compose.engine.containers import Container
from compose.stack import Stack


def report(stack: Stack, running: Mapping[str, Container]) -> list[dict[str, Any]]:
    """What `inv status` says of copies. ``newest`` is Unix time."""
    ports = host_ports(stack.settings, stack.topology)
    return [
        {
            "name": copy.name,
            "writable": copy.writable,
            "state": _state(running.get(copy.name)),
            "port": ports[copy.name],
            "backup": copy.backup,
            "lsn": copy.lsn,
            "newest": copy.newest,
        }
        for copy in stack.topology.copies
    ]


def _state(container: Container | None) -> str:
    if container is None:
        return "no container"
    return container.status if container.well or container.status != "running" else container.health


def copy_lines(copies: list[dict[str, Any]]) -> list[str]:
    """One line per copy, for people."""
    return [
        f"copy {copy['name']}: {copy['state']}, as of {_moment(copy)}, {access(copy)}, port {copy['port']}"
        for copy in copies
    ]


def _moment(copy: dict[str, Any]) -> str:
    return copy["lsn"] if copy["newest"] is None else f"{datetime.fromtimestamp(copy['newest'], UTC):%Y-%m-%d %H:%M:%S}"


def access(copy: Mapping[str, Any]) -> str:
    """Whether one may write."""
    return "writable" if copy["writable"] else "read-only"
