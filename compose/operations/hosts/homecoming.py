"""`inv hosts.back`: clients of this machine's PgBouncer wait a moment, and then work on one host again.

Until it is decided everything is taken back by what failed, or by the next `up`: the hosts' leader is the primary. The
decision is in data/hosts.json before anything is promoted here; from there on there is only forward.
"""

from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace

from cluster.errors import PodsError, RefusedError
from cluster.hosts_state import Cut
from cluster.postgres.connection import connect, fetch_one
from cluster.postgres.failures import translated
from cluster.postgres.lsn import Lsn
from cluster.services import GUIDE
from cluster.standby_topology import returned
from cluster.waiting import wait_until
from compose.console import Console, Progress
from compose.home.hosts_state_file import load_state, save_state
from compose.operations.home_identity import changing
from compose.operations.hosts.added_hosts import check_finished
from compose.operations.hosts.finish_move import FinishMove
from compose.operations.hosts.finish_return import FinishReturn
from compose.operations.hosts.fleet import Fleet, open_fleet
from compose.operations.hosts.guarded_cut import perform_guarded, seen_by
from compose.operations.hosts.guide_hold import GuideHold
from compose.operations.hosts.local_standby import LocalStandby
from compose.operations.hosts.prepare import Preparation
from compose.operations.promotion.canary import Canary
from compose.operations.promotion.guard import guarded
from compose.operations.promotion.handover import EAGER, reserve_slots
from compose.operations.promotion.pool_hold import PoolHold
from compose.operations.promotion.report import canary_access
from compose.operations.steps import Step, perform
from compose.render.hosts.dynamic_config import dynamic_config
from compose.stack import Stack

DEMOTE_SECONDS = 60.0
"""For the hosts' leader to shut down, and for all there to say that they follow."""
REPLAY_SECONDS = 20.0
_UNFINISHED = "the return is decided; inv up goes on in the background, or run inv hosts.back again"


def go_back(stack: Stack, console: Console) -> str:
    """Return the cluster to this machine, or end a return that was decided; what it was like for clients.

    Raises:
        PodsError: it is not; says why, and the hosts' leader is the primary, or the next run ends it.
    """
    with changing(stack, "hosts.back") as stack:
        phase = load_state(stack.home).phase
        if phase == "returning":
            with open_fleet(stack) as fleet:
                finish = FinishReturn(fleet, console)
                perform(finish.steps(), console)
                return f"{finish.primary} is the primary again, on this machine"
        if phase != "patroni":
            raise RefusedError("the cluster is not on the hosts", "inv hosts.switch moves it there; see inv status")
        check_finished(stack)
        with open_fleet(stack) as fleet:
            _check_members(fleet)
            standby = LocalStandby(fleet)
            perform(standby.steps(), console)
            return _cut_over(Fleet(standby.stack, fleet.engines), console)


def _check_members(fleet: Fleet) -> None:
    """All become standbys of this machine at once: one that cannot would be found out while clients wait.

    Raises:
        RefusedError: one does not run; says which, and how it is.
    """
    away = {host.name: "is not there" for host in fleet.nodes} | {
        each.name: "" if each.runs else f"is {each.state}" for each in fleet.members()
    }
    if problems := [f"{name} {why}" for name, why in away.items() if why]:
        raise RefusedError(f"not every member runs: {'; '.join(problems)}", "see inv status, and run inv up first")


def _cut_over(fleet: Fleet, console: Console) -> str:
    with (
        guarded(fleet.stack.home) as guard,
        Canary(canary_access(fleet.stack)) as canary,
        closing(Homecoming(fleet, canary, console)) as change,
    ):
        canary.await_first()
        perform_guarded(change, console, guard, unfinished=_UNFINISHED)
    if len(fleet.stack.topology.local_names) == 1:
        console.note(f"{change.target} is the only node of this machine; inv replica.add makes more")
    return f"{change.target} is the primary from {change.lsn} on, on this machine; {seen_by(canary)}"


