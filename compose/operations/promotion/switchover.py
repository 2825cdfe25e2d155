"""`inv switchover`: another node becomes the primary while clients of PgBouncer wait for a moment.

Until it is decided everything is taken back by what failed, or by the next `up`: the old primary is primary. From there
on there is only forward, by this run, its guard, or `up`.
"""

import threading
from collections.abc import Callable
from contextlib import ExitStack, closing, suppress

from cluster.errors import PodsError
from cluster.postgres.connection import connect, execute
from cluster.postgres.data_directory import DataDirectory, read_data_directory
from cluster.topology import Handover
from cluster.topology_file import save
from cluster.waiting import wait_until
from compose.console import Console, Progress
from compose.engine.containers import send_signal
from compose.home import rendered_files
from compose.operations.apply_topology import file_changes, write_files
from compose.operations.home_identity import changing, refuse_elsewhere
from compose.operations.hosts.leader_change import LeaderOutcome, plan_change, switch_leader
from compose.operations.promotion.canary import Canary
from compose.operations.promotion.candidate import Candidate, await_backups, check_transactions, choose
from compose.operations.promotion.guard import Guard, guarded
from compose.operations.promotion.handover import EAGER, FinishHandover, await_position, release_slots, reserve_slots
from compose.operations.promotion.pool_hold import PoolHold
from compose.operations.promotion.report import Outcome, canary_access, expected_gap
from compose.operations.promotion.welcome import stale_pools
from compose.operations.steps import TAKEN_BACK, Step, perform
from compose.render.config_files import POOLER_FILE
from compose.stack import Stack

STOP_SECONDS = 20
"""For the old primary to shut down and send the rest of its WAL: a standby that hangs may keep it."""


def switchover(stack: Stack, console: Console, to: str | None) -> Outcome | LeaderOutcome:
    """Make ``to``, or the replica that is furthest, the primary; where Patroni decides, by an order to it.

    Raises:
        PodsError: it is not; says why, and the old primary is primary, or `up` finishes it.
    """
    with changing(stack, "switchover") as stack:
        if stack.topology.engine == "patroni":
            return switch_leader(stack, console, to)
        return hand_over(stack, console, to)


def hand_over(stack: Stack, console: Console, to: str | None = None, by: str = "inv switchover") -> Outcome:
    """`switchover` for those who hold the lock already; ``by`` is who they are, for the journal."""
    candidate = check(stack, to)
    console.note(f"{candidate.name} is to be the primary: {candidate.reason}")
    with (
        guarded(stack.home) as guard,
        Canary(canary_access(stack)) as canary,
        closing(Switchover(stack, candidate.name, canary, by)) as change,
    ):
        _perform(change, console, guard)
    return Outcome.of(change, canary)


def check(stack: Stack, to: str | None) -> Candidate:
    """The node that may become the primary now.

    Raises:
        RefusedError: none may; says why.
    """
    snapshot = stack.snapshot()
    candidate = choose(stack.topology, snapshot, to)
    check_transactions(stack)
    return candidate


def plan(stack: Stack, to: str | None) -> list[str]:
    """What `switchover` would do now, and how long clients would wait, as lines; nothing is changed.

    Raises:
        RefusedError: it would be refused; says why.
    """
    refuse_elsewhere(stack, "switchover --dry-run")
    if stack.topology.engine == "patroni":
        return [*plan_change(stack, to), expected_gap(stack.home)]
    candidate = check(stack, to)
    steps = Switchover(stack, candidate.name, Canary(canary_access(stack)), "").steps()
    titles = [f"  {number}. {step.title}" for number, step in enumerate((s for s in steps if not s.quiet), 1)]
    return [f"{candidate.name} would be the primary: {candidate.reason}", *titles, expected_gap(stack.home)]


def _perform(change: "Switchover", console: Console, guard: Guard) -> None:
    """The guard stays where something is left to be done: what is decided is finished by `up`, behind our back."""
    try:
        perform(change.steps(), console)
    except BaseException as reason:
        if change.decided:
            console.warn(f"it is decided that {change.target} is the primary; inv up goes on in the background")
        elif TAKEN_BACK in getattr(reason, "__notes__", ()):
            guard.dismiss()
        raise
    guard.dismiss()


