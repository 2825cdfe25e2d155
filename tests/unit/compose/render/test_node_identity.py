"""What a node's own container goes by, without `inv`: as what its data may be started, and which data is its own."""

from dataclasses import replace

from cluster.topology import Handover, Topology
from compose.render.config_files import UserFiles, render_files
from tests.fix_settings import CONCRETE, SYSTEM, settings_of, topology_of

FIRST = topology_of(settings_of())


def _rendered(topology: Topology, name: str) -> dict[str, str]:
    files = render_files(settings_of(), topology, CONCRETE, UserFiles())
    return {node: files[f"rendered/nodes/{node}/{name}"] for node in topology.names}


def test_before_the_first_data_nothing_is_known() -> None:
    made = _rendered(replace(FIRST, system_identifier=""), "identity")
    assert set(made.values()) == {"- 0\n"}


def test_only_the_primary_s_data_must_have_come_far() -> None:
    made = _rendered(replace(FIRST, timeline=4), "identity")
    assert made == {"primary": f"{SYSTEM} 4\n", "replica1": f"{SYSTEM} 0\n", "replica2": f"{SYSTEM} 0\n"}


def test_who_becomes_the_primary_may_still_be_a_standby_until_it_is_promoted() -> None:
    handover = Handover(source="primary", lsn="0/3000028", timeline=4)
    decided = replace(FIRST, primary="replica1", timeline=4, handover=handover)
    assert _rendered(decided, "role")["replica1"] == "promoting\n"
    assert _rendered(decided, "identity")["replica1"] == f"{SYSTEM} 4\n"
    promoted = replace(decided, handover=replace(handover, promoted=True))
    assert _rendered(promoted, "role")["replica1"] == "primary\n"
    assert _rendered(promoted, "identity") == {
        "primary": f"{SYSTEM} 0\n",
        "replica1": f"{SYSTEM} 5\n",
        "replica2": f"{SYSTEM} 0\n",
    }
