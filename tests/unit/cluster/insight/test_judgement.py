"""Each culprit is named, first, by the name it is known by; nothing that is innocent is named at all."""

import re
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cluster.insight.blocking import blocking
from cluster.insight.findings import InsightFinding
from cluster.insight.judgement import KINDS, judge, unjudged
from cluster.insight.readings import HorizonHolder, InsightReading, ObjectCounters, SequenceState, TransactionMark
from cluster.insight.sequences import used_share
from cluster.insight.suggested_sql import constant, remedy, visible
from tests.unit.cluster.insight.readings_samples import (
    DAY,
    GB,
    NOW,
    database_counters,
    holder,
    inside,
    invalid,
    locked,
    node,
    pair,
    reading,
    replica,
    scans,
    sequence,
    table,
    unused,
)


def only(found: InsightReading) -> InsightFinding:
    (finding,) = judge(found)
    return finding


def with_marks(found: InsightReading) -> InsightReading:
    return replace(found, marks=(TransactionMark(at=NOW - 10 * DAY, xid=100_000),))


def counted(*parts: dict[int, ObjectCounters]) -> dict[str, dict[int, ObjectCounters]]:
    every = {oid: each for part in parts for oid, each in part.items()}
    return {"primary": every, "replica1": dict(every)}


def test_of_what_does_not_hurt_nothing_is_said() -> None:
    database = inside(tables=(table(),), sequences=(sequence(),), counters=counted(scans(20000, 10, 10**7)))
    assert judge(reading(database)) == ()
    assert unjudged(reading(database)) == ()


