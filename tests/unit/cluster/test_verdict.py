from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cluster.naming import HOSTS_SLOT
from cluster.observed.nodes import Slot
from cluster.observed.pooler import PoolsReading
from cluster.observed.primary_port import PortReading
from cluster.observed.snapshot import LATE, Snapshot, keep_known
from cluster.pools import pools
from cluster.postgres.lsn import Lsn
from cluster.remedies import split_remedy
from cluster.standby_topology import prepared_on, returning_on
from cluster.topology import STATES, Node, NodeState, Topology
from cluster.verdict import Thresholds, Verdict, judge
from tests.fix_settings import SYSTEM, settings_of, topology_of
from tests.unit.snapshot_samples import (
    NOW,
    as_wanted,
    facts,
    pool,
    silent,
    slot,
    standby,
    with_facts,
    with_node,
    with_pool,
)
from tests.unit.strategies import topologies

SETTINGS = settings_of()
TOPOLOGY = topology_of(SETTINGS)
POOLS = pools(SETTINGS, TOPOLOGY)
WELL = as_wanted(TOPOLOGY, POOLS)


def _judge(snapshot: Snapshot, thresholds: Thresholds | None = None) -> Verdict:
    return judge(TOPOLOGY, snapshot, POOLS, thresholds=thresholds)


def _only_reason(snapshot: Snapshot) -> str:
    verdict = _judge(snapshot)
    assert not verdict.healthy
    (problem,) = _problems(verdict)
    return problem


def _problems(verdict: Verdict) -> list[str]:
    """What each reason says is wrong; that each says what to do, too."""
    parts = [split_remedy(reason) for reason in verdict.reasons]
    assert all(remedy for _, remedy in parts), verdict.reasons
    return [problem for problem, _ in parts]


def test_a_cluster_as_it_should_be_is_healthy() -> None:
    assert _judge(WELL) == Verdict(reasons=(), notes=())
    assert _judge(WELL).healthy


@given(topologies(states=["member"]), st.floats(0, 30), st.integers(0, 64 << 20))
def test_with_everything_as_wanted_there_is_never_a_reason(topology: Topology, silence: float, lag: int) -> None:
    expected = pools(SETTINGS, topology)
    snapshot = as_wanted(topology, expected)
    for node in topology.replicas:
        snapshot = with_facts(snapshot, node.name, receiver_silence=silence, lsn=Lsn(max(0, NOW - lag)))
    verdict = judge(topology, snapshot, expected)
    assert verdict.reasons == ()
    assert verdict.healthy


@given(topologies(min_nodes=2), st.data())
def test_any_node_that_is_silent_is_a_reason_that_names_it(topology: Topology, data: st.DataObject) -> None:
    expected = pools(SETTINGS, topology)
    lost = data.draw(st.sampled_from(topology.names))
    verdict = judge(topology, silent(as_wanted(topology, expected), lost), expected)
    assert any(reason.startswith(f"{lost} (") for reason in verdict.reasons)


def test_a_primary_that_is_gone() -> None:
    verdict = _judge(silent(WELL, "primary", "connection refused"))
    assert _problems(verdict)[0] == "primary (primary) does not answer: connection refused"


def test_a_primary_that_is_gone_is_no_reason_to_blame_slots_or_lag() -> None:
    assert not [r for r in _judge(silent(WELL, "primary")).reasons if "slot" in r or "behind" in r]


def test_a_primary_in_recovery() -> None:
    spoiled = with_node(with_facts(WELL, "primary", in_recovery=True), "primary", standbys=(), slots=())
    assert "primary should be the primary and is in recovery" in _problems(_judge(spoiled))


def test_two_writable_nodes() -> None:
    reasons = _problems(_judge(with_facts(WELL, "replica1", in_recovery=False, receiver_status=None)))
    assert "two nodes take writes: primary and replica1" in reasons
    assert "replica1 should be a replica and takes writes" in reasons


def test_a_replica_that_took_over_behind_our_back() -> None:
    reasons = _problems(_judge(silent(with_facts(WELL, "replica1", in_recovery=False), "primary")))
    assert "replica1 should be a replica and takes writes" in reasons
    assert any(reason.startswith("primary (primary) does not answer") for reason in reasons)


def test_a_primary_with_another_cluster_s_data() -> None:
    reason = _only_reason(with_facts(WELL, "primary", system_identifier="666"))
    assert reason == "primary serves another cluster's data (system identifier 666)"


