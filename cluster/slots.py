"""The physical replication slots of one server: made, replaced where they were lost, dropped."""

from cluster.observed.nodes import read_slots
from cluster.postgres.connection import Access, connect, execute, literal
from cluster.waiting import comes_true

_RELEASE_SECONDS = 15.0
"""How long whoever streams through a slot may take to let go of it."""


def has_slot(server: Access, slot: str) -> bool:
    """Whether the slot exists and still holds its WAL."""
    with connect(server) as connection:
        found = next((each for each in read_slots(connection) if each.name == slot), None)
    return found is not None and found.wal_status != "lost"


def create_slot(server: Access, slot: str) -> bool:
    """Hold WAL in ``slot`` from now on; a lost slot of that name is replaced. False if it was held already."""
    if has_slot(server, slot):
        return False
    drop_slot(server, slot)
    with connect(server) as connection:
        execute(connection, "create_slot", slot=literal(slot))
    return True


def drop_slot(server: Access, slot: str) -> bool:
    """Drop ``slot``; whoever streams from it must be gone, or about to go. False if there was none."""
    with connect(server) as connection:

        def used() -> bool:
            return any(each.name == slot and each.active for each in read_slots(connection))

        comes_true(lambda: not used(), timeout=_RELEASE_SECONDS, pause=0.1)
        known = slot in {each.name for each in read_slots(connection)}
        if known:
            execute(connection, "drop_slot", slot=literal(slot))
    return known
