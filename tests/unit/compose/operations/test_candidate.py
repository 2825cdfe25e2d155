from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cluster.errors import RefusedError
from cluster.naming import ARCHIVE_SLOT, read_pool_of, write_pools
from cluster.observed.snapshot import Snapshot
from cluster.pools import pools, readers
from cluster.postgres.lsn import Lsn
from cluster.topology import Handover, Topology
from cluster.topology_file import dump, parse
from compose.operations.promotion.candidate import CLOSE_ENOUGH, archive_lacks, choose
from tests.fix_settings import settings_of, topology_of
from tests.unit.snapshot_samples import NOW, as_wanted, silent, slot, standby, with_facts, with_node
from tests.unit.strategies import topologies

SETTINGS = settings_of()
TOPOLOGY = topology_of(SETTINGS)
WELL = as_wanted(TOPOLOGY, pools(SETTINGS, TOPOLOGY))
HANDOVER = Handover(source="primary", lsn="0/5000028", timeline=1)


def _behind(snapshot: Snapshot, name: str, lag: int) -> Snapshot:
    return with_facts(snapshot, name, lsn=Lsn(NOW - Lsn(lag)))


def test_the_replica_that_lacks_least_is_the_candidate() -> None:
    assert choose(TOPOLOGY, _behind(WELL, "replica1", 2 << 20), None).name == "replica2"
    assert choose(TOPOLOGY, _behind(WELL, "replica1", 2 << 20), "replica1").name == "replica1"
    assert choose(TOPOLOGY, _behind(WELL, "replica1", 100), None).name == "replica1", "no client would notice"


def test_a_synchronous_replica_is_preferred_and_one_kept_apart_is_the_last() -> None:
    standbys = (standby("replica1"), standby("replica2", sync_state="sync"))
    synchronous = with_node(WELL, "primary", standbys=standbys)
    assert choose(TOPOLOGY, synchronous, None).name == "replica2"
    assert choose(TOPOLOGY.with_pool("replica1", "own"), WELL, None).name == "replica2"


def _elsewhere(*names: str) -> Topology:
    nodes = tuple(replace(node, host="beta") if node.name in names else node for node in TOPOLOGY.nodes)
    return replace(TOPOLOGY, nodes=nodes)


def test_a_replica_on_another_host_is_never_the_candidate_however_far_it_is() -> None:
    assert choose(_elsewhere("replica2"), _behind(WELL, "replica1", 2 << 20), None).name == "replica1"
    with pytest.raises(RefusedError, match="there is no replica"):
        choose(_elsewhere("replica1", "replica2"), WELL, None)


def test_a_topology_whose_primary_is_on_another_host_is_none_while_pods_decides() -> None:
    with pytest.raises(ValueError, match="the primary is on another host"):
        parse(dump(_elsewhere("primary")))
    decided = replace(_elsewhere("primary"), engine="patroni")
    assert parse(dump(decided)) == decided


@pytest.mark.parametrize(
    ("topology", "snapshot", "to", "message"),
    [
        (TOPOLOGY, WELL, "primary", "primary is the primary already"),
        (TOPOLOGY, WELL, "nobody", "there is no node 'nobody'"),
        (TOPOLOGY.with_state("replica1", "catching_up"), WELL, "replica1", "replica1 is catching up"),
        (TOPOLOGY, silent(WELL, "primary"), None, "primary (primary) does not answer"),
        (TOPOLOGY, silent(WELL, "replica1"), "replica1", "replica1 does not answer: connection refused"),
        (TOPOLOGY, with_node(WELL, "primary", standbys=()), None, "replica2 does not stream"),
        (TOPOLOGY, _behind(WELL, "replica2", CLOSE_ENOUGH + 1), "replica2", "replica2 is 16.0 MB behind"),
        (_elsewhere("replica1"), WELL, "replica1", "replica1 is on host beta, and a primary must be where PODS is"),
        (TOPOLOGY.handed_over("replica1", HANDOVER), WELL, None, "the change from primary to replica1 is not finished"),
    ],
)
def test_who_cannot_take_over_is_refused_with_the_reason(
    topology: Topology, snapshot: Snapshot, to: str | None, message: str
) -> None:
    with pytest.raises(RefusedError) as refusal:
        choose(topology, snapshot, to)
    assert message in refusal.value.message


def test_an_archive_that_does_not_stream_or_lacks_much_is_waited_for() -> None:
    def with_archive(**changes: object) -> Snapshot:
        return with_node(WELL, "primary", slots=(slot(ARCHIVE_SLOT, **changes),))

    assert archive_lacks(with_archive()) == ""
    assert archive_lacks(WELL) == archive_lacks(with_archive(active=False)) == "the archive does not stream"
    assert archive_lacks(with_archive(retained_bytes=1 << 30)) == "the archive lacks 1.0 GB"


@given(topologies(min_nodes=2, states=["member"]), st.data())
def test_a_handover_takes_no_pool_away_and_leads_no_reader_astray(topology: Topology, data: st.DataObject) -> None:
    source = topology.primary
    target = data.draw(st.sampled_from([node.name for node in topology.replicas]))
    before = pools(SETTINGS, topology)
    during = topology.handed_over(target, replace(HANDOVER, source=source))
    after = replace(during, handover=None)
    back = replace(after.handed_over(source, replace(HANDOVER, source=target)), handover=None)
    assert set(before) <= set(pools(SETTINGS, during)) == set(pools(SETTINGS, after)) == set(pools(SETTINGS, back))
    assert {pools(SETTINGS, during)[pool] for pool in write_pools(SETTINGS.database)} == {(target,)}
    assert source not in readers(during)
    assert pools(SETTINGS, after)[read_pool_of(target, SETTINGS.database)] == (target,)
    assert parse(dump(during)) == during
