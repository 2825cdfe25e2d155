"""A socket that leads into a container: who is refused learns why, and bytes go both ways."""

import os
import socket
from dataclasses import replace
from pathlib import Path

import pytest

from cluster.errors import MachineError
from cluster.postgres.connection import Access, connect
from cluster.postgres.failures import ConnectError, Failure
from compose.engine.hosts.container_socket import NAME, ContainerAddress, serving

ACCESS = Access(host="", port=5432, user="postgres", password="", ca=Path("/nowhere"), peer=True)


def _lost() -> ContainerAddress:
    raise MachineError("the container of beta does not run", "run: inv up")


def test_who_is_not_led_anywhere_learns_why() -> None:
    with (
        serving(_lost) as folder,
        pytest.raises(ConnectError, match="the container of beta does not run") as caught,
        connect(replace(ACCESS, host=str(folder))),
    ):
        pass
    assert caught.value.kind is Failure.UNREACHABLE
    assert str(folder) not in caught.value.message


def test_each_connection_is_a_command_whose_input_and_output_it_is(tmp_path: Path) -> None:
    fake = tmp_path / "docker"
    fake.write_text('#!/bin/sh\necho "$HOST_NAME $*" | head -c 40\nexec cat\n')
    fake.chmod(0o755)
    found = ContainerAddress("c0ffee", {"HOST_NAME": "beta", "PATH": f"{tmp_path}:{os.environ['PATH']}"})
    with serving(lambda: found) as folder, socket.socket(socket.AF_UNIX) as client:
        client.connect(str(folder / NAME))
        assert (folder.stat().st_mode & 0o777) == 0o700
        assert client.recv(40) == b"beta exec --interactive c0ffee /usr/bin/"
        client.sendall(b"a statement")
        assert client.recv(40) == b"a statement"
        client.shutdown(socket.SHUT_WR)
        assert client.recv(40) == b""


def test_a_command_that_fails_is_the_reason(tmp_path: Path) -> None:
    fake = tmp_path / "docker"
    fake.write_text("#!/bin/sh\necho 'no such container' >&2\nexit 1\n")
    fake.chmod(0o755)
    found = ContainerAddress("c0ffee", {"PATH": f"{tmp_path}:{os.environ['PATH']}"})
    with (
        serving(lambda: found) as folder,
        pytest.raises(ConnectError, match="no such container"),
        connect(replace(ACCESS, host=str(folder))),
    ):
        pass
