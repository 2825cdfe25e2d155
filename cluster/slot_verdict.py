"""What replication slots on the primary say that are no node's. Pure.

A user may have slots, under any name: only one that is named like a replica that PODS numbered is taken for a leftover
of ours. Of any other is said what it is, and only once it costs something: nobody uses it and it holds back WAL.
"""

from collections.abc import Iterator

from cluster.naming import ARCHIVE_SLOT, HOSTS_SLOT, is_numbered, node_of_slot
from cluster.observed.nodes import Slot
from cluster.observed_topology import slot_owner
from cluster.remedies import with_remedy
from cluster.topology import Topology
from cluster.units import human_seconds, human_size


def stray_slots(topology: Topology, slots: tuple[Slot, ...]) -> Iterator[str]:
    """Reasons: slots that a replica left which is no more."""
    for slot in slots:
        if _is_leftover(topology, slot) and slot.retained_bytes:
            problem = (
                f"slot {slot.name} is of no replica there is, and holds back {human_size(slot.retained_bytes)} of WAL"
            )
            yield with_remedy(problem, _drop(topology, slot))


def foreign_slots(topology: Topology, slots: tuple[Slot, ...], worth: int) -> Iterator[str]:
    """Notes: slots of somebody else's that nobody uses, and that hold back more than ``worth`` bytes of WAL."""
    for slot in slots:
        if _is_ours(topology, slot) or _is_leftover(topology, slot) or slot.active:
            continue
        if (slot.retained_bytes or 0) > worth:
            since = "" if slot.inactive_seconds is None else f" for {human_seconds(slot.inactive_seconds)}"
            kept = human_size(slot.retained_bytes)
            problem = f"{slot.type} slot {slot.name}, which is not PODS', is unused{since} and holds back {kept} of WAL"
            yield with_remedy(problem, f"let its consumer come back, or {_drop(topology, slot)}")


def prepared_hosts(topology: Topology, slots: tuple[Slot, ...]) -> Iterator[str]:
    """Notes: hosts that follow this cluster until it moves there, and what it costs where they do not."""
    if not topology.standby:
        return
    names = ", ".join(node.name for node in topology.standby)
    slot = next((each for each in slots if each.name == HOSTS_SLOT), None)
    if slot is not None and slot.active:
        yield with_remedy(
            f"{names} follow this cluster", "inv hosts.switch moves it there; inv hosts.unprepare gives it up"
        )
    else:
        kept = f", and {human_size(slot.retained_bytes)} of WAL wait for them" if slot and slot.retained_bytes else ""
        problem = f"{names} are prepared for a move and do not follow this cluster{kept}"
        yield with_remedy(problem, "inv hosts.prepare goes on; inv hosts.unprepare gives it up")


def _is_ours(topology: Topology, slot: Slot) -> bool:
    if slot.name == HOSTS_SLOT and topology.standby:
        return True
    return slot.name == ARCHIVE_SLOT or (slot.type == "physical" and slot_owner(topology, slot.name) is not None)


def _is_leftover(topology: Topology, slot: Slot) -> bool:
    node = node_of_slot(slot.name)
    return slot.type == "physical" and node is not None and is_numbered(node) and node not in topology.names


def _drop(topology: Topology, slot: Slot) -> str:
    query = f"SELECT pg_drop_replication_slot('{slot.name}')"
    return f'run: inv psql --node {topology.primary} --superuser --command "{query}"'
