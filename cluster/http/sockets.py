"""Listening sockets of exporter and health: loopback and the monitoring network, not the nodes' network.

A container takes a connection on every network it is in, and a node, or a client beside it, has no business with
exporter or health. Docker knows a service by ``SERVICE.NETWORK`` as well, which gives the address in one network.
"""

import socket

NETWORK = "monitoring"


def sockets(project: str, service: str, port: int) -> list[socket.socket]:
    """Listening sockets: loopback, and the service's address among those who watch; every address where it has none."""
    try:
        found = socket.getaddrinfo(f"{service}.{project}_{NETWORK}", port, socket.AF_INET, socket.SOCK_STREAM)
        addresses = ["127.0.0.1", *sorted({str(address[4][0]) for address in found})]
        return [_bound(address, port) for address in addresses]
    except OSError:  # not in that network, or not in a container at all
        return [_bound("0.0.0.0", port)]  # noqa: S104 - of its own container; what is published, settings say


def _bound(address: str, port: int) -> socket.socket:
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((address, port))
    except OSError:
        listening.close()
        raise
    return listening
