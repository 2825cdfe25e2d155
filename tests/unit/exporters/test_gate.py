"""The gate: what it asks the engine, what it tells, to whom, and what it does when something is not there."""

import json
import os
import re
import socket
import stat
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from exporters.collectors import container_stats as reading
from exporters.collectors.container_stats import read_gate
from exporters.gate.__main__ import Gate
from exporters.gate.engine import Engine
from exporters.gate.reader import Reader, _unix, disk_rows
from exporters.gate.rows import data_directories
from exporters.metrics import containers
from tests.unit.exporters.fake_engine import FakeEngine, running

PROJECT = "shop"


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[FakeEngine]:
    """An engine with one container."""
    with running(tmp_path) as found:
        found.add("one")
        yield found


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """What the gate has of a cluster's data: an empty directory of its disk."""
    (tmp_path / "disk").mkdir()
    return tmp_path / "disk"


@pytest.fixture
def reader(engine: FakeEngine, data: Path) -> Reader:
    """A reader of that engine."""
    return Reader(Engine(engine.socket, PROJECT), data.parent)


def _names(document: Mapping[str, Sequence[Mapping[str, Any]]], source: str) -> list[str]:
    return [row["name"] for row in document[source]]


def test_the_document_has_every_source_that_metrics_are_made_from(reader: Reader) -> None:
    document = reader.read()
    assert set(document) == {family.source for family in containers.FAMILIES}
    for family in containers.FAMILIES:
        columns = {*family.labels, *(metric.column for metric in family.metrics)}
        assert columns <= set(document[family.source][0]), family


def test_the_engine_is_only_read_and_only_asked_for_this_cluster_s_containers(
    engine: FakeEngine, reader: Reader
) -> None:
    reader.read()
    assert engine.methods == {"GET"}
    label = f"com.docker.compose.project={PROJECT}"
    (listed,) = engine.asked_for("/containers/json")
    assert (listed["all"], json.loads(listed["filters"])) == ("1", {"label": [label]})
    (events,) = engine.asked_for("/events")
    assert json.loads(events["filters"]) == {"event": ["oom"], "label": [label]}
    assert engine.asked_for("/containers/one/stats") == [{"stream": "false", "one-shot": "true"}]


def test_one_off_containers_are_nobody_s_service(engine: FakeEngine, reader: Reader) -> None:
    engine.add("psql")
    engine.one_off.add("psql")
    assert _names(reader.read(), "containers") == ["one"]
    assert engine.asked_for("/containers/psql/json") == []


def test_one_that_went_away_meanwhile_is_left_out_and_hides_no_other(engine: FakeEngine, reader: Reader) -> None:
    engine.add("two")
    engine.gone.add("one")
    document = reader.read()
    assert _names(document, "containers") == ["two"]
    assert set(_names(document, "states")) == {"two"}


def test_one_that_does_not_run_is_told_without_being_asked_what_it_uses(engine: FakeEngine, reader: Reader) -> None:
    engine.add("stopped", inspected="inspect_stopped")
    document = reader.read()
    row = next(row for row in document["containers"] if row["name"] == "stopped")
    assert "cpu_usage_seconds_total" not in row
    assert engine.asked_for("/containers/stopped/stats") == []
    assert "stopped" not in _names(document, "networks")


def test_one_that_stopped_since_it_was_looked_at_does_not_count_from_zero(engine: FakeEngine, reader: Reader) -> None:
    engine.add("one", stats="stats_stopped")
    document = reader.read()
    assert _names(document, "containers") == ["one"]
    assert "cpu_usage_seconds_total" not in document["containers"][0]
    assert document["networks"] == []


def test_the_host_is_asked_for_once(engine: FakeEngine, reader: Reader) -> None:
    assert reader.read()["machine"] == reader.read()["machine"] == [{"cpu_cores": 2, "memory_bytes": 25276510208}]
    assert len(engine.asked_for("/info")) == 1


