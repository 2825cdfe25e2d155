"""The report of what statements did and what nodes show: the rest counts but is no statement; gaps are named."""

from dataclasses import replace

from cluster.insight.assembly import coverage_notes, make_report, missing_texts
from cluster.insight.readings import InsightReading
from cluster.insight.statement_history import HistoryGap, NodeCoverage, StatementSpan, rest_of
from cluster.insight.statements import StatementKey
from tests.unit.cluster.insight.report_samples import NOW, work

READING = InsightReading(taken=NOW, members=("primary", "replica1"), unread={"replica1": "no answer within 5 s"})


def _key(node: str, database: str, queryid: int) -> StatementKey:
    return StatementKey(node=node, database=database, role="app", queryid=queryid)


SPAN = StatementSpan(
    since=NOW - 3600,
    until=NOW,
    compared_since=None,
    works={
        _key("primary", "shop", 1): work(1, 2.0),
        _key("replica1", "shop", 1): work(1, 3.0),
        _key("primary", "blog", 2): work(1, 1.0),
        rest_of("primary"): work(100, 4.0),
    },
    before=None,
    texts={("shop", 1): "SELECT 1"},
    coverage={"primary": NodeCoverage(known_since=NOW - 9000, read_seconds=3600.0)},
    unread={"primary": "the disk is full"},
)


def test_nodes_are_added_up_and_the_rest_counts_in_shares() -> None:
    rows = make_report(SPAN, READING).statements["time"]
    assert [(row.database, row.queryid, row.share) for row in rows] == [("shop", 1, 0.5), ("blog", 2, 0.1)]
    assert set(rows[0].nodes) == {"primary", "replica1"}


def test_of_one_database_only_its_statements() -> None:
    assert [row.database for row in make_report(SPAN, READING, database="blog").statements["time"]] == ["blog"]
    assert len(make_report(SPAN, READING, most=1).statements["time"]) == 1


def test_what_could_not_be_read_is_named_by_what_it_is_of() -> None:
    unread = make_report(SPAN, READING).unread
    assert unread == {"statements of primary": "the disk is full", "replica1": "no answer within 5 s"}


def test_texts_are_asked_for_that_are_shown_and_not_known() -> None:
    assert missing_texts(SPAN, 10) == [_key("primary", "blog", 2)]
    assert missing_texts(SPAN, 1) == []


def test_what_is_not_known_of_the_time_is_a_line() -> None:
    assert list(coverage_notes(SPAN, NOW - 3600)) == []
    (kept,) = coverage_notes(SPAN, NOW - 86400)
    assert kept.startswith("statements are kept since ")
    gap = NodeCoverage(known_since=0.0, read_seconds=9.0, gaps=(HistoryGap(since=NOW - 3000, until=NOW - 600),))
    (missed,) = coverage_notes(replace(SPAN, coverage={"primary": gap}), NOW - 3600)
    assert missed == "of primary 40 min 0 s of this time are missing: it was not read"
