"""`inv failover`: a replica becomes the primary because the primary is gone.

First the old primary is fenced, so that nobody writes to it any more, whatever becomes of it. Then what it wrote is
read from its data, given to the replica that lacks least of it, and only then it is decided. Until then everything is
taken back by what failed, or by the next `up`: the old primary is primary. From there on there is only forward.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace

from cluster.errors import MachineError, PodsError, RefusedError
from cluster.postgres.connection import connect
from cluster.postgres.lsn import Lsn
from cluster.topology import Handover
from cluster.topology_file import save
from compose.console import Console, Progress
from compose.operations.apply_topology import write_files
from compose.operations.home_identity import changing, check_code
from compose.operations.hosts.leader_change import replace_leader
from compose.operations.promotion.fence import Fence
from compose.operations.promotion.guard import Guard, Guarding, guarded
from compose.operations.promotion.handover import FinishHandover, await_position, release_slots, reserve_slots
from compose.operations.promotion.outlook import FailoverOrder, read_outlook
from compose.operations.promotion.pool_hold import PoolHold
from compose.operations.promotion.rejoin import NO_DATA
from compose.operations.promotion.successors import check_possible
from compose.operations.promotion.welcome import stale_pools
from compose.operations.replicas.clone import clone_steps
from compose.operations.steps import TAKEN_BACK, Step, perform
from compose.stack import Stack

REPLAY_SECONDS = 60.0
"""For the new primary to find the WAL that it was given, and to replay it."""


def failover(stack: Stack, console: Console, order: FailoverOrder, guarding: Guarding = guarded) -> Stack:
    """Make a replica the primary in place of one that does not answer.

    Raises:
        RefusedError: it answers, nobody can take over, or more would be lost than may be. Nothing has changed then.
    """
    with changing(stack, "failover", builds=True) as stack:
        if stack.topology.engine == "patroni":
            console.note(str(replace_leader(stack, console, order)))
            return stack
        try:
            check_code(stack)
        except RefusedError as error:  # up would start the primary that is gone; nodes and PgBouncer read what is new
            console.warn(f"{error.message}; run inv up afterwards")
        console.note(check_possible(stack, order.to))
        change = Failover(stack, console, replace(order, to=read_outlook(stack, order).chosen.name))
        with guarding(stack.home) as guard:
            _perform(change, console, guard)
        return change.stack


def _perform(change: "Failover", console: Console, guard: Guard) -> None:
    """The guard stays where something is left that `up` does behind our back."""
    try:
        perform(change.steps(), console)
    except BaseException as reason:
        if not change.decided and TAKEN_BACK in getattr(reason, "__notes__", ()):
            guard.dismiss()
        raise
    guard.dismiss()
    try:
        perform(change.rejoin_steps(), console)
    except PodsError as error:  # the cluster serves without it
        console.warn(f"{change.source} does not follow {change.target} yet: {error.message}; then run inv up")


class Failover:
    """One failover of ``stack`` to the node of ``order``, as steps."""

    def __init__(self, stack: Stack, console: Console, order: FailoverOrder) -> None:
        assert order.to is not None
        self.stack, self._console, self._order = stack, console, order
        self.source, self.target = stack.topology.primary, order.to
        self._fence = Fence(stack, self.source)
        self._hold = PoolHold(stack)
        self._made_slots: list[str] = []
        self._began = time.monotonic()
        self._gap: float | None = None

    def steps(self) -> list[Step]:
        """From the old primary to the new one."""
        source, target, open_ = self.source, self.target, self._unless_decided
        return [
            Step(f"Fencing {source}", self._fence.close, open_(self._fence.lift)),
            Step(f"Holding clients of {source} back", self._hold_clients, open_(self._let_go), quiet=True),
            Step(f"Giving {target} what {source} wrote last", self._complete),
            Step(f"Reserving WAL on {target} for those who will follow it", self._reserve, open_(self._unreserve)),
            Step(f"Deciding that {target} is the primary", self._decide, final=True),
            Step(f"Promoting {target}", lambda step: FinishHandover(self.stack).promote(step)),
            Step("Letting clients go on", self._release),
            Step("Pointing the others to it", self._note_promoted),
        ]

    def rejoin_steps(self) -> Iterator[Step]:
        """The old primary follows, on its own data or on a clone; the cluster serves meanwhile."""
        left = FinishHandover(self.stack)
        yield Step(f"Letting {self.source} follow", left.rejoin)
        if left.left == NO_DATA:  # on a disk that is away, and may come back with what only it has
            raise MachineError("its data is not there; put its disk back first, or inv up makes it new", "")
        if left.left:
            yield from clone_steps(self.stack, self._console, self.source, left.left)
        yield Step(f"Starting {self.source}", left.start_source)
        yield Step("Closing the handover", left.close, quiet=True)
        self.stack = left.stack

    @property
    def decided(self) -> bool:
        """Whether there is only forward, or it is over."""
        return self.stack.topology.primary == self.target

    def _unless_decided(self, undo: Callable[[], None]) -> Callable[[], None]:
        return lambda: None if self.decided else undo()

    def _hold_clients(self, _: Progress) -> None:
        """New transactions wait instead of failing, from now on; without PgBouncer there is nobody to hold."""
        import psycopg

        with suppress(PodsError, psycopg.Error):
            self._hold.prepare()
            self._hold.hold(self.source)

    def _let_go(self) -> None:
        self._hold.release(stale_pools(self.stack, self.target) if self.decided else ())
        self._hold.close()

    def _complete(self, step: Progress) -> None:
        """Nobody writes to the old primary any more: what is on its disk now is all there will ever be."""
        self._outlook = now = read_outlook(self.stack, self._order)
        step.result = now.loss.text
        if now.files is not None and now.end > now.chosen.received:
            now.files.give(self.stack.home.node(self.target), now.chosen.received, now.end)
            self._await_replay(step, Lsn(now.end - 1))  # what the last record ends at, and not where it begins

    def _await_replay(self, step: Progress, end: Lsn) -> None:
        with connect(self.stack.monitor(self.target)) as connection:
            await_position(
                connection,
                end,
                step,
                timeout=REPLAY_SECONDS,
                what=f"{self.target} did not replay the last WAL of {self.source}",
                hint=f"see inv logs --service {self.target}",
            )

    def _reserve(self, _: Progress) -> None:
        self._made_slots = reserve_slots(self.stack, self.target)

    def _unreserve(self) -> None:
        release_slots(self.stack, self.target, self._made_slots)

    def _decide(self, _: Progress) -> None:
        now = self._outlook
        handover = Handover(source=self.source, lsn=str(now.end), timeline=now.chosen.timeline, cause="failover")
        topology = self.stack.topology.handed_over(self.target, handover)
        write_files(self.stack, topology)
        save(self.stack.home.topology, self.stack.home.topology_copy, topology)
        self.stack = self.stack.with_topology(topology)

    def _release(self, step: Progress) -> None:
        """Without PgBouncer the new primary is one all the same; `up` starts it."""
        try:
            self._let_go()
        except PodsError as error:
            step.result = f"{error.message}; run inv up"
        else:
            self._gap = round(time.monotonic() - self._began, 3)
            step.result = f"{self._gap:.2f} s after the failover began"

    def _note_promoted(self, step: Progress) -> None:
        left = FinishHandover(self.stack)
        step.result = left.note_promoted(self._order.by, self._gap)
        self.stack = left.stack