def test_before_the_first_data_there_is_no_identity_to_compare() -> None:
    unmade = replace(TOPOLOGY, system_identifier="")
    assert judge(unmade, with_facts(WELL, "primary", system_identifier=SYSTEM), POOLS).healthy


def test_a_silent_replica() -> None:
    assert _only_reason(silent(WELL, "replica2", "no answer within 6 s")) == (
        "replica2 (replica) does not answer: no answer within 6 s"
    )


@pytest.mark.parametrize("state", [state for state in STATES if state != "member"])
def test_a_replica_an_operation_left_on_its_way(state: NodeState) -> None:
    topology = TOPOLOGY.with_state("replica1", state)
    expected = pools(SETTINGS, topology)
    (reason,) = judge(topology, as_wanted(topology, expected), expected).reasons
    assert reason.startswith(f"replica1 is {state.replace('_', ' ')}")
    assert "inv up" in reason


def _synchronous(needed: int, *states: str) -> list[str]:
    seen = tuple(standby(f"replica{n}", sync_state=state) for n, state in enumerate(states, start=1))
    return _problems(judge(TOPOLOGY, with_node(WELL, "primary", standbys=seen), POOLS, synchronous=needed))


def test_commits_that_wait_for_too_few_replicas() -> None:
    assert _synchronous(2, "quorum", "async") == ["commits wait: 2 synchronous replicas are asked for and 1 stream"]


@pytest.mark.parametrize(
    ("needed", "states"), [(0, ("async", "async")), (1, ("sync", "potential")), (2, ("quorum", "quorum"))]
)
def test_commits_that_find_the_replicas_they_wait_for(needed: int, states: tuple[str, ...]) -> None:
    assert _synchronous(needed, *states) == []


def _slots(*slots: Slot) -> Snapshot:
    return with_node(WELL, "primary", slots=slots)


def test_a_lost_slot_and_how_to_mend_it() -> None:
    lost = slot("replica1_slot", wal_status="lost", invalidation_reason="wal_removed", active=False)
    (reason,) = _judge(_slots(lost, slot("replica2_slot"))).reasons
    assert reason.startswith("replica1 has lost its place in the WAL (slot replica1_slot: wal_removed) → run: inv ")


def test_a_lost_slot_of_which_nobody_says_why() -> None:
    lost = slot("replica1_slot", wal_status="lost", active=False)
    problem = _only_reason(_slots(lost, slot("replica2_slot")))
    assert problem == "replica1 has lost its place in the WAL (slot replica1_slot)"


def test_a_missing_slot_and_how_to_mend_it() -> None:
    reason = _only_reason(_slots(slot("replica2_slot")))
    assert reason == "replica1 has no replication slot replica1_slot on primary"


def test_an_orphan_slot_and_what_it_costs() -> None:
    orphan = slot("replica7_slot", active=False, retained_bytes=3 << 30)
    (reason,) = _judge(_with_slots(orphan)).reasons
    assert reason.startswith(
        "slot replica7_slot is of no replica there is, and holds back 3.0 GB of WAL → run: inv psql"
    )
    assert "pg_drop_replication_slot('replica7_slot')" in reason


def _with_slots(*more: Slot) -> Snapshot:
    return _slots(slot("replica1_slot"), slot("replica2_slot"), *more)


@pytest.mark.parametrize("name", ["debezium", "weird_slot", "gone_slot", "replica7_slot", "archive_slot"])
def test_a_slot_that_holds_no_wal_is_not_worth_a_word(name: str) -> None:
    verdict = _judge(_with_slots(slot(name, active=False, retained_bytes=None, wal_status=None)))
    assert (verdict.reasons, verdict.notes) == ((), ())


@pytest.mark.parametrize("kind", ["physical", "logical"])
@pytest.mark.parametrize("name", ["debezium", "weird_slot", "pg_basebackup_123", "reports_slot"])
def test_a_slot_that_is_somebody_else_s_is_called_what_it_is(name: str, kind: str) -> None:
    small = slot(name, type=kind, active=False, retained_bytes=1 << 20)
    assert _judge(_with_slots(small)) == Verdict(())
    used = slot(name, type=kind, retained_bytes=3 << 30)
    assert _judge(_with_slots(used)) == Verdict(())
    large = slot(name, type=kind, active=False, retained_bytes=3 << 30, inactive_seconds=90.0)
    verdict = _judge(_with_slots(large))
    assert verdict.healthy
    (note,) = verdict.notes
    assert note.startswith(
        f"{kind} slot {name}, which is not PODS', is unused for 1 min 30 s and holds back 3.0 GB of WAL → "
    )


