"""Where PODS_PRIMARY_PORT leads: the node whose certificate is shown there. Nobody logs in for that.

Every node has a key of its own, and its name is in its certificate. Source of the bytes: PostgreSQL documentation,
"Message Formats", SSLRequest.
"""

import socket
import ssl
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cluster.endpoints import Endpoint
from cluster.postgres.ssl_request import SSL_REQUEST

_SECONDS = 3.0


@dataclass(frozen=True, slots=True, kw_only=True)
class PortReading:
    """The node that the port of the primary leads to, or why it leads to none."""

    node: str = ""
    error: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class PortStatus:
    """PODS_PRIMARY_PORT, and the node that it leads to; None where it leads to none, or nobody knows."""

    port: int
    node: str | None


def port_status(port: int, reading: PortReading | None) -> PortStatus:
    """What a reading says of the ``port``."""
    return PortStatus(port=port, node=(reading.node or None) if reading else None)


def read_primary_port(endpoint: Endpoint, ca: Path, patience: float = _SECONDS) -> PortReading:
    """See who answers at ``endpoint``, within ``patience`` seconds a step; nobody is a reading too."""
    try:
        context = ssl.create_default_context(cafile=str(ca))
        context.check_hostname = False  # which name it shows is the question
        with socket.create_connection(endpoint, patience) as connection:
            connection.sendall(SSL_REQUEST)
            if connection.recv(1) != b"S":
                return PortReading(error="it lets nobody through")
            with context.wrap_socket(connection) as secured:
                name = _name(secured.getpeercert())
                with suppress(OSError, ValueError):
                    secured.unwrap()  # a server logs two lines of each connection that ends without a farewell
                return PortReading(node=name)
    except (OSError, ValueError) as error:  # an SSLError is an OSError
        return PortReading(error=getattr(error, "strerror", None) or str(error))


def _name(certificate: Any) -> str:
    """The common name of a verified certificate."""
    return str(next(value for part in certificate["subject"] for kind, value in part if kind == "commonName"))