class Homecoming:
    """One return of ``fleet``'s cluster to the node of this machine that streams from it."""

    def __init__(self, fleet: Fleet, canary: Canary, console: Console) -> None:
        self._fleet, self._canary, self._console = fleet, canary, console
        self.stack = fleet.stack
        self.target = self.stack.topology.local_names[0]
        self.source = fleet.leader()
        self._guides = GuideHold(fleet, console)
        self._pooler = PoolHold(self.stack)
        self.lsn = ""
        """Where the WAL of the hosts' leader ends: its shutdown checkpoint."""

    def steps(self) -> Iterator[Step]:
        """From the hosts' leader to the new primary."""
        finish = FinishReturn(self._fleet, self._console)
        yield from self._cut(finish)
        yield from finish.following()

    def _cut(self, finish: FinishReturn) -> list[Step]:
        source, target, open_ = self.source, self.target, self._unless_decided
        return [
            Step(f"Reserving WAL on {target} for whoever follows it", lambda _: self._reserve(), quiet=True),
            Step("Holding clients back at every PgBouncer", self._hold, open_(self._let_go)),
            Step(f"Letting {source} shut down, and nobody there take over", self._demote, open_(self._lead_again)),
            Step(f"Waiting until {target} has everything", self._await_replay),
            Step(f"Deciding that {target} is the primary", self._decide, final=True),
            Step(f"Promoting {target}", finish.promote),
            Step("Letting clients go on", lambda step: self._release(finish, step)),
        ]

    @property
    def decided(self) -> bool:
        """Whether there is only forward, or it is over."""
        return load_state(self.stack.home).phase != "patroni"

    def _unless_decided(self, undo: Callable[[], None]) -> Callable[[], None]:
        return lambda: None if self.decided else undo()

    def _reserve(self) -> None:
        reserve_slots(self.stack.with_topology(returned(self.stack.topology)), self.target)

    def _hold(self, step: Progress) -> None:
        """Guides let clients go on after a while; the one here is stopped, so that these wait as long as it takes.

        It is written down before anybody waits, so that whoever comes after a kill lets them go.
        """
        state = load_state(self.stack.home)
        save_state(self.stack.home, replace(state, cut=Cut(source=self.source, lsn="", timeline=0)))
        self._guides.hold(step)
        self._pooler.prepare()
        self.stack.compose.run("stop", "--timeout", "0", GUIDE)

    def _let_go(self) -> None:
        _let_clients_go(self._fleet, self._guides, self._pooler)

    def _demote(self, step: Progress) -> None:
        """The order is in etcd: whoever takes the lease from now on follows this machine, which takes no writes yet."""
        after = Fleet(self.stack.with_topology(returned(self.stack.topology)), self._fleet.engines)
        source = Preparation(after, self._console).source
        config = dynamic_config(self.stack.settings, "", source)
        self._fleet.agents[self.source].patch({"standby_cluster": config["standby_cluster"]})
        wait_until(
            self._leading,
            timeout=DEMOTE_SECONDS,
            what=f"{self.source} did not become a standby",
            hint="it goes on as the primary",
            pause=EAGER,
            progress=step.update,
        )

    def _leading(self) -> str:
        """Empty once each server there says that it is a standby."""
        self._ends: list[Lsn] = []
        for name in self._fleet.agents:
            try:
                with translated(), connect(replace(self.stack.monitor(name), connect_timeout=2)) as connection:
                    if not fetch_one(connection, "in_recovery", lambda in_recovery: in_recovery):
                        return f"{name} takes writes"
                    end = fetch_one(connection, "replayed", lambda lsn: Lsn.parse(lsn) if lsn else None)
                    self._timeline = self._fleet.agents[name].status().timeline or 0
            except PodsError as error:
                return error.message
            if end is not None:
                self._ends.append(end)
        return "" if self._ends else "no position is known"

    def _lead_again(self) -> None:
        FinishMove(self._fleet, self._console).promote(Progress(self._console, "Promoting whoever led"))

    def _await_replay(self, step: Progress) -> None:
        end = max(self._ends)

        def missing() -> str:
            with connect(self.stack.monitor(self.target)) as connection:
                reached = fetch_one(connection, "replayed", lambda lsn: Lsn.parse(lsn) if lsn else None)
            return "" if reached is not None and reached >= end else f"it is at {reached}, and the end is {end}"

        wait_until(
            missing,
            timeout=REPLAY_SECONDS,
            what=f"{self.target} did not replay the last WAL of {self.source}",
            hint=f"{self.source} goes on as the primary",
            pause=EAGER,
            progress=step.update,
        )
        self.lsn = step.result = str(end)

    def _decide(self, _: Progress) -> None:
        cut = Cut(source=self.source, lsn=self.lsn, timeline=self._timeline)
        save_state(self.stack.home, load_state(self.stack.home).in_phase("returning", cut))

    def _release(self, finish: FinishReturn, step: Progress) -> None:
        finish.adopt()
        finish.release()
        self._canary.await_next()
        step.result = f"one waited {self._canary.gap:.2f} s" if self._canary.done else ""

    def close(self) -> None:
        """Close its connections."""
        self._pooler.close()


def lead_again(fleet: Fleet, console: Console) -> str:
    """What a return that was killed before it was decided left on the hosts is gone; "" where nothing was.

    Raises:
        PodsError: the hosts do not answer.
    """
    state = load_state(fleet.stack.home)
    if state.phase != "patroni" or state.cut is None or state.cut.lsn:
        return ""
    FinishMove(fleet, console).promote(Progress(console, "Promoting whoever led"))
    with closing(PoolHold(fleet.stack)) as pooler:
        _let_clients_go(fleet, GuideHold(fleet, console), pooler)
    return f"a return to one host was interrupted before it was decided: {fleet.leader()} goes on as the primary"


def _let_clients_go(fleet: Fleet, guides: GuideHold, pooler: PoolHold) -> None:
    """The guide here first, which the others' release is asked of as well; at last nothing is left to be taken back."""
    stack = fleet.stack
    stack.compose.run("up", "--detach", "--no-deps", GUIDE)
    guides.release()
    pooler.release()
    save_state(stack.home, replace(load_state(stack.home), cut=None))
