"""A server with a certificate of the cluster's own that asks for the password itself receives nothing.

That server is hijacked: it passes every check of its name. Kept from the security review; before, it was told.
"""

import socket
import ssl
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from cluster.errors import MachineError
from cluster.postgres.connection import Access, connect
from cluster.postgres.replication import replicate
from compose.home import certificates
from compose.home.paths import Home
from tests.fix_settings import settings_of, topology_of

PASSWORD = "the-superusers-password"
CLEARTEXT = b"R" + struct.pack("!II", 8, 3)
MD5 = b"R" + struct.pack("!II", 12, 5) + b"salt"
TRUST = b"R" + struct.pack("!II", 8, 0)
"""What the server asks for: AuthenticationCleartextPassword, AuthenticationMD5Password, or nothing at all."""


@dataclass
class Node:
    """A listener with a node's own certificate; ``received`` is every byte that came after its request."""

    port: int
    received: bytes = field(default=b"")


@pytest.fixture(params=[CLEARTEXT, MD5, TRUST], ids=["cleartext", "md5", "trust"])
def node(bare_home: Home, request: pytest.FixtureRequest) -> Iterator[Node]:
    """It speaks TLS, reads the startup message, sends its request, and listens."""
    settings = settings_of(replicas="1")
    certificates.ensure_all(bare_home, settings, topology_of(settings))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(bare_home.tls / "replica1" / "server.crt", bare_home.tls / "replica1" / "server.key")
    with socket.create_server(("127.0.0.1", 0)) as listener:
        made = Node(listener.getsockname()[1])
        thread = threading.Thread(target=_serve, args=(listener, context, request.param, made), daemon=True)
        thread.start()
        yield made
        thread.join(10)


def _serve(listener: socket.socket, context: ssl.SSLContext, request: bytes, node: Node) -> None:
    plain, _ = listener.accept()
    plain.settimeout(10)
    plain.recv(8)  # SSLRequest
    plain.sendall(b"S")
    with context.wrap_socket(plain, server_side=True) as talk:
        (length,) = struct.unpack("!I", talk.recv(4))
        talk.recv(length - 4)
        talk.sendall(request)
        try:
            while piece := talk.recv(4096):
                node.received += piece
        except OSError:
            return


@pytest.mark.parametrize("pooled", [False, True])
@pytest.mark.parametrize("speak", [connect, replicate])
def test_who_asks_for_the_password_gets_nothing(
    bare_home: Home, node: Node, speak: Callable[[Access], AbstractContextManager[Any]], pooled: bool
) -> None:
    access = Access(host="127.0.0.1", port=node.port, user="postgres", password=PASSWORD, ca=bare_home.ca)
    with pytest.raises(MachineError) as refusal, speak(replace(access, pooled=pooled)):
        raise AssertionError("let itself be let in")
    assert PASSWORD not in refusal.value.message
    assert node.received == b""
