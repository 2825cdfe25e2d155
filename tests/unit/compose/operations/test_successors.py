"""What a failover refuses before it asks any server."""

import pytest

from cluster.errors import RefusedError
from cluster.topology import Handover, Topology
from compose.home.paths import Home
from compose.operations.promotion.successors import check_possible
from compose.stack import Stack
from tests.fix_settings import settings_of, topology_of

TOPOLOGY = topology_of(settings_of(replicas="2"))


def _stack(home: Home, topology: Topology) -> Stack:
    return Stack(home, settings_of(replicas="2"), topology)


@pytest.mark.parametrize(
    ("topology", "to", "why"),
    [
        (TOPOLOGY, "primary", "is the primary itself"),
        (TOPOLOGY, "nobody", "there is no node"),
        (TOPOLOGY.with_state("replica1", "joining"), "replica1", "replica1 is joining"),
        (TOPOLOGY.with_state("replica1", "leaving"), "replica1", "replica1 is leaving"),
        (
            TOPOLOGY.handed_over("replica1", Handover(source="primary", lsn="0/3000028", timeline=1)),
            None,
            "the change from primary to replica1 is not finished",
        ),
    ],
    ids=["itself", "unknown", "joining", "leaving", "promoting"],
)
def test_who_cannot_take_over_is_refused(bare_home: Home, topology: Topology, to: str | None, why: str) -> None:
    with pytest.raises(RefusedError, match=why):
        check_possible(_stack(bare_home, topology), to)


def test_a_handover_of_which_only_the_old_primary_is_missing_is_no_hindrance(bare_home: Home) -> None:
    """It is the primary that is asked next; there is none here."""
    handover = Handover(source="primary", lsn="0/3000028", timeline=1, promoted=True)
    with pytest.raises(RefusedError) as refused:
        check_possible(_stack(bare_home, TOPOLOGY.handed_over("replica1", handover)), None)
    assert "not finished" not in refused.value.message