def test_processes_killed_for_want_of_memory_are_counted_each_once(engine: FakeEngine, reader: Reader) -> None:
    engine.ooms = ["one", "one", "other"]
    assert reader.read()["containers"][0]["oom_events_total"] == 2
    engine.ooms = ["one"]
    assert reader.read()["containers"][0]["oom_events_total"] == 3
    engine.ooms = []
    assert reader.read()["containers"][0]["oom_events_total"] == 3
    spans = [(float(query["since"]), float(query["until"])) for query in engine.asked_for("/events")]
    assert all(since <= until for since, until in spans)
    assert [until for _, until in spans[:-1]] == [since for since, _ in spans[1:]]


def test_an_engine_that_fails_loses_no_killed_process(engine: FakeEngine, reader: Reader) -> None:
    engine.status = 500
    with pytest.raises(OSError, match="500"):
        reader.read()
    engine.status = 200
    reader.read()
    first, second = engine.asked_for("/events")
    assert first["since"] == second["since"]


def test_disks_are_those_below_the_directories_of_the_data(data: Path) -> None:
    rows = {row["mount"]: row for row in disk_rows(data.parent, {"replica1", "primary", "prometheus"})}
    assert list(rows) == ["primary", "prometheus", "replica1"]
    found = os.statvfs(data)
    assert rows["primary"]["size_bytes"] == found.f_blocks * found.f_frsize
    assert 0 <= rows["primary"]["avail_bytes"] <= rows["primary"]["size_bytes"]


def test_a_directory_on_a_disk_of_its_own_is_told_of_by_that_disk(tmp_path: Path, data: Path) -> None:
    other = next(path for path in (Path("/proc"), Path("/sys")) if os.statvfs(path).f_blocks == 0)
    (tmp_path / "disks").mkdir()
    (tmp_path / "disks" / "primary").symlink_to(other)
    rows = {row["mount"]: row for row in disk_rows(data.parent, {"primary", "replica1"})}
    assert (rows["primary"]["size_bytes"], rows["replica1"]["size_bytes"] > 0) == (0, True)


def test_the_directories_of_the_data_are_known_from_what_containers_may_write() -> None:
    home = "/srv/shop"
    mounts = [
        (f"{home}/data/replica1", True),
        (f"{home}/data/copies/blue", True),
        (f"{home}/data/backups", True),
        (f"{home}/data/.state", True),
        (f"{home}/data/.disk", False),
        (f"{home}/data/primary", False),
        (f"{home}/rendered/nodes/replica1", False),
        ("/mnt/share", True),
    ]
    inspected: Any = {
        "Config": {"Labels": {"com.docker.compose.project.working_dir": home}},
        "Mounts": [{"Type": "bind", "Source": source, "RW": writable} for source, writable in mounts],
    }
    assert data_directories(inspected) == {"replica1", "copies", "backups"}
    bare: Any = {"Config": {"Labels": None}, "Mounts": None}
    assert data_directories(bare) == set()


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("2026-11-23T04:25:28.947606743Z", 1795407928.0),
        ("1970-01-01T00:00:01Z", 1.0),
        ("0001-01-01T00:00:00Z", None),
        ("", None),
    ],
)
def test_when_a_container_started_is_unix_time_or_unknown(text: str, seconds: float | None) -> None:
    assert _unix(text) == seconds


