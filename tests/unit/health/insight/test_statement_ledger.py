from dataclasses import dataclass, field

from hypothesis import given, settings
from hypothesis import strategies as st

from cluster.insight.statement_history import BUCKET, StatementBucket, added
from cluster.insight.statements import CountedStatement, StatementKey, StatementWork
from health.insight.statement_ledger import LONGEST, MOST_BUCKETS, StatementLedger, TimedReading
from health.insight.statement_store import StatementStore

BEGUN = 1_800_000_000 // BUCKET * BUCKET


def key(queryid: int = 1, node: str = "primary") -> StatementKey:
    return StatementKey(node=node, database="appdb", role="app", queryid=queryid)


@dataclass(slots=True)
class Server:
    """Counts as pg_stat_statements does: entries come, grow, are dropped, and counted anew."""

    counters: dict[int, tuple[float, int]] = field(default_factory=dict)
    entries: int = 0

    def execute(self, queryid: int, calls: int) -> None:
        self.entries += 1
        since, before = self.counters.get(queryid, (float(self.entries), 0))
        self.counters[queryid] = (since, before + calls)

    def reading(self, second: float, ahead: float = 0.0, node: str = "primary") -> TimedReading:
        counted = tuple(
            CountedStatement(
                key=key(queryid, node),
                work=StatementWork(calls=calls, exec_seconds=float(calls)),
                counted_since=since,
                owners=(5, 10),
            )
            for queryid, (since, calls) in self.counters.items()
        )
        return TimedReading(node=node, counted=counted, taken=BEGUN + second + ahead, monotonic=second)


def total(buckets: tuple[StatementBucket, ...]) -> int:
    return added(work for each in buckets for work in each.works.values()).calls


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("execute"), st.integers(1, 3), st.integers(1, 50)),
        st.tuples(st.just("read"), st.integers(1, 90), st.integers(0, 0)),
        st.tuples(st.just("reset"), st.just(0), st.just(0)),
        st.tuples(st.just("evict"), st.integers(1, 3), st.just(0)),
        st.tuples(st.just("away"), st.integers(601, 2000), st.just(0)),
        st.tuples(st.just("clock"), st.integers(-7200, 7200), st.just(0)),
        st.tuples(st.just("service restarts"), st.just(0), st.just(0)),
    ),
    max_size=40,
)


@settings(max_examples=200, deadline=None)
@given(STEPS)
def test_what_is_counted_is_what_was_done_and_never_more(steps: list[tuple[str, int, int]]) -> None:
    """True work between readings of one run; what is dropped before it was read, or done in a gap, is not known."""
    server, store = Server(), StatementStore()
    ledger = StatementLedger(lambda begun: next(iter(store.buckets(begun, begun + 1)), None))
    second, ahead, true, pending, known = 0.0, 0.0, 0, dict[int, int](), False
    for what, number, calls in steps:
        if what == "execute":
            server.execute(number, calls)
            pending[number] = pending.get(number, 0) + calls
        elif what == "read":
            second += number
            ledger.add(server.reading(second, ahead))
            true += sum(pending.values()) if known else 0
            pending, known = {}, True
            store.put(ledger.buckets())
            ledger.store()
        elif what in ("reset", "evict"):
            for queryid in [number] if what == "evict" else list(server.counters):
                server.counters.pop(queryid, None)
                pending.pop(queryid, None)
        elif what == "away":
            second, known = second + number, False
        elif what == "clock":
            ahead += number
        else:
            ledger = StatementLedger(lambda begun: next(iter(store.buckets(begun, begun + 1)), None))
            known = False
    assert total(store.buckets(0, BEGUN * 2)) == true


def test_what_lies_between_two_readings_is_in_the_bucket_of_its_middle() -> None:
    server, ledger = Server(), StatementLedger()
    for second in (0, 60, 300, 330):
        server.execute(1, 1)
        ledger.add(server.reading(second))
    assert [(each.begun - BEGUN, total((each,)), each.read) for each in ledger.buckets()] == [
        (0, 2, {"primary": 300.0}),
        (300, 1, {"primary": 30.0}),
    ]


def test_a_node_that_was_away_for_long_begins_anew() -> None:
    server, ledger = Server(), StatementLedger()
    for second in (0.0, LONGEST + 1, LONGEST + 61):
        server.execute(1, 5)
        ledger.add(server.reading(second))
    assert total(ledger.buckets()) == 5


def test_a_replica_that_is_removed_and_added_begins_anew() -> None:
    server, ledger = Server(), StatementLedger()
    server.execute(1, 1000)
    ledger.add(server.reading(0, node="replica1"))
    ledger.keep({"primary": None})
    ledger.add(server.reading(60, node="replica1"))
    server.execute(1, 2)
    ledger.add(server.reading(120, node="replica1"))
    assert total(ledger.buckets()) == 2


def test_what_cannot_be_stored_is_remembered_and_bounded() -> None:
    server, ledger = Server(), StatementLedger()
    for n in range(60):
        server.execute(1, 1)
        ledger.add(server.reading(n * 300.0))
    buckets = ledger.buckets()
    assert len(buckets) == MOST_BUCKETS + 3
    assert max(each.begun for each in buckets) == BEGUN + 58 * 300
    ledger.store()
    assert len(ledger.buckets()) == 2