CULPRITS: dict[str, Callable[[], InsightReading]] = {
    "autovacuum": lambda: reading(primary=node(vacuuming=3)),
    "bloat": lambda: reading(inside(tables=(table(),), free_bytes={20000: GB * 3 // 4})),
    "blocking": lambda: reading(primary=node(locked=(locked(1), locked(2, 1)))),
    "checkpoints": lambda: reading(primary=node(checkpoints_requested=9000)),
    "connections": lambda: reading(replica1=replica(connections=80)),
    "dead_rows": lambda: reading(inside(tables=(table(dead=300_000, options=("autovacuum_enabled=false",)),))),
    "duplicate_index": lambda: reading(inside(pairs=(pair(),))),
    "horizon": lambda: reading(inside(tables=(table(dead=900_000),)), primary=node(holders=(holder(),))),
    "invalid_index": lambda: reading(inside(invalid=(invalid(),))),
    "io_timing": lambda: reading(replica1=replica(io_timing=False)),
    "redundant_index": lambda: reading(inside(pairs=(pair(same=False),))),
    "rollbacks": lambda: reading(primary=node(database_counters(rollbacks=4 * 10**6))),
    "sequence": lambda: reading(inside(sequences=(sequence(value=1_800_000_000),))),
    "sequential_scans": lambda: reading(inside(tables=(table(),), counters=counted(scans(20000, 5000, 5 * 10**9)))),
    "temp_files": lambda: reading(primary=node(database_counters(temp_files=10**5, temp_bytes=10**4 * GB))),
    "unused_index": lambda: reading(inside(unused=(unused(),))),
    "wraparound": lambda: reading(inside(tables=(table(frozen_age=700_000_000),))),
}  # fmt: skip


def test_every_kind_has_its_culprit() -> None:
    assert sorted(CULPRITS) == list(KINDS)


@pytest.mark.parametrize("kind", CULPRITS)
def test_a_culprit_is_named_and_nobody_else(kind: str) -> None:
    finding = only(CULPRITS[kind]())
    assert finding.kind == kind
    assert finding.subject
    assert re.search(r"\d", finding.evidence) or kind == "io_timing"
    assert finding.remedy or kind == "sequential_scans"
    assert finding.risk


class TestBlocking:
    def test_the_root_is_named_and_how_to_end_it_and_nobody_else(self) -> None:
        idle = locked(1, state="idle in transaction")
        finding = only(reading(primary=node(locked=(idle, locked(2, 1), locked(3, 2), locked(4, 2)))))
        assert (finding.severity, finding.subject, finding.node) == ("bad", "pid 1 of ada (web)", "primary")
        assert "pg_terminate_backend" in finding.remedy
        assert f"= {idle.began!r}" in finding.remedy, "another session may have its number by then"
        assert "3 sessions wait" in finding.evidence

    def test_who_works_is_asked_to_stop_and_not_thrown_out(self) -> None:
        assert "pg_cancel_backend" in only(reading(primary=node(locked=(locked(1), locked(2, 1))))).remedy

    def test_a_lock_that_is_waited_for_shortly_is_no_finding(self) -> None:
        found = reading(primary=node(locked=(locked(1), locked(2, 1, seconds=1.0))))
        assert judge(found) == ()
        assert [each.depth for each in blocking(found)] == [0, 1]

    def test_a_prepared_transaction_has_no_session_and_is_named_all_the_same(self) -> None:
        finding = only(reading(primary=node(locked=(locked(2, 0),))))
        assert finding.subject == "prepared transaction"

    @given(edges=st.lists(st.tuples(st.integers(0, 12), st.integers(0, 12)), max_size=40))
    def test_every_session_is_in_the_tree_once_whoever_waits_for_whom(self, edges: list[tuple[int, int]]) -> None:
        blockers: dict[int, set[int]] = {}
        for waiter, blocker in edges:
            blockers.setdefault(blocker, set())
            blockers.setdefault(waiter, set()).add(blocker)
        sessions = tuple(locked(pid, *sorted(found)) for pid, found in blockers.items())
        lines = blocking(reading(primary=node(locked=sessions)))
        assert sorted(line.pid for line in lines) == sorted(blockers)
        assert not lines or lines[0].depth == 0
        for before, line in pairwise(lines):
            assert 0 <= line.depth <= before.depth + 1

    def test_a_queue_of_hundreds_is_no_trouble(self) -> None:
        queue = tuple(locked(pid, pid - 1) for pid in range(1, 2000))
        assert blocking(reading(primary=node(locked=(locked(0, state="active"), *queue))))[-1].depth == 1999


class TestHorizon:
    DEAD = inside(tables=(table(dead=900_000, vacuumed=NOW - 60),))

    def test_vacuum_that_ran_in_vain_is_proof(self) -> None:
        finding = only(reading(self.DEAD, primary=node(holders=(holder(),))))
        assert (finding.severity, finding.subject) == ("bad", "pid 4711 of ada (report)")
        assert "public.orders" in finding.evidence

    @pytest.mark.parametrize(
        "other", [holder(seconds=10.0), holder(database="other"), holder(held_by="slot_catalog", name="cdc")]
    )
    def test_who_keeps_nothing_of_this_is_not_named(self, other: HorizonHolder) -> None:
        found = judge(reading(self.DEAD, primary=node(holders=(other,))))
        assert [each.kind for each in found] == ["dead_rows"]

    def test_the_oldest_is_named_and_not_who_comes_after_it(self) -> None:
        young = holder(pid=2, age=400, seconds=3000.0)
        assert only(reading(self.DEAD, primary=node(holders=(holder(), young)))).subject.startswith("pid 4711")

    def test_a_replica_s_session_is_named_and_not_its_slot(self) -> None:
        slot = holder(held_by="slot", name="replica1_slot", pid=9, role="", state="active", seconds=0.0, age=501)
        theirs = holder(pid=77, name="export", seconds=900.0, age=499)
        finding = only(reading(self.DEAD, primary=node(holders=(slot,)), replica1=replica(holders=(theirs,))))
        assert (finding.node, finding.subject) == ("replica1", "pid 77 of ada (export)")

    def test_what_a_replica_passes_on_is_the_primary_s_doing(self) -> None:
        standby = holder(held_by="standby", name="replica1", age=500, seconds=5.0)
        found = reading(self.DEAD, primary=node(holders=(standby, holder())))
        assert only(found).subject.startswith("pid 4711")

    def test_the_slot_of_a_replica_that_does_not_answer_is_named(self) -> None:
        slot = holder(held_by="slot", name="replica1_slot", state="inactive", seconds=900.0)
        found = reading(self.DEAD, primary=node(holders=(slot,)))
        silent = replace(found, nodes={"primary": found.nodes["primary"]})
        assert only(silent).remedy == "SELECT pg_catalog.pg_drop_replication_slot('replica1_slot')"

    def test_a_prepared_transaction_is_named_by_its_id_and_owner(self) -> None:
        prepared = holder(held_by="prepared", pid=0, name="it's\n1", role="bank")
        finding = only(reading(self.DEAD, primary=node(holders=(prepared,))))
        assert finding.remedy == "ROLLBACK PREPARED U&'it''s\\+00000a1'"
        assert "bank" in finding.problem

    def test_age_alone_is_enough(self) -> None:
        assert only(reading(primary=node(holders=(holder(age=60_000_000),)))).severity == "bad"


class TestTables:
    def test_a_table_that_autovacuum_works_on_or_comes_to_soon_is_left_alone(self) -> None:
        for calm in (table(dead=900_000, vacuuming=True), table(dead=300_000), table(dead=9_000, rows=10.0)):
            assert judge(reading(inside(tables=(calm,)))) == ()

    def test_a_table_of_its_own_settings_is_judged_by_them(self) -> None:
        often = table(dead=50_000, options=("autovacuum_vacuum_scale_factor=0.01",))
        assert only(reading(inside(tables=(often,)))).kind == "dead_rows"
        broken = table(dead=50_000, options=("autovacuum_vacuum_scale_factor=what", "autovacuum_enabled=what"))
        assert judge(reading(inside(tables=(broken,)))) == ()

    def test_switching_autovacuum_on_again_can_be_undone(self) -> None:
        finding = only(reading(inside(tables=(table(dead=300_000, options=("autovacuum_enabled=OFF",)),))))
        assert finding.remedy == "ALTER TABLE public.orders RESET (autovacuum_enabled)"
        assert finding.undo == "ALTER TABLE public.orders SET (autovacuum_enabled = off)"

    def test_scans_of_a_catalog_of_small_tables_and_of_few_rows_are_none_of_it(self) -> None:
        many = counted(scans(20000, 5000, 5 * 10**9))
        for calm in (table(bytes=1 << 20), table(rows=-1.0, dead=0), table(rows=1e9, bytes=GB)):
            assert judge(reading(inside(tables=(calm,), counters=many))) == ()
        catalog = inside(tables=(table(oid=1259),), counters=counted(scans(1259, 5000, 5 * 10**9)))
        assert judge(reading(catalog)) == ()

    def test_scans_say_on_which_node(self) -> None:
        theirs = {"primary": scans(20000), "replica1": scans(20000, 5000, 5 * 10**9)}
        finding = only(reading(inside(tables=(table(),), counters=theirs)))
        assert finding.evidence.startswith("replica1: 5000 scans")
        assert "primary" not in finding.evidence


class TestIndexes:
    FOUND = inside(unused=(unused(),), counters={"primary": scans(20010), "replica1": scans(20010)})

    def test_unused_is_what_no_node_uses_and_is_known_to_be_old(self) -> None:
        finding = only(with_marks(reading(self.FOUND)))
        assert (finding.severity, finding.remedy) == ("warn", "DROP INDEX CONCURRENTLY public.orders_note_idx")
        assert finding.undo == unused().definition

    def test_where_nobody_knows_when_it_was_made_it_is_a_suspicion(self) -> None:
        assert only(reading(self.FOUND)).severity == "note"

    def test_what_was_made_lately_is_not_unused_yet(self) -> None:
        young = replace(self.FOUND, unused=(unused(made_at=200_000),))
        assert judge(with_marks(reading(young))) == ()

    def test_what_a_replica_lives_on_is_used(self) -> None:
        theirs = replace(self.FOUND, counters={"primary": scans(20010), "replica1": scans(20010, 3)})
        assert judge(reading(theirs)) == ()

    def test_a_partition_s_scan_is_the_whole_index_s(self) -> None:
        whole = unused(parts=(20010, 20011), partitioned=True)
        parts = {"primary": scans(20010), "replica1": scans(20011, 1)}
        assert judge(reading(inside(unused=(whole,), counters=parts))) == ()
        assert only(reading(inside(unused=(whole,)))).remedy == "DROP INDEX public.orders_note_idx"

    @pytest.mark.parametrize("since", [NOW - 6 * DAY, None])
    def test_a_node_that_counts_for_days_only_keeps_everybody_from_a_judgement(self, since: float | None) -> None:
        found = reading(self.FOUND, replica1=replica(statistics_since=since))
        assert judge(found) == ()
        (line,) = unjudged(found)
        assert line.startswith("shop: which indexes are unused cannot be judged: replica1 counts")

    def test_a_node_that_does_not_answer_may_use_it(self) -> None:
        found = reading(replace(self.FOUND, counters={"primary": scans(20010)}))
        assert judge(found) == ()
        assert "replica1 did not answer" in unjudged(found)[0]

    def test_a_database_that_was_reset_counts_from_then(self) -> None:
        own = node(database_counters(counted_since=NOW - DAY))
        assert judge(reading(self.FOUND, primary=own)) == ()

    def test_no_two_findings_take_each_other_s_index_away(self) -> None:
        other = unused(oid=20021, parts=(20021,), name="public.orders_a")
        needless = unused(oid=20020, parts=(20020,), name="public.orders_a_again")
        found = judge(reading(inside(pairs=(pair(),), unused=(other, needless))))
        assert [each.subject for each in found] == ["public.orders_a_again"]

    def test_what_reindex_left_is_dropped_and_what_create_left_is_made_anew(self) -> None:
        left = only(reading(inside(invalid=(invalid(leftover=True),))))
        assert (left.remedy, left.undo) == ("DROP INDEX CONCURRENTLY public.orders_b", invalid().definition)
        assert only(CULPRITS["invalid_index"]()).remedy == "REINDEX INDEX CONCURRENTLY public.orders_b"


class TestSequences:
    @pytest.mark.parametrize(
        ("changed", "share"),
        [
            (sequence(value=None), None),
            (sequence(value=1), 0.0),
            (sequence(value=2**31 - 1), 1.0),
            (sequence(value=2**31), 1.0),
            (sequence(column_most=None, value=2**31), 0.0),
            (sequence(most=1000, value=500), 0.4995),
            (sequence(column_most=None, most=1000, cycles=True, value=990), None),
            (sequence(most=2**31, cycles=True, value=2**31 - 1), 1.0),
            (sequence(column_most=None, step=-1, least=-1001, most=-1, value=-501), 0.5),
            (sequence(step=-1, least=-(2**63), most=-1, value=-(2**31)), 1.0),
            (sequence(least=-(2**31), value=0), 0.0),
        ],
    )
    def test_how_much_is_used(self, changed: SequenceState, share: float | None) -> None:
        assert used_share(changed) == (pytest.approx(share, abs=1e-3) if share is not None else None)

    def test_of_a_column_of_integers_the_column_is_widened(self) -> None:
        finding = only(CULPRITS["sequence"]())
        assert (finding.severity, finding.subject) == ("warn", "public.orders.id")
        assert finding.remedy == "ALTER TABLE public.orders ALTER COLUMN id TYPE bigint"
        assert "347483647 values are left" in finding.evidence

    def test_of_a_serial_both_are(self) -> None:
        serial = sequence(type="integer", most=2**31 - 1, value=2_100_000_000)
        finding = only(reading(inside(sequences=(serial,))))
        assert finding.severity == "bad"
        assert finding.remedy.splitlines() == [
            "ALTER SEQUENCE public.orders_id_seq AS bigint NO MAXVALUE;",
            "ALTER TABLE public.orders ALTER COLUMN id TYPE bigint",
        ]

    def test_what_was_not_read_is_said(self) -> None:
        found = reading(inside(sequences_error="permission denied", sequences_unread=3))
        lines = unjudged(replace(found, databases=dict.fromkeys("abcde", found.databases["shop"])))
        assert lines == (
            "a, b, c and 2 more: how far sequences are cannot be read: permission denied",
            "a, b, c and 2 more: 3 more sequences were not read",
        )


NAMES = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=20)


def identifier(name: str) -> str:
    """As the server's quote_ident would."""
    return name if re.fullmatch("[a-z_][a-z0-9_]*", name) else '"' + name.replace('"', '""') + '"'


TOKEN = re.compile(r"""(?:U&)?"((?:[^"]|"")*)"|(?:U&)?'((?:[^']|'')*)'""")


@given(name=NAMES, gid=NAMES)
def test_what_is_suggested_is_one_statement_that_can_be_printed_whatever_names_are_in_it(name: str, gid: str) -> None:
    for sql in (
        remedy("remedy_drop_index", index=f"{identifier(name)}.{identifier(name)}"),
        remedy("remedy_widen_column", table=identifier(name), column=identifier(name)),
        remedy("remedy_rollback_prepared", gid=constant(gid)),
    ):
        assert sql.isprintable()
        assert ";" not in TOKEN.sub("", sql)
        assert '"' not in TOKEN.sub("", sql)
        assert "'" not in TOKEN.sub("", sql)


@given(name=NAMES)
def test_escapes_mean_the_name_that_it_was(name: str) -> None:
    shown = visible('"' + name.replace('"', '""') + '"')
    inner = shown.removeprefix("U&")[1:-1].replace('""', '"')
    if shown.startswith("U&"):
        inner = re.sub(r"\\\\|\\\+([0-9a-f]{6})", lambda found: chr(int(found[1], 16)) if found[1] else "\\", inner)
    assert inner == name