@contextmanager
def _open(directory: Path, reader: Reader) -> Iterator[Path]:
    """A gate at work."""
    path = directory / "gate.sock"
    with Gate(path, reader) as gate:
        thread = threading.Thread(target=gate.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield path
        finally:
            gate.shutdown()
            thread.join()


def test_whoever_connects_gets_the_document_without_asking(tmp_path: Path, reader: Reader) -> None:
    with _open(tmp_path, reader) as path, socket.socket(socket.AF_UNIX) as asking:
        asking.connect(str(path))
        asking.settimeout(5)
        body = b"".join(iter(lambda: asking.recv(1 << 16), b""))
    assert [row["name"] for row in json.loads(body)["containers"]] == ["one"]


def test_what_the_gate_tells_is_what_the_exporter_reads(tmp_path: Path, reader: Reader) -> None:
    with _open(tmp_path, reader) as path:
        found = read_gate(path, deadline=5)
    assert found.error == ""
    assert _names(found.rows, "containers") == ["one"]


def test_many_who_ask_at_once_cost_the_engine_one_look(tmp_path: Path, engine: FakeEngine, reader: Reader) -> None:
    with _open(tmp_path, reader) as path:
        threads = [threading.Thread(target=read_gate, args=(path,)) for _ in range(20)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert len(engine.asked_for("/containers/json")) == 1


def test_the_socket_is_closed_to_others_and_a_stale_one_is_replaced(tmp_path: Path, reader: Reader) -> None:
    before = os.umask(0)
    try:
        for _ in range(2):
            with _open(tmp_path, reader) as path:
                assert stat.S_IMODE(path.stat().st_mode) == 0o600
                assert read_gate(path).error == ""
            assert path.exists()  # what a killed gate leaves
    finally:
        os.umask(before)


@pytest.mark.parametrize(
    "raw",
    [
        b"this is no HTTP\r\n\r\n",
        b"",
        b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n[",
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n{nope",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}",
        b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nnull",
        b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n[1]",
        b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n\xff\xfe\xff\xfe",
    ],
)
def test_an_engine_that_talks_nonsense_is_told_as_an_error_and_the_gate_lives_on(
    tmp_path: Path, engine: FakeEngine, reader: Reader, raw: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("exporters.gate.__main__._FRESH", 0.0)
    with _open(tmp_path, reader) as path:
        engine.raw = raw
        wrong = read_gate(path)
        assert re.match(r"[A-Z]\w+: ", wrong.error)  # told by the gate, not by a connection that it broke
        assert wrong.rows == {}
        engine.raw = None
        assert read_gate(path).error == ""


def test_without_an_engine_the_gate_says_so(tmp_path: Path, data: Path) -> None:
    with _open(tmp_path, Reader(Engine(str(tmp_path / "nobody.sock"), PROJECT), data.parent)) as path:
        assert read_gate(path).error.startswith("FileNotFoundError")


@contextmanager
def _saying(path: Path, parts: list[bytes], pause: float = 0.0) -> Iterator[None]:
    """Something at a Unix socket that says ``parts``, then closes."""
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(path))
        listening.listen()

        def talk() -> None:
            connection, _ = listening.accept()
            with connection:
                for part in parts:
                    try:
                        connection.sendall(part)
                    except OSError:
                        return
                    time.sleep(pause)

        thread = threading.Thread(target=talk)
        thread.start()
        yield
        thread.join()


@pytest.mark.parametrize("said", [b"", b"{", b"\xff\xfe", b"null", b"[]", b"7", b'"error"', b'[{"error": 1}]'])
def test_an_answer_that_is_no_document_is_an_error(tmp_path: Path, said: bytes) -> None:
    with _saying(tmp_path / "s", [said]):
        found = read_gate(tmp_path / "s")
    assert found.error
    assert found.rows == {}


def test_an_answer_without_end_is_not_read_to_its_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "_MOST", 1 << 16)
    with _saying(tmp_path / "s", [b"[" * (1 << 14)] * 64):
        assert read_gate(tmp_path / "s").error == "the gate's answer is too long"


def test_an_answer_that_comes_drop_by_drop_is_waited_for_no_longer_than_asked(tmp_path: Path) -> None:
    began = time.monotonic()
    with _saying(tmp_path / "s", [b"["] * 400, pause=0.02):
        found = read_gate(tmp_path / "s", deadline=0.2)
        seconds = time.monotonic() - began
    assert found.error
    assert 0.15 < seconds < 4


def test_a_gate_that_says_nothing_is_waited_for_no_longer_than_asked(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as silent:
        silent.bind(str(tmp_path / "s"))
        silent.listen()
        began = time.monotonic()
        assert read_gate(tmp_path / "s", deadline=0.2).error
        assert 0.15 < time.monotonic() - began < 4


def test_without_a_gate_there_is_a_reading_that_says_so(tmp_path: Path) -> None:
    assert "No such file" in read_gate(tmp_path / "nobody").error
