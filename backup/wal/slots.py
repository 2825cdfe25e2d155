"""The archive's replication slot: on the primary it keeps WAL for the receiver, on standbys for after their promotion.

On a standby nothing streams through it, so it is advanced by reporting as durable what the archive has. That needs only
the replication connection: `pg_replication_slot_advance` would need a connection to a database as well.
"""

import struct
import threading
import time
from collections.abc import Callable, Mapping

from backup.wal.pipeline import Pipeline
from cluster.errors import MachineError, PodsError
from cluster.postgres.connection import Access
from cluster.postgres.failures import LostError, ServerError
from cluster.postgres.lsn import Lsn
from cluster.postgres.replication import Replication, replicate

_SLOTS_SECONDS = 15.0
_STATUS = struct.Struct("!cQQQqB")
_EPOCH = 946_684_800
"""Unix seconds of 2000-01-01, from which PostgreSQL counts microseconds."""
_INVALIDATED = "55000"
"""object_not_in_prerequisite_state: the slot was invalidated (PostgreSQL documentation, appendix A)."""


def status(written: int, durable: int, *, reply_requested: bool = False) -> bytes:
    """A standby's status update; ``reply_requested``: the server is to answer at once."""
    now = int((time.time() - _EPOCH) * 1_000_000)
    return _STATUS.pack(b"r", written, durable, 0, now, reply_requested)


def read_slot(server: Replication, slot: str) -> tuple[bool, Lsn | None]:
    """Whether the slot exists, and from where it holds WAL (None: it holds none, or was invalidated)."""
    ((kind, restart, *_),) = server.command(f"READ_REPLICATION_SLOT {slot}")
    return kind is not None, Lsn.parse(restart) if restart else None


def ensure_slot(server: Replication, slot: str) -> Lsn:
    """Make the slot if it is not there, and from where it holds WAL."""
    exists, restart = read_slot(server, slot)
    if not exists:
        server.command(f"CREATE_REPLICATION_SLOT {slot} PHYSICAL RESERVE_WAL")
        _, restart = read_slot(server, slot)
    return remake_slot(server, slot) if restart is None else restart


def remake_slot(server: Replication, slot: str) -> Lsn:
    """Replace a slot that was lost by a new one, and from where that holds WAL."""
    server.command(f"DROP_REPLICATION_SLOT {slot}")
    server.command(f"CREATE_REPLICATION_SLOT {slot} PHYSICAL RESERVE_WAL")
    _, restart = read_slot(server, slot)
    if restart is None:
        raise MachineError(f"{server.node} reserves no WAL for slot {slot}", "look at its log")
    return restart


def is_invalidated(error: ServerError) -> bool:
    """Whether the server invalidated the slot."""
    return error.sqlstate == _INVALIDATED


def hold_on_standby(access: Access, node: str, slot: str, timeline: int, durable: int) -> None:
    """Make the slot on a standby, and let it hold no WAL from before ``durable``, which the archive has.

    Args:
        access: the standby.
        node: its name.
        slot: the slot.
        timeline: the timeline of the archive; a standby that is on another is left as it is.
        durable: the archive lacks nothing before this position.

    Raises:
        ServerError, LostError: it does not answer, or refuses.
    """
    with replicate(access, node=node) as server:
        identity = server.identify()
        restart = ensure_slot(server, slot)
        target = min(durable, identity.flushed)
        if identity.timeline != timeline or target <= restart:
            return
        try:
            _report(server, slot, timeline, identity.flushed, target)
        except ServerError as error:
            if not is_invalidated(error):
                raise
            remake_slot(server, slot)


def _report(server: Replication, slot: str, timeline: int, start: Lsn, durable: int) -> None:
    """Start to stream at the end of the WAL, where nothing is sent, report what is durable, end."""
    server.send(f"START_REPLICATION SLOT {slot} PHYSICAL {start} TIMELINE {timeline}")
    answer = server.answer()
    if answer is None or answer.kind != "copy both":
        raise LostError(f"{server.node} does not stream from {start}")
    server.transmit(status(durable, durable))
    server.end_copy()
    while server.receive(10.0):  # what it had sent before it read our end
        pass
    while (answer := server.answer()) is not None:
        if answer.kind != "rows":
            break


class StandbySlots:
    """Keeps the archive's slot on every standby at what the archive has durably; runs in a thread of its own."""

    def __init__(
        self, nodes: Mapping[str, Access], slot: str, pipeline: Pipeline, progress: Callable[[str], None]
    ) -> None:
        self._nodes, self._slot, self._pipeline, self._progress = nodes, slot, pipeline, progress
        self._errors: dict[str, str] = {}

    def run(self, stop: threading.Event) -> None:
        """Advance the slots until ``stop`` is set, while WAL is received."""
        while not stop.wait(_SLOTS_SECONDS if self._pipeline.status().streaming else 1.0):
            for node, access in self._nodes.items():
                if not stop.is_set():
                    self._hold(node, access)

    def errors(self) -> tuple[tuple[str, str], ...]:
        """Nodes whose slot is not kept, and why; from any thread."""
        return tuple(sorted(self._errors.copy().items()))

    def _hold(self, node: str, access: Access) -> None:
        receiver, position = self._pipeline.status(), self._pipeline.position()
        if position is None or not receiver.streaming or node == receiver.node:
            return
        try:
            hold_on_standby(access, node, self._slot, position.timeline, position.durable)
        except (PodsError, OSError) as error:
            if node not in self._errors:
                self._progress(f"the archive's slot on {node} is not kept up: {error}")
            self._errors[node] = str(error)
        else:
            self._errors.pop(node, None)
