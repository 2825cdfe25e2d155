import json
from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cluster.insight.statement_document import as_json, parse_document
from cluster.insight.statement_history import (
    BUCKET,
    HOUR,
    HistoryGap,
    NodeCoverage,
    StatementBucket,
    StatementSpan,
    added,
    bounded,
    merged,
    rest_of,
    span,
    summed,
)
from cluster.insight.statements import MEASURES, StatementKey, StatementWork

NODES = ("primary", "replica1")
COUNTS = st.integers(0, 1000)
WORKS = st.builds(StatementWork, calls=COUNTS, exec_seconds=COUNTS.map(float), rows=COUNTS, wal_bytes=COUNTS)
KEYS = st.builds(
    StatementKey,
    node=st.sampled_from(NODES),
    database=st.sampled_from(["appdb", "shop"]),
    role=st.just("app"),
    queryid=st.integers(-3, 5),
)
SETS = st.dictionaries(KEYS, WORKS)
KEY = StatementKey(node="primary", database="appdb", role="app", queryid=1)
BEGUN = 1_800_000_000


def bucket(begun: int, works: Mapping[StatementKey, StatementWork], **read: float) -> StatementBucket:
    return StatementBucket(begun=begun, length=BUCKET, works=works, read=read or {"primary": 300.0})


def one(calls: int) -> dict[StatementKey, StatementWork]:
    return {KEY: StatementWork(calls=calls, exec_seconds=float(calls))}


@given(works=SETS, most=st.integers(0, 3))
def test_what_is_bounded_loses_no_work_and_keeps_the_greatest(
    works: dict[StatementKey, StatementWork], most: int
) -> None:
    kept = bounded(works, most)
    for node in NODES:
        own = {key: work for key, work in kept.items() if key.node == node}
        assert added(own.values()) == added(work for key, work in works.items() if key.node == node)
        assert len(own) <= most * len(MEASURES) + 1
        by_time = sorted(
            (w.exec_seconds for k, w in works.items() if k.node == node and k != rest_of(node)), reverse=True
        )
        shown = sorted((w.exec_seconds for k, w in own.items() if k != rest_of(node)), reverse=True)
        assert shown[:most] == by_time[:most][: len(shown)]


@given(sets=st.lists(SETS, max_size=6), begun=st.integers(0, 11))
def test_a_span_is_the_sum_of_its_buckets(sets: list[dict[StatementKey, StatementWork]], begun: int) -> None:
    buckets = [bucket(BEGUN + (begun + n) * BUCKET, works) for n, works in enumerate(sets)]
    until = float(BEGUN + (begun + len(sets)) * BUCKET)
    found = span(buckets, float(BEGUN), until, {"primary": 0.0})
    assert found.works == bounded(summed(sets), 100)
    whole = merged(buckets, BEGUN, HOUR)
    assert added(whole.works.values()) == added(work for works in sets for work in works.values())


def test_the_span_before_is_as_long_and_beside_it() -> None:
    buckets = [bucket(BEGUN + n * BUCKET, one(n + 1)) for n in range(6)]
    found = span(buckets, BEGUN + 4 * BUCKET, BEGUN + 6 * BUCKET, {"primary": float(BEGUN)})
    assert (found.since, found.compared_since) == (BEGUN + 4 * BUCKET, BEGUN + 2 * BUCKET)
    assert [found.works[KEY].calls, found.before and found.before[KEY].calls, found.ratio] == [11, 7, 1.0]


def test_a_span_that_begins_within_a_bucket_begins_with_it() -> None:
    found = span([bucket(BEGUN, one(3))], BEGUN + 100, BEGUN + 200, {"primary": float(BEGUN - HOUR)})
    assert (found.since, found.works[KEY].calls) == (BEGUN, 3)


def test_a_span_reaches_back_no_further_than_what_is_known() -> None:
    found = span([bucket(BEGUN, one(3))], BEGUN - 86400, BEGUN + 300, {"primary": BEGUN + 60.0})
    assert (found.since, found.compared_since, found.before) == (BEGUN + 60, None, None)


def test_nothing_is_known_of_what_was_never_read() -> None:
    found = span([], BEGUN, BEGUN + 3600, {})
    assert (found.since, found.works, found.before, found.coverage) == (BEGUN + 3600, {}, None, {})


def test_a_node_that_was_not_read_leaves_a_gap_that_is_known() -> None:
    buckets = [
        bucket(BEGUN, one(1), primary=300.0, replica1=300.0),
        bucket(BEGUN + 300, one(1), primary=300.0),
        bucket(BEGUN + 600, one(1), primary=300.0, replica1=120.0),
        bucket(BEGUN + 900, one(1), primary=100.0, replica1=100.0),
    ]
    found = span(buckets, BEGUN, BEGUN + 1000, dict.fromkeys(NODES, BEGUN - 9000.0))
    assert found.coverage["primary"] == NodeCoverage(known_since=BEGUN - 9000.0, read_seconds=1000.0)
    gap = HistoryGap(since=BEGUN + 300.0, until=BEGUN + 600.0)
    assert found.coverage["replica1"] == NodeCoverage(known_since=BEGUN - 9000.0, read_seconds=520.0, gaps=(gap,))


def test_one_database_alone() -> None:
    shop = StatementKey(node="primary", database="shop", role="app", queryid=2)
    works = {**one(1), shop: StatementWork(calls=2, rows=5), rest_of("primary"): StatementWork(calls=9)}
    found = span([bucket(BEGUN, works)], BEGUN, BEGUN + 300, {"primary": float(BEGUN)}, database="shop")
    assert set(found.works) == {shop}


def test_a_span_is_read_back_from_its_document() -> None:
    key = StatementKey(node="primary", database="appdb", role="app", queryid=-(1 << 62) - 1, toplevel=False)
    made = StatementSpan(
        since=1.0,
        until=2.5,
        compared_since=0.5,
        works={key: StatementWork(calls=1, exec_seconds=0.25)},
        before={},
        texts={("appdb", key.queryid): "SELECT 1,\n  2"},
        coverage={"primary": NodeCoverage(known_since=0.0, read_seconds=3.0, gaps=(HistoryGap(since=1.0, until=2.0),))},
    )
    assert parse_document(json.dumps(as_json(made))) == made


def test_a_text_that_controls_a_terminal_is_none_when_it_is_read() -> None:
    made = StatementSpan(
        since=1, until=2, compared_since=None, works={}, before=None, texts={("a", 1): "SELECT '\x1b[2J'\n\tAS x"}
    )
    assert parse_document(json.dumps(as_json(made))).texts == {("a", 1): "SELECT '\N{REPLACEMENT CHARACTER}[2J'\n AS x"}


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"texts": [1]}', '{"since": "x", "texts": []}'])
def test_what_is_no_span_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        parse_document(text)
