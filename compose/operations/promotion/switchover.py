"""`inv switchover`: another node becomes the primary while clients of PgBouncer wait for a moment.

Until the decision is written down everything is taken back by what failed, or by the next `up`: the old primary is
primary. From there on there is only forward, by this run or by `up`.
"""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from cluster import pgbouncer
from cluster.errors import RefusedError
from cluster.naming import slot_of
from cluster.observed.snapshot import Snapshot
from cluster.pools import pools
from cluster.postgres.connection import connect, execute, fetch_one
from cluster.postgres.data_directory import DataDirectory, read_data_directory
from cluster.postgres.lsn import Lsn
from cluster.slots import drop_slot
from cluster.topology import Handover
from cluster.topology_file import save
from cluster.units import human_size
from cluster.waiting import wait_until
from compose.console import Console, Progress
from compose.home import passwords
from compose.operations.apply_topology import write_files
from compose.operations.home_identity import changing
from compose.operations.pooler_pause import console_access, release
from compose.operations.promotion.handover import FinishHandover, decided, release_slots, reserve_slots
from compose.operations.reload import reload_node, reload_pooler
from compose.operations.steps import Step, perform
from compose.stack import Stack

CLOSE_ENOUGH = 16 << 20
"""Bytes: a candidate that is further behind would keep clients waiting."""
PAUSE_SECONDS = 10.0
"""For open transactions to end; then everything is taken back."""
STOP_SECONDS = 30.0
"""For the old primary to shut down and send the rest of its WAL."""
_EAGER = 0.01
"""Seconds between two looks while clients wait."""


def switchover(stack: Stack, console: Console, to: str | None) -> Stack:
    """Make ``to``, or the replica that is furthest, the primary."""
    with changing(stack, "switchover") as stack:
        return hand_over(stack, console, to)


def hand_over(stack: Stack, console: Console, to: str | None = None) -> Stack:
    """`switchover` for those who hold the lock already."""
    change = Switchover(stack, choose(stack, stack.snapshot(), to))
    perform(change.steps(), console)
    return change.stack


def choose(stack: Stack, snapshot: Snapshot, to: str | None) -> str:
    """The candidate: ``to``, or the member that lacks least.

    Raises:
        RefusedError: nobody can take over; says why.
    """
    topology = stack.topology
    if topology.handover is not None:
        raise RefusedError(
            f"the change from {topology.handover.source} to {topology.primary} is not finished",
            "run inv up, which finishes it",
        )
    if snapshot.primary is None or snapshot.primary.name != topology.primary:
        raise RefusedError(f"{topology.primary} (primary) does not answer", "run inv up first")
    if to is not None and topology.node(to).name == topology.primary:
        raise RefusedError(f"{to} is the primary already", "choose a replica with --to")
    reasons = {name: unfit(snapshot, name) for name in ([to] if to else topology.in_state("member"))}
    fit = [name for name, reason in reasons.items() if not reason]
    if not fit:
        why = "; ".join(f"{name} {reason}" for name, reason in reasons.items()) or "there is no replica"
        raise RefusedError(f"nobody can take over: {why}", "see inv status, then run inv up")
    return min(fit, key=lambda name: snapshot.lag_bytes(name) or 0)


def unfit(snapshot: Snapshot, name: str) -> str:
    """Why ``name`` cannot take over; empty where it can."""
    if snapshot.nodes[name].facts is None:
        return f"does not answer: {snapshot.nodes[name].error}"
    if snapshot.standby(name) is None:
        return "does not stream"
    lag = snapshot.lag_bytes(name)
    return f"is {human_size(lag)} behind" if lag is None or lag > CLOSE_ENOUGH else ""