class Switchover:
    """One switchover of ``stack`` to ``target``, as steps; ``canary`` notices what clients do."""

    def __init__(self, stack: Stack, target: str, canary: Canary, by: str) -> None:
        self.stack, self._canary, self._by = stack, canary, by
        self.source, self.target = stack.topology.primary, target
        self._planned = stack.topology.handed_over(target, Handover(source=self.source, lsn="", timeline=0))
        self._hold = PoolHold(stack)
        self._open = ExitStack()
        self._made_slots: list[str] = []
        self._stopping = threading.Thread(target=self._stop_container, daemon=True)
        self._ids = {name: container.id for name, container in stack.containers().items()}

    def steps(self) -> list[Step]:
        """From the old primary to the new one."""
        source, target, open_ = self.source, self.target, self._unless_decided
        finish = self._finishing
        return [
            Step(
                "Waiting until the archive has what the primary wrote",
                lambda _: await_backups(self.stack, target),
                quiet=True,
            ),
            Step(f"Reserving WAL on {target} for those who will follow it", self._reserve, open_(self._unreserve)),
            Step(f"Writing a checkpoint on {source}", self._checkpoint),
            Step(f"Holding clients of {source} back", self._hold_clients, open_(self._hold.release)),
            Step(f"Stopping {source}", self._stop, open_(self._start_again)),
            Step(f"Waiting until {target} has everything", self._await_replay),
            Step(f"Deciding that {target} is the primary", self._decide, final=True),
            Step(f"Promoting {target}", self._promote),
            Step("Letting clients go on", self._release),
            Step("Pointing the others to it", finish(self._note_promoted)),
            Step(f"Starting {source}, which follows on its own data", self._rejoin),
            Step("Closing the handover", finish(FinishHandover.close), quiet=True),
        ]

    @property
    def decided(self) -> bool:
        """Whether there is only forward, or it is over."""
        return self.stack.topology.primary == self.target

    def _unless_decided(self, undo: Callable[[], None]) -> Callable[[], None]:
        return lambda: None if self.decided else undo()

    def _finishing(self, part: Callable[[FinishHandover, Progress], None]) -> Callable[[Progress], None]:
        def run(step: Progress) -> None:
            left = FinishHandover(self.stack)
            part(left, step)
            self.stack = left.stack

        return run

    def _reserve(self, _: Progress) -> None:
        self._made_slots = reserve_slots(self.stack, self.target)
        self._changes = file_changes(self.stack, self._planned)

    def _unreserve(self) -> None:
        release_slots(self.stack, self.target, self._made_slots)

    def _checkpoint(self, _: Progress) -> None:
        with connect(self.stack.superuser(self.source)) as connection:
            execute(connection, "checkpoint")
        self._replica = self._open.enter_context(connect(self.stack.monitor(self.target)))
        self._hold.prepare()

    def _hold_clients(self, _: Progress) -> None:
        self._hold.hold(self.source)

    def _stop(self, step: Progress) -> None:
        """It is fenced meanwhile: whoever starts its container from here on starts no primary.

        First PgBouncer learns where its pools will lead: who logs in while others wait is verified by the target.
        """
        rendered_files.write(self.stack.home, {POOLER_FILE: self._changes[POOLER_FILE]})
        self._hold.repoint()
        self._stopping.start()
        rendered_files.write(self.stack.home, self._changes)
        wait_until(
            lambda: "" if (data := self._source_data()) and data.state == "shut down" else "it is shutting down",
            timeout=STOP_SECONDS,
            what=f"{self.source} did not shut down",
            hint="it goes on as the primary; a standby that hangs may have kept it: see inv status",
            pause=EAGER,
            progress=step.update,
        )

    def _stop_container(self) -> None:
        self.stack.client.api.stop(self._ids[self.source], timeout=STOP_SECONDS + 5)

    def _source_data(self) -> DataDirectory | None:
        return read_data_directory(self.stack.home.node(self.source))

    def _start_again(self) -> None:
        write_files(self.stack, self.stack.topology)
        if self._stopping.ident:
            self._stopping.join()
        self.stack.compose.run("up", "--detach", "--no-deps", self.source)

    def _await_replay(self, step: Progress) -> None:
        data = self._source_data()
        assert data is not None
        await_position(
            self._replica,
            data.checkpoint,
            step,
            timeout=STOP_SECONDS,
            what=f"{self.target} did not replay the last WAL of {self.source}",
            hint=f"{self.source} goes on as the primary",
        )
        self._last = data
        step.result = self.lsn

    @property
    def lsn(self) -> str:
        """Where the old primary's WAL ends: its shutdown checkpoint."""
        return str(self._last.checkpoint)

    def _decide(self, _: Progress) -> None:
        handover = Handover(source=self.source, lsn=self.lsn, timeline=self._last.timeline)
        topology = self.stack.topology.handed_over(self.target, handover)
        save(self.stack.home.topology, self.stack.home.topology_copy, topology)
        self.stack = self.stack.with_topology(topology)
        self._reread(self.target)
        threading.Thread(target=self._wake_followers, daemon=True).start()

    def _wake_followers(self) -> None:
        """They find the new primary before it is one, and wait for it there; who is down finds it when it is up."""
        from docker.errors import APIError

        for node in self._ids.keys() & set(self.stack.topology.names) - {self.source, self.target}:
            with suppress(APIError, PodsError):
                self._reread(node)

    def _reread(self, node: str) -> None:
        send_signal(self.stack.client, self._ids[node], "HUP")

    def _promote(self, step: Progress) -> None:
        FinishHandover(self.stack).promote_through(self._replica, self._ids[self.target], step)

    def _release(self, step: Progress) -> None:
        self._hold.release(stale_pools(self.stack, self.target))
        self._canary.await_next()
        step.result = f"one waited {self._canary.gap:.2f} s" if self._canary.done else ""

    def _note_promoted(self, left: FinishHandover, step: Progress) -> None:
        step.result = left.note_promoted(self._by, round(self._canary.gap, 3) if self._canary.done > 1 else None)

    def _rejoin(self, step: Progress) -> None:
        self._stopping.join()
        left = FinishHandover(self.stack)
        left.rejoin(step)
        left.start_source(step)

    def close(self) -> None:
        """Close its connections."""
        self._open.close()
        self._hold.close()
