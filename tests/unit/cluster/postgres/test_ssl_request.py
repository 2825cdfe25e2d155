import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from cluster.postgres.ssl_request import answers_ssl_request


@contextmanager
def _server(answer: bytes) -> Iterator[int]:
    """A server that says ``answer`` to whoever asks, or closes."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            connection, _ = listening.accept()
            with connection:
                assert connection.recv(8) == b"\x00\x00\x00\x08\x04\xd2\x16\x2f"
                connection.sendall(answer)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield listening.getsockname()[1]
        thread.join(5)


@pytest.mark.parametrize(("answer", "speaks"), [(b"S", True), (b"N", True), (b"E", False), (b"", False)])
def test_a_server_speaks_when_it_answers_whether_it_has_tls(answer: bytes, speaks: bool) -> None:
    with _server(answer) as port:
        assert answers_ssl_request("127.0.0.1", port) is speaks


def test_whoever_accepts_and_says_nothing_does_not_speak() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        assert not answers_ssl_request("127.0.0.1", silent.getsockname()[1])


def test_nobody_does_not_speak(free_port: int) -> None:
    assert not answers_ssl_request("127.0.0.1", free_port)
