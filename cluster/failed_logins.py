"""Logins that were refused, from the lines that servers write: who was tried, from what kind of place. Pure.

A stranger chooses the name and comes from any address, and neither becomes a label as it is: a name that is no role of
the cluster's is `other`, an address is the kind of network that it belongs to.
"""

import json
import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network

Network = IPv4Network | IPv6Network
SOURCES = ("host", "containers", "primary_port", "socket", "private", "public", "unknown")
OTHER = "other"
_REFUSED = b'"state_code":"28'
"""SQLSTATE class 28, invalid authorization: no such role, another password, no line of pg_hba."""
_POOLER = re.compile(
    rb"\S+ \S+ \S+ \[\d+\] WARNING C-0x[0-9a-f]+: [^/]*/(?P<role>.*)@(?P<source>[^@ ]*):\d+ "
    rb"pooler error: (?:SASL authentication failed|password authentication failed|no such user)",
    re.DOTALL,
)
_ROUTED = "00000000"
_LINK_LOCAL = ip_network("169.254.0.0/16")


@dataclass(frozen=True, slots=True)
class FailedLogin:
    """A role as it was given, and the address that it came from."""

    role: str
    source: str


def server_refusal(line: bytes) -> FailedLogin | None:
    """The login that a line of PostgreSQL's log says was refused; None for any other line."""
    if _REFUSED not in line:
        return None
    try:
        found = json.loads(line)
    except ValueError:
        return None
    if found.get("error_severity") != "FATAL" or not str(found.get("state_code", "")).startswith("28"):
        return None
    return FailedLogin(str(found.get("user", "")), str(found.get("remote_host", "")))


def pooler_refusal(line: bytes) -> FailedLogin | None:
    """The same of PgBouncer's. What it refuses itself, no server hears of."""
    if b" pooler error: " not in line or (found := _POOLER.fullmatch(line)) is None:
        return None
    return FailedLogin(found["role"].decode(errors="replace"), found["source"].decode(errors="replace"))


def role_label(role: str, known: Collection[str]) -> str:
    """A role of the cluster's by its name."""
    return role if role in known else OTHER


def source_label(source: str, here: Iterable[Network]) -> str:
    """The kind of network of an address; ``here`` are those that the cluster's containers are in.

    What comes from this host arrives from the gateway of such a network, its first address. What comes through the port
    of the primary arrives from HAProxy, which PostgreSQL knows by a link-local address.
    """
    if source.startswith(("[local]", "unix")):
        return "socket"
    try:
        address = ip_address(source.strip("[]"))
    except ValueError:
        return "unknown"
    if address in _LINK_LOCAL:
        return "primary_port"
    for network in here:
        if address in network:
            return "host" if address == network[1] else "containers"
    if address.is_loopback:
        return "host"
    return "public" if address.is_global else "private"


def networks_of(routes: str) -> tuple[Network, ...]:
    """The networks that this container is in, from the text of /proc/net/route."""
    rows = [line.split() for line in routes.splitlines()[1:]]
    return tuple(
        ip_network((bytes.fromhex(row[1])[::-1], bin(int(row[7], 16)).count("1")))
        for row in rows
        if len(row) > 7 and row[2] == _ROUTED and row[7] != _ROUTED
    )
