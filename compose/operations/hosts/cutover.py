"""`inv hosts.switch`: clients of PgBouncer wait a moment, and then work on the hosts.

Until it is decided everything is taken back by what failed, or by the next `up`: the old primary is the primary. The
decision is in data/hosts.json before anything is promoted; from there on there is only forward, by this run, its guard,
the next `inv hosts.switch` or `up`.
"""

import threading
from collections.abc import Callable
from contextlib import ExitStack, closing
from dataclasses import replace

from cluster.errors import RefusedError
from cluster.hosts_state import Cut
from cluster.postgres.connection import connect, execute, fetch_one
from cluster.postgres.data_directory import DataDirectory, read_data_directory
from cluster.postgres.lsn import Lsn
from cluster.standby_topology import moved_to
from cluster.units import human_size
from cluster.waiting import wait_until
from compose.console import Console, Progress
from compose.home import node_data, rendered_files
from compose.home.hosts_state_file import load_state, save_state
from compose.operations.apply_topology import file_changes, write_files
from compose.operations.home_identity import changing
from compose.operations.hosts.added_hosts import check_added
from compose.operations.hosts.finish_move import FinishMove
from compose.operations.hosts.fleet import Fleet, open_fleet
from compose.operations.hosts.guarded_cut import perform_guarded, seen_by
from compose.operations.hosts.prepare import check_engine, check_phase
from compose.operations.promotion.canary import Canary
from compose.operations.promotion.candidate import await_backups, check_transactions
from compose.operations.promotion.guard import guarded
from compose.operations.promotion.handover import EAGER, await_position
from compose.operations.promotion.pool_hold import PoolHold
from compose.operations.promotion.report import canary_access
from compose.operations.steps import Step, perform
from compose.render.config_files import POOLER_FILE
from compose.stack import Stack

STOP_SECONDS = 20
"""For the old primary to shut down and send the rest of its WAL."""
NEAR = 1 << 20
"""Bytes that the standby leader may lack when clients are held back."""
_NEAR_SECONDS = 60.0
_UNFINISHED = "the move is decided; inv up goes on in the background, or run inv hosts.switch again"


def switch(stack: Stack, console: Console) -> str:
    """Move the cluster to the hosts, or end a move that was decided; what it was like for clients.

    Raises:
        PodsError: it is not; says why, and the old primary is the primary, or the next run ends it.
    """
    with changing(stack, "hosts.switch") as stack:
        if load_state(stack.home).phase == "switching":
            with open_fleet(stack) as fleet:
                finish = FinishMove(fleet, console)
                perform(finish.steps(), console)
                return f"{finish.primary} is the primary; Patroni decides from now on"
        check_engine(stack)
        check_phase(stack, "prepared")
        check_added(stack)
        with open_fleet(stack) as fleet:
            return _cut_over(fleet, console)


def _cut_over(fleet: Fleet, console: Console) -> str:
    target = check(fleet)
    console.note(f"{target} leads the standby cluster, and is to be the primary")
    with (
        guarded(fleet.stack.home) as guard,
        Canary(canary_access(fleet.stack)) as canary,
        closing(Cutover(fleet, target, canary, console)) as change,
    ):
        canary.await_first()
        perform_guarded(change, console, guard, unfinished=_UNFINISHED)
    return f"{target} is the primary from {change.lsn} on, and Patroni decides; {seen_by(canary)}"


def check(fleet: Fleet) -> str:
    """The member that leads the standby cluster.

    Raises:
        RefusedError: it is not fit to take over; says why.
    """
    members = fleet.members()
    leader = next((each for each in members if each.role == "standby_leader"), None)
    if leader is None or not leader.runs:
        raise RefusedError("no member leads the standby cluster", "run inv hosts.prepare, which mends it")
    lame = [each.name for each in members if not each.runs]
    if lame:
        raise RefusedError(f"{', '.join(lame)} does not stream", "run inv hosts.prepare, which mends it")
    check_transactions(fleet.stack)
    return leader.name


