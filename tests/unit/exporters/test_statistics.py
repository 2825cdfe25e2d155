"""What is remembered of a node, and what is said of one that cannot be asked."""

from pathlib import Path

import pytest

from cluster.postgres.connection import Access
from exporters.collectors.statistics import Remembered, read_statistics
from exporters.declarations import MetricSource
from exporters.metrics.postgres import SOURCES

ROWS = ({"datname": "appdb", "size_bytes": 1},)
RARELY = MetricSource(name="metrics_sizes", collector="database", every=60.0)


def test_an_answer_serves_for_as_long_as_its_source_says(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [1000.0]
    monkeypatch.setattr("time.monotonic", lambda: now[0])
    remembered = Remembered()
    assert remembered.recall(RARELY) is None
    remembered.keep(RARELY, ROWS)
    now[0] += 59.9
    assert remembered.recall(RARELY) == ROWS
    now[0] += 0.2
    assert remembered.recall(RARELY) is None


def test_nothing_is_an_answer_too() -> None:
    remembered = Remembered()
    remembered.keep(RARELY, ())
    assert remembered.recall(RARELY) == ()


def test_what_is_asked_each_time_is_not_remembered() -> None:
    remembered, always = Remembered(), MetricSource(name="server", collector="server")
    remembered.keep(always, ROWS)
    assert remembered.recall(always) is None
    assert remembered.answers == {}


def test_one_source_s_answer_is_not_another_s() -> None:
    remembered = Remembered()
    remembered.keep(RARELY, ROWS)
    assert remembered.recall(MetricSource(name="metrics_waldir", collector="wal", every=60.0)) is None


def test_a_node_that_refuses_is_a_reading_that_says_so(free_port: int, tmp_path: Path) -> None:
    access = Access(host="127.0.0.1", port=free_port, user="monitor", password="x", ca=tmp_path / "ca")
    reading = read_statistics(access, SOURCES, Remembered())
    assert reading.error == f"nothing listens at 127.0.0.1:{free_port}: Connection refused"
    assert (reading.rows, reading.failures) == ({}, {})
