"""Listening sockets of exporter and health: loopback, the monitoring network, that of published ports; not the nodes'.

A container takes a connection on every network it is in, and a node, or a client beside it, has no business with
exporter or health. Docker knows a service by ``SERVICE.NETWORK`` as well, which gives the address in one network.
"""

import fcntl
import socket
import struct
from contextlib import suppress
from pathlib import Path

NETWORK = "monitoring"
_NODES = "nodes"
ROUTES = Path("/proc/net/route")
_SIOCGIFADDR = 0x8915
"""netdevice(7): the address of an interface, in a structure that begins with its name."""


def sockets(project: str, service: str, port: int) -> list[socket.socket]:
    """Listening sockets: loopback, and the service's address among those who watch; every address where it has none.

    The engine leads a published port to the network of the default route. On several hosts that is the one by which our
    own services reach them, and the service listens there too; among nodes it never does, whatever route there is.
    """
    try:
        addresses = {"127.0.0.1", *_addresses(f"{service}.{project}_{NETWORK}")}
        with suppress(OSError):  # whoever does not know which address is among nodes takes none more
            addresses |= {routed_address()} - _addresses(f"{service}.{project}_{_NODES}") - {""}
        return [_bound(address, port) for address in sorted(addresses)]
    except OSError:  # not in that network, or not in a container at all
        return [_bound("0.0.0.0", port)]  # noqa: S104 - of its own container; what is published, settings say


def _addresses(name: str) -> set[str]:
    return {str(each[4][0]) for each in socket.getaddrinfo(name, None, socket.AF_INET, socket.SOCK_STREAM)}


def routed_address(routes: Path = ROUTES) -> str:
    """The address of the interface that the default route leaves by; "" where there is none."""
    rows = [line.split() for line in routes.read_text().splitlines()[1:]]
    interface = next((row[0] for row in rows if row[1] == "00000000"), "")
    if not interface:
        return ""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        found = fcntl.ioctl(probe.fileno(), _SIOCGIFADDR, struct.pack("256s", interface[:15].encode()))
    return socket.inet_ntoa(found[20:24])


def _bound(address: str, port: int) -> socket.socket:
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((address, port))
    except OSError:
        listening.close()
        raise
    return listening