@dataclass
class Switchover:
    """One switchover of ``stack`` to ``target``, as steps."""

    stack: Stack
    target: str
    made_slots: list[str] = field(default_factory=list)
    held: list[str] = field(default_factory=list)
    began: float = 0.0
    gap: float = 0.0
    handover: Handover | None = None

    def __post_init__(self) -> None:
        self.source = self.stack.topology.primary
        self.finish: FinishHandover | None = None

    def steps(self) -> list[Step]:
        """From the old primary to the new one."""
        source, target = self.source, self.target
        return [
            Step(
                f"Reserving WAL on {target} for those who will follow it", self._reserve, self._if_open(self._release)
            ),
            Step(f"Writing a checkpoint on {source}", self._checkpoint),
            Step("Holding clients of the primary back", self._hold, self._if_open(self._let_go)),
            Step(f"Stopping {source}", self._stop, self._if_open(self._start_again)),
            Step(f"Waiting until {target} has everything", self._await_replay),
            Step(f"Writing down that {target} is the primary", self._decide),
            Step(f"Promoting {target}", self._promote),
            Step("Letting clients go on", self._repoint),
            Step("Pointing the others to it", self._point_others),
            Step(f"Letting {source} follow", self._rejoin),
        ]

    def _if_open(self, undo: Callable[[], None]) -> Callable[[], None]:
        """``undo`` unless it is decided who is the primary."""
        return lambda: undo() if self.handover is None else None

    def _reserve(self, _: Progress) -> None:
        self.made_slots = reserve_slots(self.stack, self.target)

    def _release(self) -> None:
        release_slots(self.stack, self.target, self.made_slots)

    def _checkpoint(self, _: Progress) -> None:
        with connect(self.stack.superuser(self.source)) as connection:
            execute(connection, "checkpoint")

    def _hold(self, _: Progress) -> None:
        access = replace(console_access(self.stack), patience=PAUSE_SECONDS)
        led = pools(self.stack.settings, self.stack.topology)
        self.began = time.monotonic()
        with connect(access, console=True) as console:
            for pool in (name for name, hosts in led.items() if self.source in hosts):
                self.held.append(pool)
                pgbouncer.pause(console, pool)

    def _let_go(self) -> None:
        release(console_access(self.stack))

    def _stop(self, step: Progress) -> None:
        container = self.stack.containers()[self.source]
        stopping = threading.Thread(
            target=lambda: self.stack.client.api.stop(container.id, timeout=int(STOP_SECONDS) + 5), daemon=True
        )
        stopping.start()
        wait_until(
            lambda: "" if (data := self._source_data()) and data.state == "shut down" else "it is shutting down",
            timeout=STOP_SECONDS,
            what=f"{self.source} did not shut down",
            hint="it goes on as the primary; a standby that hangs may keep it: see inv status",
            pause=_EAGER,
            progress=step.update,
        )
        self.stopping = stopping

    def _source_data(self) -> DataDirectory | None:
        return read_data_directory(self.stack.home.node(self.source))

    def _start_again(self) -> None:
        self.stopping.join() if hasattr(self, "stopping") else None
        self.stack.compose.run("up", "--detach", "--no-deps", self.source)

    def _await_replay(self, step: Progress) -> None:
        data = self._source_data()
        assert data is not None
        with connect(self.stack.monitor(self.target)) as connection:

            def missing() -> str:
                replayed = fetch_one(connection, "replayed", lambda lsn: Lsn.parse(lsn)) or Lsn(0)
                return "" if replayed > data.checkpoint else f"it lacks {human_size(data.checkpoint - replayed)}"

            wait_until(
                missing,
                timeout=STOP_SECONDS,
                what=f"{self.target} did not replay the last WAL of {self.source}",
                hint=f"{self.source} goes on as the primary",
                pause=_EAGER,
                progress=step.update,
            )
        self.last = data
        step.result = str(data.checkpoint)

    def _decide(self, _: Progress) -> None:
        topology = decided(
            self.stack.topology,
            self.target,
            Handover(source=self.source, lsn=str(self.last.checkpoint), timeline=self.last.timeline),
        )
        self.handover = topology.handover
        # the old primary is fenced by its role file before it is decided; killed between the two, up starts it again
        write_files(self.stack, topology)
        save(self.stack.home.topology, self.stack.home.topology_copy, topology)
        self.stack = self.stack.with_topology(topology)
        self.finish = FinishHandover(self.stack)

    def _promote(self, step: Progress) -> None:
        assert self.finish is not None
        self.finish.promote(step)

    def _repoint(self, step: Progress) -> None:
        reload_pooler(self.stack)
        self._let_go()
        self.gap = time.monotonic() - self.began
        step.result = f"they waited {self.gap:.2f} s"

    def _point_others(self, step: Progress) -> None:
        assert self.finish is not None
        step.result = self.finish.note_promoted("inv switchover", round(self.gap, 3))
        self.stack = self.finish.stack
        for node in self.stack.topology.names:
            if node not in (self.source, self.target):
                reload_node(self.stack, node)

    def _rejoin(self, step: Progress) -> None:
        assert self.finish is not None
        self.stopping.join()
        self.finish.rejoin(step)
        self.finish.start_source(step)
        self.finish.drop_old_slots(step)
        self.stack = self.finish.stack
        drop_slot(self.stack.access(self.target, passwords.ARCHIVE), slot_of(self.target))