def test_a_logical_slot_is_no_node_s_whatever_its_name() -> None:
    snapshot = _slots(slot("replica1_slot", type="logical"), slot("replica2_slot"))
    assert _only_reason(snapshot) == "replica1 has no replication slot replica1_slot on primary"


def test_a_late_reading_does_not_unsay_that_nobody_can_log_in() -> None:
    hangs = with_node(silent(WELL, "primary", "gave no answer within 6 s"), "primary", speaks=True)
    late = silent(WELL, "primary", f"{LATE} 2 s")
    assert keep_known(late, hangs).nodes["primary"] == hangs.nodes["primary"]
    assert keep_known(late, WELL) == late
    assert keep_known(late, None) == late
    gone = silent(WELL, "primary", "nothing listens")
    assert keep_known(gone, hangs) == gone
    assert keep_known(WELL, hangs) == WELL


def test_a_server_that_lets_nobody_log_in_is_not_one_that_is_away() -> None:
    waiting = silent(WELL, "primary", "127.0.0.1:5440 gave no answer within 3 s")
    problem = _problems(_judge(with_node(waiting, "primary", speaks=True)))[0]
    assert problem == "primary (primary) lets nobody log in: 127.0.0.1:5440 gave no answer within 3 s"


def test_a_replica_that_does_not_stream() -> None:
    reason = _only_reason(with_facts(WELL, "replica1", receiver_status=None, receiver_silence=None))
    assert reason == "replica1 does not stream from the primary"


def test_a_replica_that_hears_nothing() -> None:
    reason = _only_reason(with_facts(WELL, "replica1", receiver_silence=95.0))
    assert reason == "replica1 has not heard from the primary for 1 min 35 s"


def test_a_replica_the_primary_does_not_know() -> None:
    reason = _only_reason(with_node(WELL, "primary", standbys=(standby("replica2"),)))
    assert reason == "replica1 is unknown to the primary"


def test_a_replica_that_is_still_catching_up() -> None:
    catching = (standby("replica1", state="catchup"), standby("replica2"))
    assert _only_reason(with_node(WELL, "primary", standbys=catching)) == "replica1 is catchup to the primary"


def test_a_replica_that_lags() -> None:
    reason = _only_reason(with_facts(WELL, "replica1", lsn=Lsn(NOW - (65 << 20))))
    assert reason == "replica1 is 65.0 MB behind"


def test_a_replica_that_just_does_not_lag() -> None:
    assert _judge(with_facts(WELL, "replica1", lsn=Lsn(NOW - (64 << 20)))).healthy


def test_pgbouncer_that_does_not_answer() -> None:
    reason = _only_reason(replace(WELL, pooler=PoolsReading(error="connection refused")))
    assert reason == "PgBouncer does not answer: connection refused"


def test_a_missing_pool() -> None:
    fewer = tuple(p for p in WELL.pooler.pools if p.name != "appdb_read2")
    assert _only_reason(replace(WELL, pooler=PoolsReading(pools=fewer))) == "PgBouncer has no pool appdb_read2"


def test_missing_pools_are_told_in_a_fixed_order() -> None:
    reasons = _problems(_judge(replace(WELL, pooler=PoolsReading())))
    assert reasons == [f"PgBouncer has no pool {name}" for name in sorted(POOLS)]


def test_a_stray_pool() -> None:
    more = (*WELL.pooler.pools, pool("appdb_read9", ("replica9",)))
    assert "appdb_read9 that nobody asked for" in _only_reason(replace(WELL, pooler=PoolsReading(pools=more)))


def test_a_pool_that_leads_elsewhere() -> None:
    reason = _only_reason(with_pool(WELL, "appdb_write", hosts=("replica1",)))
    assert reason == "pool appdb_write leads to replica1 instead of primary"


def test_a_member_that_is_out_of_the_pool_of_all_readers_is_no_fault_of_the_pool() -> None:
    out = with_pool(silent(WELL, "replica1"), "appdb_read", hosts=("replica2",))
    verdict = _judge(out)
    assert [reason.split(":")[0] for reason in verdict.reasons] == ["replica1 (replica) does not answer"]
    assert verdict.notes[0].startswith("replica1 is out of appdb_read")


def test_one_that_is_well_again_and_not_back_yet_leaves_the_cluster_healthy() -> None:
    verdict = _judge(with_pool(WELL, "appdb_read", hosts=("replica2",)))
    assert verdict.healthy
    assert "replica1 is out of appdb_read" in verdict.notes[0]
    assert "it is well and comes back" in verdict.notes[0]


