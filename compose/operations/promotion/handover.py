"""From the decision who is the primary to a cluster in which everybody follows it. Every step can be repeated.

The decision is in the topology before anything is promoted: from then on the old primary's data is not started as it
is (its role is replica, and it has no standby.signal), whoever starts its container.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from cluster.history import PrimaryChange
from cluster.naming import slot_of
from cluster.observed.nodes import read_slots
from cluster.postgres.connection import connect, execute, fetch_one, literal
from cluster.postgres.failures import ConnectError
from cluster.postgres.lsn import Lsn
from cluster.slots import create_slot, drop_slot
from cluster.topology import Topology
from cluster.topology_file import save
from cluster.units import human_size
from cluster.waiting import wait_until
from compose.console import Progress
from compose.engine.containers import send_signal
from compose.home import node_data, passwords
from compose.operations.apply_topology import write_files
from compose.operations.promotion.recorded_change import record_change
from compose.operations.promotion.rejoin import bring_back
from compose.operations.promotion.welcome import renew_welcome
from compose.operations.reload import reload_node, reload_pooler, reload_primary_port
from compose.operations.start import hopeless, not_running, start_and_wait
from compose.stack import Stack

if TYPE_CHECKING:
    import psycopg

PROMOTE_SECONDS = 60.0
"""For the end of recovery: what is received was replayed before."""
EAGER = 0.01
"""Seconds between two questions while clients wait."""


class FinishHandover:
    """The steps that are left of a handover once it was decided. ``stack`` has the topology that says so."""

    def __init__(self, stack: Stack) -> None:
        assert stack.topology.handover is not None
        self.stack = stack
        self.handover = stack.topology.handover
        self.left = ""
        """Why the old primary's data is left for a clone."""

    @property
    def target(self) -> str:
        """The primary to be."""
        return self.stack.topology.primary

    def promote(self, step: Progress) -> None:
        """Make the target take writes; nothing where it does."""
        with connect(self.stack.monitor(self.target)) as connection:
            self.promote_through(connection, self.stack.containers()[self.target].id, step)

    def promote_through(self, connection: "psycopg.Connection[Any]", container: str, step: Progress) -> None:
        """The same, with a connection to the target and its container's id at hand."""

        def missing() -> str:
            recovers = fetch_one(connection, "in_recovery", lambda in_recovery: in_recovery)
            return "it is in recovery" if recovers else ""

        if missing():
            node_data.request_promotion(self.stack.home.node(self.target))
            send_signal(self.stack.client, container, "USR1")
        wait_until(
            missing,
            timeout=PROMOTE_SECONDS,
            what=f"{self.target} did not take writes",
            hint="run inv up, which goes on",
            pause=EAGER,
            progress=step.update,
        )

    def await_replay(self, step: Progress, before: Mapping[str, int]) -> None:
        """Wait until the target, just started, has replayed all that there is; ``before`` is from `start`."""
        end = Lsn.parse(self.handover.lsn)
        if self.handover.cause == "failover":
            end = Lsn(end - 1)  # what the last record ends at, and not where it begins

        def missing() -> str:
            try:
                with connect(self.stack.monitor(self.target)) as connection:
                    return fetch_one(connection, "replayed", lambda lsn: lacking(lsn, end)) or ""
            except ConnectError as fault:
                container = self.stack.containers().get(self.target)
                if container is None or hopeless(container, before):
                    raise not_running(self.stack, self.target) from None
                return fault.message

        wait_until(
            missing,
            timeout=self.stack.settings.start_timeout,
            what=f"{self.target} did not replay the last WAL of {self.handover.source}",
            hint="see inv status and inv logs, then run inv up again",
            progress=step.update,
        )

    def note_promoted(self, by: str, gap: float | None = None) -> str:
        """Remember that it takes writes: its data is a primary's now. All who run take up what they have not.

        Args:
            by: who did it, such as ``inv switchover``.
            gap: seconds that clients waited, where that is known.

        Returns:
            "", or why the journal does not have it.
        """
        handover = self.handover
        change = PrimaryChange(event=handover.cause, before=handover.source, lsn=handover.lsn, gap_seconds=gap, by=by)
        unnoted = record_change(self.stack, change)
        self.handover = replace(handover, promoted=True)
        self._publish(replace(self.stack.topology, handover=self.handover))
        reload_primary_port(self.stack)
        found = self.stack.containers()
        for node in self.stack.topology.names:
            if node != handover.source and node in found and found[node].status == "running":
                reload_node(self.stack, node)
        renew_welcome(self.stack, self.target)
        return unnoted

    def rejoin(self, step: Progress) -> None:
        """Let the old primary's data follow, what it has alone taken back; else it is left for a clone by `up`."""
        self.left = bring_back(self.stack, step, self.handover.source, self.handover)
        step.result = self.left or step.result

    def start_source(self, step: Progress) -> None:
        """The old primary, as a standby of the new one."""
        source = self.handover.source
        if start_and_wait(self.stack, step, [source]):
            raise not_running(self.stack, source)

    def close(self, _: Progress) -> None:
        """The old primary streams: clients may read from it. Slots of nodes on it would hold its WAL for ever."""
        drop_node_slots(self.stack, self.handover.source)
        drop_slot(self.stack.access(self.target, passwords.ARCHIVE), slot_of(self.target))
        topology = self.stack.topology
        self._publish(replace(topology, handover=None, timeline=topology.least_timeline))
        reload_pooler(self.stack)
        renew_welcome(self.stack, self.handover.source)

    def _publish(self, topology: Topology) -> None:
        save(self.stack.home.topology, self.stack.home.topology_copy, topology)
        write_files(self.stack, topology)
        self.stack = self.stack.with_topology(topology)