class Cutover:
    """One move of ``fleet``'s cluster to its hosts, of which ``target`` leads; ``canary`` notices what clients do."""

    def __init__(self, fleet: Fleet, target: str, canary: Canary, console: Console) -> None:
        self._fleet, self._canary, self._console = fleet, canary, console
        self.stack, self.target = fleet.stack, target
        self.source = self.stack.topology.primary
        self._hold = PoolHold(self.stack)
        self._open = ExitStack()
        self._stopping = threading.Thread(target=self._stop_container, daemon=True)
        self._container = self.stack.containers()[self.source].id
        self.lsn = ""
        """Where the old primary's WAL ends: its shutdown checkpoint."""

    def steps(self) -> list[Step]:
        """From the old primary to the new one."""
        source, target, open_ = self.source, self.target, self._unless_decided
        finish = FinishMove(self._fleet, self._console)
        return [
            Step(
                "Waiting until the archive has what the primary wrote",
                lambda _: await_backups(self.stack, source),
                quiet=True,
            ),
            Step(f"Waiting until {target} lacks less than {human_size(NEAR)}", self._await_near),
            Step(f"Writing a checkpoint on {source}", self._checkpoint),
            Step(f"Holding clients of {source} back", self._hold_clients, open_(self._hold.release)),
            Step(f"Stopping {source}", self._stop, open_(self._start_again)),
            Step(f"Making the data of {source} a standby's", self._fence, open_(self._lift)),
            Step(f"Waiting until {target} has everything", self._await_replay),
            Step(f"Deciding that {target} is the primary", self._decide, final=True),
            Step(f"Promoting {target}", finish.promote),
            Step("Letting clients go on", lambda step: self._release(finish, step)),
            *finish.cleaning(),
        ]

    @property
    def decided(self) -> bool:
        """Whether there is only forward, or it is over."""
        return load_state(self.stack.home).phase not in ("prepared", "preparing", "none")

    def _unless_decided(self, undo: Callable[[], None]) -> Callable[[], None]:
        return lambda: None if self.decided else undo()

    def _await_near(self, step: Progress) -> None:
        self._replica = self._open.enter_context(connect(self.stack.monitor(self.target)))

        def missing() -> str:
            with connect(self.stack.monitor(self.source)) as primary:
                end = fetch_one(primary, "replayed", lambda lsn: Lsn.parse(lsn))
            reached = fetch_one(self._replica, "replayed", lambda lsn: Lsn.parse(lsn))
            if end is None or reached is None:
                return "its position is not known"
            return f"it lacks {human_size(end - reached)}" if end - reached > NEAR else ""

        wait_until(
            missing,
            timeout=_NEAR_SECONDS,
            what=f"{self.target} did not come close enough",
            hint="see inv status, and try again",
            progress=step.update,
        )

    def _checkpoint(self, _: Progress) -> None:
        with connect(self.stack.superuser(self.source)) as connection:
            execute(connection, "checkpoint")
        planned = replace(moved_to(self.stack.topology, self.target), engine="local")
        self._pooler = {POOLER_FILE: file_changes(self.stack, planned)[POOLER_FILE]}
        self._hold.prepare()

    def _hold_clients(self, _: Progress) -> None:
        for node in self.stack.topology.local_nodes:
            self._hold.hold(node.name)

    def _stop(self, step: Progress) -> None:
        """Whoever starts its container from here on starts no primary: its role is a replica's.

        First PgBouncer learns where its pools will lead: who logs in while others wait is verified by the target.
        """
        state = load_state(self.stack.home)
        save_state(self.stack.home, replace(state, cut=Cut(source=self.source, lsn="", timeline=0)))
        rendered_files.write(self.stack.home, self._pooler)
        self._hold.repoint()
        self._stopping.start()
        role = f"rendered/nodes/{self.source}/role"
        rendered_files.write(self.stack.home, {role: ("", "replica\n")})
        wait_until(
            lambda: "" if (data := self._source_data()) and data.state == "shut down" else "it is shutting down",
            timeout=STOP_SECONDS,
            what=f"{self.source} did not shut down",
            hint="it goes on as the primary; a standby that hangs may have kept it: see inv status",
            pause=EAGER,
            progress=step.update,
        )

    def _stop_container(self) -> None:
        self.stack.client.api.stop(self._container, timeout=STOP_SECONDS + 5)

    def _source_data(self) -> DataDirectory | None:
        return read_data_directory(self.stack.home.node(self.source))

    def _start_again(self) -> None:
        write_files(self.stack, self.stack.topology)
        if self._stopping.ident:
            self._stopping.join()
        self.stack.compose.run("up", "--detach", "--no-deps", self.source)
        save_state(self.stack.home, replace(load_state(self.stack.home), cut=None))

    def _fence(self, _: Progress) -> None:
        node_data.make_standby(self.stack.home.node(self.source))

    def _lift(self) -> None:
        node_data.make_primary(self.stack.home.node(self.source))

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
        self._timeline, self.lsn = data.timeline, str(data.checkpoint)
        step.result = self.lsn

    def _decide(self, _: Progress) -> None:
        cut = Cut(source=self.source, lsn=self.lsn, timeline=self._timeline)
        save_state(self.stack.home, load_state(self.stack.home).in_phase("switching", cut))

    def _release(self, finish: FinishMove, step: Progress) -> None:
        finish.adopt()
        self.stack = finish.stack
        self._hold.release()
        self._canary.await_next()
        step.result = f"one waited {self._canary.gap:.2f} s" if self._canary.done else ""
        self._stopping.join()

    def close(self) -> None:
        """Close its connections."""
        self._open.close()
        self._hold.close()


def take_back_undecided(stack: Stack) -> str:
    """What a cut that was killed before it was decided left at the old primary's data is gone; "" where nothing was.

    `up` does the rest: it starts the primary, and lets clients go on.

    Raises:
        PodsError: the state cannot be read.
    """
    state = load_state(stack.home)
    if state.phase != "prepared" or state.cut is None:
        return ""
    node_data.make_primary(stack.home.node(state.cut.source))
    save_state(stack.home, replace(state, cut=None))
    return f"a move to the hosts was interrupted before it was decided: {state.cut.source} goes on as the primary"