def test_one_that_is_out_for_its_old_data_is_a_reason() -> None:
    late = with_facts(with_pool(WELL, "appdb_read", hosts=("replica2",)), "replica1", lag_seconds=3600.0)
    assert _only_reason(late).startswith("replica1 is 1 h 0 min behind, and out of appdb_read")
    assert _judge(late).about.keys() == {"replica1"}
    assert _judge(late, Thresholds(read_lag=0)).healthy


@pytest.mark.parametrize("hosts", [(), ("replica3",), ("replica1", "replica3"), ("primary",)])
def test_a_pool_of_several_that_leads_elsewhere_is_a_reason(hosts: tuple[str, ...]) -> None:
    assert _only_reason(with_pool(WELL, "appdb_read", hosts=hosts)).startswith("pool appdb_read leads to ")


def test_the_order_of_a_pool_s_hosts_means_nothing() -> None:
    assert _judge(with_pool(WELL, "appdb_read", hosts=("replica2", "replica1"))).healthy


@pytest.mark.parametrize(("what", "word"), [("paused", "paused"), ("disabled", "disabled")])
def test_a_pool_that_serves_nobody(what: str, word: str) -> None:
    assert _only_reason(with_pool(WELL, "appdb", **{what: True})) == f"pool appdb is {word}"


def test_clients_that_wait_too_long() -> None:
    reason = _only_reason(with_pool(WELL, "appdb", clients_waiting=7, max_wait=12.0))
    assert reason == "7 clients wait in pool appdb, the longest for 12 s"


def test_clients_that_wait_a_moment_are_no_reason() -> None:
    assert _judge(with_pool(WELL, "appdb", clients_waiting=7, max_wait=1.0)).healthy


def test_thresholds_decide_what_is_worth_saying() -> None:
    lagging = with_facts(WELL, "replica1", lsn=Lsn(NOW - 1000), receiver_silence=2.0)
    waiting = with_pool(lagging, "appdb", clients_waiting=1, max_wait=0.5)
    assert _judge(waiting).healthy
    for strict in (Thresholds(lag_bytes=999), Thresholds(silence=1.0), Thresholds(pool_wait=0.1)):
        assert len(_judge(waiting, strict).reasons) == 1, strict


def test_several_faults_are_all_told() -> None:
    spoiled = with_pool(silent(WELL, "replica2"), "appdb", paused=True)
    assert len(_judge(spoiled).reasons) == 2


def test_a_parameter_the_cluster_stands_on_that_alter_system_set_is_a_reason() -> None:
    verdict = _judge(with_facts(WELL, "replica1", altered=("primary_conninfo", "work_mem")))
    (reason,) = verdict.reasons
    assert reason.startswith("replica1 does not follow PODS in primary_conninfo: ALTER SYSTEM set it")
    assert verdict.about.keys() == {"replica1"}
    assert verdict.notes[0].startswith("replica1 has parameters of its own by ALTER SYSTEM: work_mem")
    assert _only_reason(with_facts(WELL, "primary", altered=("synchronous_standby_names",))).startswith("primary does")


def test_commits_that_wait_for_replicas_are_a_reason_whoever_asked_for_that() -> None:
    reason = _only_reason(with_facts(WELL, "primary", waiting_commits=3, longest_commit=12.0))
    assert reason.startswith("commits wait for replicas: 3, the longest for 12 s")
    assert _judge(with_facts(WELL, "primary", waiting_commits=3, longest_commit=1.0)).healthy


def test_a_pending_restart_is_a_note_and_no_alarm() -> None:
    verdict = _judge(with_facts(WELL, "replica1", pending_restart=("max_connections", "shared_buffers")))
    assert verdict.healthy
    assert verdict.notes == ("replica1 needs a restart for max_connections, shared_buffers → run: inv restart",)


def test_a_node_without_io_uring_among_nodes_with_it_is_a_note() -> None:
    verdict = _judge(with_facts(WELL, "replica2", io_method="worker"))
    assert verdict.healthy
    (note,) = verdict.notes
    assert note.startswith("without io_uring, which this host did not give them at their start: replica2 → ")
    assert "inv logs --service replica2" in note


def test_where_no_node_has_io_uring_there_is_nothing_to_note() -> None:
    snapshot = WELL
    for name in TOPOLOGY.names:
        snapshot = with_node(snapshot, name, facts=facts(TOPOLOGY, name, io_method="worker"))
    assert _judge(snapshot).notes == ()


