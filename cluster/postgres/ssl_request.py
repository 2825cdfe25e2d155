"""Whether there is a server behind a port that lets nobody log in: it answers an SSLRequest before any login.

A login reads pg_authid and pg_database: while somebody holds a strong lock on one, it waits, as every client's does.
Source of the bytes: PostgreSQL documentation, "Message Formats", SSLRequest.
"""

import socket
import struct

SSL_REQUEST = struct.pack("!ii", 8, 80877103)
_SECONDS = 1.0


def answers_ssl_request(host: str, port: int) -> bool:
    """Whether a server says yes or no to TLS within a second: a paused one does not, nor does a proxy before none."""
    try:
        with socket.create_connection((host, port), _SECONDS) as connection:
            connection.settimeout(_SECONDS)
            connection.sendall(SSL_REQUEST)
            return connection.recv(1) in (b"S", b"N")
    except OSError:
        return False
