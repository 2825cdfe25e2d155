from collections.abc import Iterator
from pathlib import Path

import pytest

from cluster.errors import MachineError
from compose.engine.socket_reader import SocketReader
from tests.unit.exporters.fake_engine import FakeEngine, running


@pytest.fixture
def engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeEngine]:
    with running(tmp_path) as found:
        monkeypatch.setenv("DOCKER_HOST", f"unix://{found.socket}")
        yield found


def test_containers_are_read_by_their_service(engine: FakeEngine) -> None:
    engine.add("one")
    (found,) = SocketReader("pods").containers().values()
    assert (found.name, found.status, found.restarts) == ("one", "running", 0)
    assert engine.methods == {"GET"}
    assert engine.asked_for("/containers/json") == [
        {"all": "1", "filters": '{"label": ["com.docker.compose.project=pods"]}'}
    ]


def test_a_container_that_went_meanwhile_is_none(engine: FakeEngine) -> None:
    engine.add("one")
    engine.gone = {"one"}
    assert SocketReader("pods").containers() == {}


@pytest.mark.parametrize("raw", [b"", b"\r\n\r\n", b"HTTP/1.0 500 Internal Server Error\r\n\r\n{}", b"\xff" * 100])
def test_an_engine_that_answers_otherwise_is_one_clear_line(engine: FakeEngine, raw: bytes) -> None:
    engine.raw = raw
    with pytest.raises(MachineError, match="does not answer as it should"):
        SocketReader("pods").containers()


def test_an_engine_that_is_not_there_is_one_clear_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/none.sock")
    with pytest.raises(MachineError, match=r"none\.sock does not answer: No such file"):
        SocketReader("pods").containers()


def test_last_words_come_out_of_their_frames(engine: FakeEngine) -> None:
    engine.add("one")
    (container,) = SocketReader("pods").containers().values()
    frames = [b"LOG:  starting\n", b'FATAL:  lock file "postmaster.pid" is empty\n', b"LOG:  bye\n"]
    body = b"".join(b"\x02\0\0\0" + len(each).to_bytes(4, "big") + each for each in frames)
    engine.raw = b"HTTP/1.0 200 OK\r\n\r\n" + body
    assert SocketReader("pods").last_log_line(container) == 'FATAL:  lock file "postmaster.pid" is empty'


@pytest.mark.parametrize(("host", "usable"), [("unix:///run/docker.sock", True), ("tcp://192.0.2.1:2375", False)])
def test_an_engine_of_another_host_is_not_read_so(monkeypatch: pytest.MonkeyPatch, host: str, usable: bool) -> None:
    monkeypatch.setenv("DOCKER_HOST", host)
    assert SocketReader.usable() is usable
