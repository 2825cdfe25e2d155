"""What is shown of a report: the worst first, changes in words, nothing that somebody typed between quotes."""

import json
from dataclasses import replace

import pytest

from cluster.documents import to_json
from cluster.insight.document import MOST_FINDINGS, make_document
from cluster.insight.report import InsightReport
from cluster.insight.statements import StatementWork
from tests.unit.cluster.insight.report_samples import NOW, report, statement, work


def test_a_report_as_a_document() -> None:
    found = make_document(report(), ["counted since 10:00"])
    assert found.headline == "1 thing hurts, 1 costs more than it must; 1 could not be read"
    assert [each.kind for each in found.findings] == ["blocking", "unused_index"]
    assert [table.measure for table in found.statements] == ["time", "wal"]
    assert [table.unit for table in found.statements] == ["seconds", "bytes"]
    assert found.notes == ("counted since 10:00",)
    assert found.statements[0].rows[0].id == "-7"


def test_no_typed_value_leaves_it() -> None:
    assert "hunter2" not in json.dumps(to_json(make_document(report())))


def test_nothing_found() -> None:
    assert make_document(InsightReport(since=NOW - 1, until=NOW, compared_since=None)).headline == "nothing hurts"


@pytest.mark.parametrize(
    ("now", "before", "change"),
    [
        (work(100, 50.0), work(100, 10.0), ("slower", 5.0)),
        (work(100, 1.0), work(100, 10.0), ("faster", 0.1)),
        (work(100, 10.0), work(20, 2.0), ("more", 5.0)),
        (work(20, 2.0), work(100, 10.0), ("fewer", 0.2)),
        (work(100, 10.0), work(90, 10.0), ("", None)),
        (work(100, 10.0), StatementWork(), ("new", None)),
        (work(100, 10.0), None, ("", None)),
    ],
)
def test_a_change(now: StatementWork, before: StatementWork | None, change: tuple[str, float | None]) -> None:
    sample = replace(report(), statements={"time": (statement("SELECT 1", now, before),)})
    (row,) = make_document(sample).statements[0].rows
    assert (row.change, row.factor) == (change[0], change[1] if change[1] is None else pytest.approx(change[1]))


def test_how_often_is_compared_over_the_same_time() -> None:
    sample = replace(report(), statements={"time": (statement("SELECT 1", work(200, 20.0), work(100, 10.0)),)})
    assert [make_document(sample, ratio=ratio).statements[0].rows[0].change for ratio in (1.0, 2.0)] == ["more", ""]


def test_reading_is_in_seconds_where_the_server_times_it_and_else_in_bytes() -> None:
    timed = statement("SELECT 1", work(io_seconds=2.0, blocks_read=5), None)
    untimed = statement("SELECT 1", work(blocks_read=5), None)
    tables = [make_document(replace(report(), statements={"io": (each,)})).statements[0] for each in (timed, untimed)]
    assert [(table.unit, table.rows[0].value) for table in tables] == [("seconds", 2.0), ("bytes", 5 * 8192.0)]


def test_more_bytes_for_each_call_are_heavier_and_not_slower() -> None:
    heavier = statement("UPDATE t SET a = $1", work(10, wal_bytes=5000), work(10, wal_bytes=1000))
    (row,) = make_document(replace(report(), statements={"wal": (heavier,)})).statements[0].rows
    assert (row.change, row.factor) == ("heavier", 5.0)


def test_who_could_not_read_everything_does_not_claim_that_nothing_hurts() -> None:
    unread = InsightReport(since=NOW - 1, until=NOW, compared_since=None, unread={"primary": "connection refused"})
    assert make_document(unread).headline == "nothing found; 1 could not be read"


def test_of_very_many_findings_the_worst_are_shown() -> None:
    many = [replace(report().findings[0], subject=f"public.i{n}", weight=float(n)) for n in range(MOST_FINDINGS + 5)]
    found = make_document(replace(report(), findings=tuple(many), unread={}))
    assert (len(found.findings), found.findings[0].subject) == (MOST_FINDINGS, f"public.i{MOST_FINDINGS + 4}")
    assert found.headline == f"{MOST_FINDINGS + 5} cost more than they must"
    assert found.notes == ("5 lesser findings are left out; those of one database alone may be all",)
