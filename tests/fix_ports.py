"""Ports of loopback that are a test's own: no other test, no other worker and no other run on this host takes them.

They lie below the range from which the kernel takes ports for outgoing connections, in blocks. A block belongs to
the process that holds the lock on its file, and is free again when that process ends, however it ends.
"""

import fcntl
import os
import socket
import tempfile
from pathlib import Path

import pytest

BLOCK = 24
_RANGE = range(21000, 31000 - BLOCK, BLOCK)
_claims: list[int] = []
"""Descriptors that hold this process's blocks."""
_spare: list[int] = []
"""What is left of a block from which single ports are given out."""


def free_ports(count: int) -> list[int]:
    """``count`` neighbouring ports that nobody listens on."""
    assert count <= BLOCK
    start = os.getpid() % len(_RANGE)
    for first in (*_RANGE[start:], *_RANGE[:start]):
        ports = list(range(first, first + count))
        if _claim(first) and all(_is_silent(port) for port in ports):
            return ports
    raise AssertionError("no free ports")


def one_free_port() -> int:
    """A port that nobody listens on."""
    while True:
        if not _spare:
            _spare.extend(free_ports(BLOCK))
        if _is_silent(port := _spare.pop(0)):
            return port


def _claim(first: int) -> bool:
    """Whether the block that begins there was nobody's, and is ours from now on."""
    directory = Path(tempfile.gettempdir()) / f"pods-test-ports-{os.getuid()}"
    directory.mkdir(exist_ok=True)
    descriptor = os.open(directory / str(first), os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return False
    _claims.append(descriptor)
    return True


def _is_silent(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) != 0


@pytest.fixture
def free_port() -> int:
    """A port of loopback that nobody listens on."""
    return one_free_port()