def test_a_node_s_own_reasons_are_known_by_its_name() -> None:
    verdict = _judge(with_pool(silent(WELL, "replica2"), "appdb", paused=True))
    assert verdict.about == {"replica2": ("replica2 (replica) does not answer: connection refused → run: inv up",)}
    assert set(verdict.about["replica2"]) < set(verdict.reasons)


def test_thresholds_come_from_the_settings() -> None:
    settings = settings_of(health_lag="1MB", health_silence="20", health_wait="2")
    assert Thresholds.of(settings) == Thresholds(lag_bytes=1 << 20, silence=20, pool_wait=2)
    assert Thresholds.of(settings_of()) == Thresholds()


def test_the_port_of_the_primary_leads_to_the_primary_or_that_is_a_reason() -> None:
    assert _judge(replace(WELL, port=PortReading(node="primary"))).healthy
    astray = _only_reason(replace(WELL, port=PortReading(node="replica1")))
    assert astray == "PODS_PRIMARY_PORT leads to replica1 instead of primary"
    nowhere = _only_reason(replace(WELL, port=PortReading(error="connection refused")))
    assert nowhere == "PODS_PRIMARY_PORT leads nowhere: connection refused"


def test_without_a_primary_the_port_of_it_leads_nowhere_as_it_should() -> None:
    away = replace(silent(WELL, "primary"), port=PortReading(error="connection refused"))
    assert not [problem for problem in _problems(_judge(away)) if "PODS_PRIMARY_PORT" in problem]


@pytest.mark.parametrize(
    ("slots", "words", "remedy"),
    [
        ({"active": True}, "alpha, beta follow this cluster", "inv hosts.switch"),
        (
            {"active": False, "retained_bytes": 5 << 30},
            "do not follow this cluster, and 5.0 GB of WAL",
            "inv hosts.prepare",
        ),
        (None, "do not follow this cluster", "inv hosts.prepare"),
    ],
)
def test_hosts_that_are_prepared_are_a_note_and_their_slot_is_ours(
    slots: dict[str, object] | None, words: str, remedy: str
) -> None:
    prepared = prepared_on(TOPOLOGY, ("alpha", "beta"))
    more = () if slots is None else (replace(WELL.nodes["primary"].slots[0], name=HOSTS_SLOT, **slots),)  # type: ignore[arg-type]
    primary = replace(WELL.nodes["primary"], slots=(*WELL.nodes["primary"].slots, *more))
    found = judge(prepared, replace(WELL, nodes={**WELL.nodes, "primary": primary}), POOLS)
    assert found.reasons == ()
    (note,) = [each for each in found.notes if "follow this cluster" in each]
    assert words in note
    assert remedy in note
    assert not [each for each in found.notes if "not PODS'" in each]


def test_while_patroni_elects_nobody_is_sent_after_what_only_waits_for_it() -> None:
    """Pools that wait and replicas that follow nobody are the same news: the primary is away."""
    hosts = tuple(Node(name=name, host=name, ordinal=n) for n, name in enumerate(("alpha", "beta"), 1))
    moved = replace(TOPOLOGY, engine="patroni", nodes=hosts, primary="alpha")
    well = as_wanted(moved, POOLS)
    gone = silent(with_facts(well, "beta", receiver_status=None), "alpha")
    waiting = replace(
        gone,
        pooler=PoolsReading(
            pools=tuple(replace(each, paused=True, clients_waiting=3, max_wait=9.0) for each in gone.pooler.pools)
        ),
    )
    problems = [split_remedy(reason)[0] for reason in judge(moved, waiting, POOLS).reasons]
    assert [each for each in problems if "paused" in each or "clients wait" in each or "stream" in each] == []
    assert any(each.startswith("alpha (primary)") for each in problems)
    local = judge(TOPOLOGY, replace(silent(WELL, "primary"), pooler=waiting.pooler), POOLS).reasons
    assert any("paused" in each for each in local)


def test_a_return_that_was_begun_is_a_note_while_it_streams_and_a_reason_where_it_does_not() -> None:
    hosts = tuple(Node(name=name, host=name, ordinal=n) for n, name in enumerate(("alpha", "beta"), 1))
    moved = replace(TOPOLOGY, engine="patroni", nodes=hosts, primary="alpha")
    returning = returning_on(moved, 1)
    well = as_wanted(returning, POOLS)
    found = judge(returning, well, POOLS)
    assert found.reasons == ()
    assert any("inv hosts.unprepare" in note and returning.local_names[0] in note for note in found.notes)
    assert judge(returning, silent(well, returning.local_names[0]), POOLS).reasons
