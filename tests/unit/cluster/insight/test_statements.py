from hypothesis import given
from hypothesis import strategies as st

from cluster.insight.findings import InsightFinding, ordered
from cluster.insight.statements import (
    MEASURES,
    CountedStatement,
    StatementKey,
    StatementWork,
    grown,
    ranked,
)

COUNTS = st.integers(0, 1000)
WORKS = st.builds(StatementWork, calls=COUNTS, exec_seconds=COUNTS.map(float), rows=COUNTS, wal_bytes=COUNTS)
KEYS = st.builds(
    StatementKey,
    node=st.sampled_from(["primary", "replica1"]),
    database=st.sampled_from(["appdb", "shop"]),
    role=st.sampled_from(["app", "shop"]),
    queryid=st.integers(1, 5),
)


def counted(key: StatementKey, work: StatementWork, since: float = 100.0) -> CountedStatement:
    return CountedStatement(key=key, work=work, counted_since=since)


@given(before=st.dictionaries(KEYS, WORKS), more=st.dictionaries(KEYS, WORKS))
def test_what_came_between_two_readings_is_found_again(
    before: dict[StatementKey, StatementWork], more: dict[StatementKey, StatementWork]
) -> None:
    after = {key: before.get(key, StatementWork()) + more.get(key, StatementWork()) for key in {*before, *more}}
    found = grown([counted(*each) for each in after.items()], [counted(*each) for each in before.items()])
    assert found == {key: work for key, work in more.items() if work.calls}


def test_a_statement_that_was_dropped_and_is_counted_anew_counts_from_there() -> None:
    key = StatementKey(node="primary", database="appdb", role="app", queryid=1)
    before = [counted(key, StatementWork(calls=10, rows=10))]
    after = [counted(key, StatementWork(calls=12, rows=50), since=200.0)]
    assert grown(after, before) == {key: StatementWork(calls=12, rows=50)}


def test_a_name_that_changed_is_no_work() -> None:
    keys = [StatementKey(node="primary", database=name, role="app", queryid=1) for name in ("appdb", "shop")]
    before, after = (
        [CountedStatement(key=key, work=StatementWork(calls=calls), counted_since=1.0, owners=(16384, 10))]
        for key, calls in zip(keys, (1000, 1003), strict=True)
    )
    assert grown(after, before) == {keys[1]: StatementWork(calls=3)}


def test_databases_that_are_gone_have_one_name_and_are_not_taken_for_one() -> None:
    key = StatementKey(node="primary", database="", role="app", queryid=1)

    def reading(*calls: int) -> list[CountedStatement]:
        return [
            CountedStatement(key=key, work=StatementWork(calls=each), counted_since=1.0, owners=(owner, 10))
            for owner, each in enumerate(calls)
        ]

    assert grown(reading(1000, 12), reading(999, 10)) == {key: StatementWork(calls=3)}
    assert grown(reading(1000), reading(1000, 10)) == {}


def test_counters_that_went_back_begin_anew() -> None:
    assert StatementWork(calls=3, rows=1).since(StatementWork(calls=10)) == StatementWork(calls=3, rows=1)


@given(works=st.dictionaries(KEYS, WORKS), measure=st.sampled_from(sorted(MEASURES)))
def test_the_greatest_come_first_and_nodes_are_one(works: dict[StatementKey, StatementWork], measure: str) -> None:
    found = ranked(works, None, {}, measure, most=100)
    amounts = [MEASURES[measure](each.work) for each in found]
    assert amounts == sorted(amounts, reverse=True)
    assert sum(amounts) == sum(MEASURES[measure](work) for work in works.values())
    assert len({(each.database, each.role, each.queryid) for each in found}) == len(found)
    assert not found or abs(sum(each.share for each in found) - 1) < 1e-9


def test_the_span_before_is_beside_it_also_where_there_was_nothing() -> None:
    key = StatementKey(node="primary", database="appdb", role="app", queryid=1)
    new = StatementKey(node="replica1", database="appdb", role="app", queryid=2)
    works = {key: StatementWork(calls=1, exec_seconds=2.0), new: StatementWork(calls=1, exec_seconds=1.0)}
    found = ranked(works, {key: StatementWork(calls=1, exec_seconds=0.5)}, {("appdb", 1): "SELECT 1"}, "time")
    assert [each.before and each.before.exec_seconds for each in found] == [0.5, 0.0]
    assert [each.text for each in found] == ["SELECT 1", ""]


def test_findings_stand_in_one_order() -> None:
    first = InsightFinding(kind="index", severity="bad", subject="a", problem="", evidence="")
    second = InsightFinding(kind="index", severity="warn", subject="b", problem="", evidence="", weight=2.0)
    third = InsightFinding(kind="index", severity="warn", subject="c", problem="", evidence="", weight=1.0)
    assert ordered([third, first, second]) == (first, second, third)
