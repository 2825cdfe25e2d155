"""The way to the superuser on hosts is left in order: the connection to a host lives until nobody needs it."""

import contextlib
import socket
import subprocess
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from cluster.errors import RefusedError
from compose.engine.hosts.container_socket import NAME, ContainerAddress
from compose.home.paths import Home
from compose.operations.hosts import leader_socket
from compose.operations.hosts.fleet import Fleet
from compose.stack import Stack
from tests.fix_settings import settings_of, topology_of


@pytest.fixture
def reached(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """At the end of each connection to a host: whether its process, which ends with its starter's thread, was there."""
    found = list[bool]()

    @contextlib.contextmanager
    def reach(*_: object) -> Iterator[dict[str, str]]:
        process = subprocess.Popen(["setpriv", "--pdeathsig", "TERM", "--", "sleep", "60"])
        try:
            yield {"alpha": "its engine"}
        finally:
            time.sleep(0.2)
            found.append(process.poll() is None)
            process.kill()
            process.wait()

    monkeypatch.setattr(leader_socket, "reach_hosts", reach)
    monkeypatch.setattr(leader_socket, "container_of", lambda _: ContainerAddress("none", {}))
    monkeypatch.setattr(Fleet, "leader", lambda _: "alpha")
    return found


def test_a_task_that_fails_for_another_reason_does_not_find_its_host_lost(tmp_path: Path, reached: list[bool]) -> None:
    settings = settings_of()
    stack = Stack(Home(tmp_path), settings, replace(topology_of(settings), engine="patroni"))

    def task() -> None:
        with leader_socket.with_superuser(stack) as opened, socket.socket(socket.AF_UNIX) as client:
            assert opened.superuser_socket is not None
            client.connect(str(opened.superuser_socket / NAME))
            client.recv(1)  # refused, since there is no such container; by then the host was reached
            raise RefusedError("host beta does not answer", "start it")

    with pytest.raises(RefusedError, match="host beta does not answer"):
        task()
    assert reached == [True]