def await_position(
    connection: "psycopg.Connection[Any]", end: Lsn, step: Progress, *, timeout: float, what: str, hint: str
) -> None:
    """Wait until a standby has replayed the record that begins at ``end``, looking eagerly: clients wait too.

    Raises:
        TimedOutError: ``what`` it did not; with ``hint``.
    """
    wait_until(
        lambda: fetch_one(connection, "replayed", lambda lsn: lacking(lsn, end)) or "",
        timeout=timeout,
        what=what,
        hint=hint,
        pause=EAGER,
        progress=step.update,
    )


def lacking(replayed: str | None, end: Lsn) -> str:
    """What is missing of WAL that ends with a record at ``end``, in words; "" where nothing is."""
    reached = Lsn.parse(replayed) if replayed else Lsn(0)
    return "" if reached > end else f"it lacks {human_size(end - reached) if end > reached else 'one record'}"


def reserve_slots(stack: Stack, target: str) -> list[str]:
    """Slots on ``target`` for everybody who will stream from it; the names of those that were made."""
    access = stack.access(target, passwords.ARCHIVE)
    wanted = [slot_of(node) for node in stack.topology.names if node != target]
    with connect(access) as connection:
        known = {each.name: each.wal_status for each in read_slots(connection)}
        made = [slot for slot in wanted if slot not in known]
        for slot in made:
            execute(connection, "create_slot", slot=literal(slot))
    return [*made, *(slot for slot in wanted if known.get(slot) == "lost" and create_slot(access, slot))]


def release_slots(stack: Stack, target: str, slots: list[str]) -> None:
    """Take back what `reserve_slots` made."""
    for slot in slots:
        drop_slot(stack.access(target, passwords.ARCHIVE), slot)


def drop_node_slots(stack: Stack, node: str) -> list[str]:
    """Remove the nodes' slots on ``node``, which is no primary; the archive's stays. Their names."""
    access = stack.access(node, passwords.ARCHIVE)
    with connect(access) as connection:
        known = {each.name for each in read_slots(connection)}
    return [slot for name in stack.topology.names if (slot := slot_of(name)) in known and drop_slot(access, slot)]
