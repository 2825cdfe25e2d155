"""Whether a PgBouncer answers on a host is seen by its first word, without a login."""

import socket
import ssl
import threading

import pytest

from cluster.config.docker_hosts import Host
from cluster.observed import hosts_reader
from cluster.postgres.ssl_request import SSL_REQUEST


@pytest.mark.parametrize(("answer", "error"), [(b"S", ""), (b"N", "it wants no TLS"), (b"", "it wants no TLS")])
def test_what_a_pooler_answers(answer: bytes, error: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        monkeypatch.setattr(hosts_reader, "POOLER_PORT", server.getsockname()[1])
        heard: list[bytes] = []

        def serve() -> None:
            with server.accept()[0] as connection:
                heard.append(connection.recv(len(SSL_REQUEST)))
                connection.sendall(answer)

        thread = threading.Thread(target=serve)
        thread.start()
        assert _pooler() == error
        thread.join(5)
        assert heard == [SSL_REQUEST]


def test_nobody_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        monkeypatch.setattr(hosts_reader, "POOLER_PORT", server.getsockname()[1])
    assert _pooler() == "Connection refused"


def _pooler() -> str:
    source = hosts_reader._Source(ssl.create_default_context(), 5.0)
    return source.pooler(Host(name="alpha", address="127.0.0.1"))
