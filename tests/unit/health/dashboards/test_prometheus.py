"""What the client makes of a Prometheus that is away, hangs or refuses. What it answers is tried on a real one."""

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from cluster.config.mounted import MountedConfig
from health.dashboards.prometheus import MOST_BYTES, Prometheus, _data
from health.problem_details import ProblemDetails
from tests.unit.config_samples import mounted


@pytest.fixture
def config(tmp_path: Path) -> MountedConfig:
    """Mounted files with the password."""
    found = mounted(tmp_path)
    (found.secrets / "prometheus_password").write_text("s3cret-s3cret\n")
    return found


@contextmanager
def _serving(answer: Callable[[socket.socket], object]) -> Iterator[tuple[str, int]]:
    """A socket that does with each connection what ``answer`` does."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            while True:
                try:
                    connection, _ = listening.accept()
                except OSError:
                    return
                with connection:
                    answer(connection)

        threading.Thread(target=serve, daemon=True).start()
        yield listening.getsockname()
        listening.shutdown(socket.SHUT_RDWR)


def _problem(prometheus: Prometheus) -> ProblemDetails:
    with pytest.raises(ProblemDetails) as raised:
        prometheus.query("up", 1, 5)
    assert "\n" not in raised.value.detail
    assert "s3cret" not in raised.value.detail
    return raised.value


def test_where_nobody_listens_it_says_so_and_does_not_try_again_at_once(config: MountedConfig, free_port: int) -> None:
    now = [0.0]
    prometheus = Prometheus(config, address=("127.0.0.1", free_port), clock=lambda: now[0])
    first = _problem(prometheus)
    assert (first.status, first.detail) == (
        502,
        "Prometheus cannot be reached: Connection refused; inv status says more",
    )
    with _serving(lambda connection: connection.recv(10)) as address:
        prometheus._address = address
        assert _problem(prometheus).detail == first.detail
        now[0] = 3.0
        assert _problem(prometheus).detail != first.detail


def test_one_that_does_not_run_has_no_name(config: MountedConfig) -> None:
    found = _problem(Prometheus(config, address=("prometheus.invalid", 9090)))
    assert (found.status, found.detail) == (
        502,
        "Prometheus cannot be reached: there is no prometheus in the network; inv status says more",
    )


def test_one_that_hangs_costs_its_timeout(config: MountedConfig) -> None:
    ended = threading.Event()
    with _serving(lambda _: ended.wait(10)) as address:
        prometheus = Prometheus(config, address=address, timeout=-1.8)  # and the margin of 2 s
        began = time.monotonic()
        assert _problem(prometheus).status == 504
        assert time.monotonic() - began < 5
        ended.set()


def test_without_the_password_it_names_the_file(config: MountedConfig, free_port: int) -> None:
    (config.secrets / "prometheus_password").unlink()
    found = _problem(Prometheus(config, address=("127.0.0.1", free_port)))
    assert found.status == 502
    assert "prometheus_password" in found.detail


def test_an_answer_without_end_is_not_read_to_its_end(config: MountedConfig) -> None:
    def flood(connection: socket.socket) -> None:
        connection.recv(65536)
        head = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % (4 * MOST_BYTES)
        try:
            connection.sendall(head + b" " * (2 * MOST_BYTES))
        except OSError:
            return

    with _serving(flood) as address:
        found = _problem(Prometheus(config, address=address))
    assert (found.status, found.detail) == (502, "Prometheus answers with more than 8 MB; choose less")


@pytest.mark.parametrize(
    ("status", "body", "code", "text"),
    [
        (401, b"Unauthorized", 502, "refuses the password"),
        (200, b"<html>", 502, "no JSON of its own"),
        (200, b"[]", 502, "no JSON of its own"),
        (200, b"\xff\xfe", 502, "no JSON of its own"),
        (503, b"Service Unavailable", 502, "answers with 503"),
        (400, b'{"status":"error","errorType":"bad_data","error":"invalid\\nparameter"}', 502, "invalid parameter"),
        (503, b'{"status":"error","errorType":"timeout","error":"query timed out"}', 504, "query timed out"),
        (422, b'{"status":"error","errorType":"execution","error":"too many samples"}', 502, "too many samples"),
        (400, b'{"status":"error","errorType":"x","error":"' + b"y" * 5000 + b'"}', 502, "yyy"),
    ],
)
def test_a_refusal_is_one_short_line(status: int, body: bytes, code: int, text: str) -> None:
    with pytest.raises(ProblemDetails) as raised:
        _data(status, body)
    assert raised.value.status == code
    assert text in raised.value.detail
    assert len(raised.value.detail) < 400
    assert "\n" not in raised.value.detail
