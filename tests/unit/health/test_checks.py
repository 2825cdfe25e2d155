from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cluster.postgres.lsn import Lsn
from cluster.topology import STATES, Topology
from health.checks import CHECKS, CheckState, Filters, check_state, parse_filters
from tests.unit.health.status_samples import SETTINGS, TOPOLOGY, WELL, view_of
from tests.unit.snapshot_samples import NOW, as_wanted, facts, silent, standby, with_facts, with_node
from tests.unit.strategies import topologies

MB = 1 << 20
PRIMARY = check_state(view_of(), "primary")
REPLICA = check_state(view_of(), "replica1")
NONE = Filters()


def _passing(node: CheckState, filters: Filters = NONE, limit: int = 64 * MB) -> set[str]:
    return {word for word, check in CHECKS.items() if check.passes(node, filters, limit)}


def test_the_words_of_a_primary() -> None:
    assert _passing(PRIMARY) == {"primary", "read-write", "leader", "read-only", "read-only-sync", "readiness"}


def test_the_words_of_a_replica_that_commits_do_not_wait_for() -> None:
    assert _passing(REPLICA) == {"replica", "read-only", "asynchronous", "async", "readiness"}


@pytest.mark.parametrize(
    ("sync", "words"),
    [
        ("sync", {"synchronous", "sync", "read-only-sync"}),
        ("quorum", {"synchronous", "sync", "quorum", "read-only-sync"}),
        ("potential", {"asynchronous", "async"}),
        (None, set()),
    ],
)
def test_the_words_of_a_replica_by_how_commits_wait_for_it(sync: str | None, words: set[str]) -> None:
    assert _passing(replace(REPLICA, sync=sync)) == words | {"replica", "read-only", "readiness"}


@pytest.mark.parametrize(("lag", "passes"), [(10 * MB, True), (10 * MB + 1, False), (None, False)])
def test_lag_asked_for_is_the_most_a_replica_may_have(lag: int | None, passes: bool) -> None:
    assert ("replica" in _passing(replace(REPLICA, lag=lag), parse_filters({"lag": "10MB"}))) is passes


def test_without_lag_asked_for_only_readiness_looks_at_it() -> None:
    behind = replace(REPLICA, lag=65 * MB)
    assert _passing(REPLICA) - _passing(behind) == {"readiness"}


def test_write_lag_is_another_lag() -> None:
    slow = replace(REPLICA, lag=50 * MB, write_lag=0)
    assert "replica" not in _passing(slow, parse_filters({"lag": "1MB"}))
    assert "replica" in _passing(slow, parse_filters({"lag": "1MB", "mode": "write"}))


def test_write_lag_is_of_what_was_received_and_lag_of_what_was_replayed() -> None:
    slow = with_facts(WELL, "replica1", lsn=Lsn(NOW - 5000), received_lsn=Lsn(NOW - 10))
    node = check_state(view_of(slow), "replica1")
    assert (node.lag, node.write_lag) == (5000, 10)


def test_the_lag_of_replicas_is_nothing_to_the_primary() -> None:
    assert "read-only" in _passing(PRIMARY, parse_filters({"lag": "0"}))


def test_a_replica_that_does_not_stream_is_one_still_but_not_ready() -> None:
    cut = replace(REPLICA, receiver="")
    assert _passing(REPLICA) - _passing(cut) == {"readiness"}
    assert "replica" not in _passing(cut, parse_filters({"replication_state": "streaming"}))


def test_a_node_that_does_not_answer_passes_nothing() -> None:
    for name in TOPOLOGY.names:
        assert _passing(check_state(view_of(silent(WELL, name)), name)) == set()


def test_a_replica_that_is_on_its_way_in_or_out_is_not_to_be_used() -> None:
    for state in set(STATES) - {"member"}:
        topology = TOPOLOGY.with_state("replica1", state)
        assert _passing(check_state(view_of(topology=topology), "replica1")) == set()


def test_a_replica_that_is_kept_apart_is_for_those_who_name_it() -> None:
    apart = TOPOLOGY.with_pool("replica1", "own")
    assert _passing(check_state(view_of(topology=apart), "replica1")) == set()
    assert check_state(view_of(topology=apart), "replica1").answers


def test_a_node_with_another_cluster_s_data_is_not_to_be_used() -> None:
    for name in TOPOLOGY.names:
        foreign = with_facts(WELL, name, system_identifier="1")
        assert _passing(check_state(view_of(foreign), name)) == set()


def test_a_replica_keeps_its_lag_while_the_primary_is_away() -> None:
    left = check_state(view_of(silent(WELL, "primary")), "replica1")
    assert "replica" in _passing(left, parse_filters({"lag": "1MB"}))


def test_of_two_nodes_that_take_writes_only_the_one_that_shall_passes() -> None:
    split = with_facts(WELL, "replica1", in_recovery=False, receiver_status=None)
    assert "primary" in _passing(check_state(view_of(split), "primary"))
    assert _passing(check_state(view_of(split), "replica1")) == set()


@given(topologies(), st.data())
def test_never_do_two_nodes_pass_as_primary(topology: Topology, data: st.DataObject) -> None:
    snapshot = as_wanted(topology, {})
    for name in topology.names:
        recovery = data.draw(st.booleans())
        snapshot = with_node(snapshot, name, facts=facts(topology, name, in_recovery=recovery))
    view = view_of(snapshot, topology=topology, settings=SETTINGS)
    passing = [n for n in topology.names if CHECKS["primary"].passes(check_state(view, n), NONE, 0)]
    assert passing in ([], [topology.primary])


@given(st.integers(0, 1 << 40), st.integers(0, 1 << 40))
def test_a_replica_that_passes_with_some_lag_passes_with_less(lag: int, less: int) -> None:
    filters = Filters(lag=1 << 30)
    node = replace(REPLICA, lag=lag)
    if filters.pass_replica(node):
        assert filters.pass_replica(replace(node, lag=min(lag, less)))


def test_synchronous_is_what_the_primary_says() -> None:
    seen = with_node(WELL, "primary", standbys=(standby("replica1", sync_state="quorum"), standby("replica2")))
    assert check_state(view_of(seen), "replica1").sync == "quorum"


@pytest.mark.parametrize(
    ("query", "what"),
    [
        ({"lag": "10 MB"}, "lag is"),
        ({"lag": "-1"}, "lag is"),
        ({"lag": ""}, "lag is"),
        ({"lag": "1e3"}, "lag is"),
        ({"lag": "٣"}, "lag is"),
        ({"lag": "9" * 5000}, "lag is"),
        ({"mode": "fast"}, "mode is"),
        ({"replication_state": "DROP TABLE"}, "replication_state is"),
        ({"lga": "10MB"}, "no parameter 'lga'"),
    ],
)
def test_a_malformed_query_is_refused(query: dict[str, str], what: str) -> None:
    with pytest.raises(ValueError, match=what):
        parse_filters(query)


def test_lag_has_postgresql_s_units() -> None:
    assert [parse_filters({"lag": lag}).lag for lag in ("7", "7B", "7kB", "7GB")] == [7, 7, 7 << 10, 7 << 30]
