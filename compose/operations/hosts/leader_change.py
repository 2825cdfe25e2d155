"""`inv switchover` and `inv failover` where Patroni decides: an order to its agents, and a wait for the state.

Patroni promotes and fences. Clients are held back by the guides of all hosts that can be reached; a hold ends by
itself, and a guide that did not hold pauses when it sees no primary: then a transaction under way may fail.
"""

from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

from cluster.errors import MachineError, PodsError, RefusedError
from cluster.history import PrimaryChange, read_latest
from cluster.hosts.patroni_documents import RUNNING, ListedMember
from cluster.http.mutual_tls import Answer
from cluster.postgres.connection import connect, fetch_one
from cluster.postgres.failures import translated
from cluster.topology_file import save
from cluster.units import human_size
from cluster.waiting import wait_until
from compose.console import Console, Progress
from compose.engine.hosts.host_engine import HostEngine
from compose.engine.hosts.host_sessions import reach_hosts
from compose.operations.hosts.absent_hosts import refuse_absent
from compose.operations.hosts.failover_journal import note_failovers
from compose.operations.hosts.fleet import Fleet
from compose.operations.hosts.guarded_cut import seen_by
from compose.operations.hosts.guide_hold import GuideHold
from compose.operations.hosts.member_choice import check_loss, choose_member
from compose.operations.hosts.vote_handover import hand_over_votes
from compose.operations.promotion.canary import Canary
from compose.operations.promotion.outlook import FailoverOrder
from compose.operations.promotion.recorded_change import record_change
from compose.operations.promotion.report import canary_access
from compose.operations.steps import Step, perform
from compose.stack import Stack

CHANGE_SECONDS = 90.0
"""For the new primary to take a commit."""
_HOLDING, _RELEASING = "Holding clients back at every PgBouncer", "Letting clients go on"
_REFUSED = 400
_UNDECIDED = 503
"""What Patroni answers while it goes on."""


@dataclass(frozen=True, slots=True)
class LeaderOutcome:
    """Who is the primary now, and what a client of the control machine's PgBouncer saw."""

    primary: str
    canary: Canary

    def __str__(self) -> str:
        return f"{self.primary} is the primary; {seen_by(self.canary)}"


def switch_leader(stack: Stack, console: Console, to: str | None) -> LeaderOutcome:
    """Let another member take over from the one that leads. The lock is the caller's.

    Raises:
        PodsError: it does not; says why.
    """
    with _reached(stack, console) as fleet:
        return hand_over_leadership(fleet, console, to)


def _known_members(fleet: Fleet) -> list[ListedMember]:
    """Those that are the cluster's: one that was forgotten and runs again is none, and Patroni would refuse it late."""
    return [each for each in fleet.members() if each.name in fleet.stack.topology.names]


def plan_change(stack: Stack, to: str | None) -> list[str]:
    """What `switch_leader` would do now, as lines; nothing is changed.

    Raises:
        PodsError: it would be refused; says why.
    """
    fleet = Fleet(stack, {})
    members, leader = _known_members(fleet), fleet.leader()
    target = choose_member(members, leader, to)
    lag = "" if target.lag is None else f": it lacks {human_size(target.lag)}"
    steps = (_HOLDING, _changing(target.name), _RELEASING)
    titles = (f"  {number}. {title}" for number, title in enumerate(steps, 1))
    return [f"{target.name} would be the primary instead of {leader}{lag}", *titles]


def hand_over_leadership(fleet: Fleet, console: Console, to: str | None = None) -> LeaderOutcome:
    """The same, for whoever has the hosts open.

    Raises:
        PodsError: it does not; says why.
    """
    members = _known_members(fleet)
    leader = fleet.leader()
    target = choose_member(members, leader, to)
    fleet.agents[leader].status()  # nobody is held back for an order that nobody hears
    console.note(f"{target.name} is to be the primary instead of {leader}")
    order = fleet.agents[leader].switchover
    return _change(fleet, console, target.name, "switchover", lambda: order(leader, target.name))


def lead_elsewhere(fleet: Fleet, console: Console, leader: str) -> LeaderOutcome | None:
    """The same before the leader's container is made anew; None where nobody can take over, and programs may notice."""
    try:
        return hand_over_leadership(fleet, console)
    except RefusedError as refused:
        console.warn(f"{refused.message}; transactions on {leader} may fail while it is made anew")
        return None


def replace_leader(stack: Stack, console: Console, order: FailoverOrder) -> LeaderOutcome:
    """Make a member the primary though there is none. The lock is the caller's.

    Raises:
        RefusedError: there is one that answers, or commits may be lost and nobody said that they may.
    """
    with _reached(stack, console) as fleet:
        members = fleet.members()
        if leading := next((each for each in members if each.leads and each.runs), None):
            raise _refusal_of(fleet, leading.name)
        target = choose_member(members, "", order.to)
        if order.allowed is not None:
            check_loss(members, target)
        agent = fleet.agents[target.name]
        return _change(fleet, console, target.name, "failover", lambda: agent.failover(target.name))


def _refusal_of(fleet: Fleet, leader: str) -> RefusedError:
    """Whoever has the lease is replaced by nobody while it holds; it ends by itself where its host is gone."""
    try:
        fleet.agents[leader].status()
    except MachineError as error:
        problem = f"{leader} has the lease still and does not answer: {error.message}"
        return RefusedError(problem, "Patroni replaces it when that has run out; see inv hosts.status in half a minute")
    return RefusedError(f"{leader} leads and runs", "use inv switchover; Patroni replaces one that is gone")


def restart_members(stack: Stack, console: Console, only: Collection[str]) -> None:
    """Restart the servers of all members, whoever leads last, or of those in ``only``. The lock is the caller's.

    Raises:
        RefusedError: a host does not answer, and nobody said whom to restart beside it.
        PodsError: one does not come back; those after it are left as they are.
    """
    if not only:
        refuse_absent(stack)
    with _reached(stack, console) as fleet:
        members = fleet.members()
        if unknown := set(only) - {each.name for each in members}:
            names = ", ".join(each.name for each in members)
            raise RefusedError(f"there is no member {min(unknown)!r}", f"the members are: {names}")
        chosen = [each for each in members if not only or each.name in only]
        for member in sorted(chosen, key=lambda each: each.leads):
            perform(_restart(fleet, console, member), console)


def _restart(fleet: Fleet, console: Console, member: ListedMember) -> list[Step]:
    """Clients of the one that leads wait meanwhile."""
    name, agent = member.name, fleet.agents[member.name]
    what = f"Restarting the server of {name}"
    if not member.leads:
        return [
            Step(what, lambda step: _order(step, f"Patroni does not restart {name}", agent.restart, _up(fleet, name)))
        ]
    writes = lambda: _missing(fleet, name)  # noqa: E731 - one that a step calls
    restarting = Step(what, lambda step: _order(step, f"Patroni does not restart {name}", agent.restart, writes))
    return _held(fleet, console, restarting)


def _up(fleet: Fleet, name: str) -> Callable[[], str]:
    def missing() -> str:
        try:
            status = fleet.agents[name].status()
        except PodsError as error:
            return error.message
        if status.state not in RUNNING:
            return f"its agent says {status.state}"
        return "" if _streams(fleet, name) else "it does not stream yet"

    return missing


def _streams(fleet: Fleet, name: str) -> bool:
    """The next server is not touched before: commits may wait for this one."""
    return any(each.name == name and each.runs and each.state != "running" for each in fleet.members())


@contextmanager
def _reached(stack: Stack, console: Console) -> Iterator[Fleet]:
    with reach_hosts(stack.home, stack.settings, stack.settings.hosts.names) as found:
        engines = {name: each for name, each in found.items() if isinstance(each, HostEngine)}
        for name in found.keys() - engines.keys():
            console.warn(f"{name} is not reached; clients of its PgBouncer are not held back")
        yield Fleet(stack, engines)


def _change(fleet: Fleet, console: Console, target: str, event: str, order: Callable[[], Answer]) -> LeaderOutcome:
    if unnoted := note_failovers(fleet):  # before there is one more
        console.warn(unnoted)
    latest = read_latest(fleet.stack.home.journal)
    before = latest.primary if latest and latest.primary else fleet.stack.topology.primary
    with Canary(canary_access(fleet.stack)) as canary:
        if event != "failover":
            canary.await_first()
        change = Step(
            _changing(target),
            lambda step: _order(
                step, f"Patroni does not make {target} the primary", order, lambda: _missing(fleet, target)
            ),
        )
        perform([change] if event == "failover" else _held(fleet, console, change), console)
        canary.await_next()
        _note(fleet.stack, console, target, before, event, canary)
    if voter := hand_over_votes(fleet, target):
        console.note(f"etcd is led by {voter} now, and no more by the primary's host")
    return LeaderOutcome(target, canary)


def _changing(target: str) -> str:
    return f"Letting Patroni make {target} the primary"


def _held(fleet: Fleet, console: Console, change: Step) -> list[Step]:
    """Clients wait meanwhile; without a primary they do already, at the guides' own word."""
    hold = GuideHold(fleet, console)
    return [
        Step(_HOLDING, hold.hold, hold.release),
        change,
        Step(_RELEASING, lambda _: hold.release()),
    ]


def _order(step: Progress, failure: str, order: Callable[[], Answer], missing: Callable[[], str]) -> None:
    """The answer is no result but for a refusal; the state is."""
    answer = order()
    if answer.status >= _REFUSED and answer.status != _UNDECIDED:
        raise RefusedError(f"{failure}: {answer.words}", "see inv hosts.status")
    wait_until(
        missing,
        timeout=CHANGE_SECONDS,
        what=failure,
        hint="see inv hosts.status; Patroni may still be at it",
        pause=0.05,
        progress=step.update,
    )


def _missing(fleet: Fleet, target: str) -> str:
    try:
        status = fleet.agents[target].status()
        if not status.primary:
            return f"its agent says {status.role}, {status.state}"
        with translated(), connect(replace(fleet.stack.monitor(target), connect_timeout=2)) as connection:
            fetch_one(connection, "write_probe", lambda transaction: transaction)
    except PodsError as error:
        return error.message
    return ""


def _note(stack: Stack, console: Console, target: str, before: str, event: str, canary: Canary) -> None:
    """The topology has who was seen last; the journal what happened."""
    topology = replace(stack.topology, primary=target)
    save(stack.home.topology, stack.home.topology_copy, topology)
    gap = round(canary.gap, 3) if canary.done > 1 else None
    kind = "failover" if event == "failover" else "switchover"
    change = PrimaryChange(event=kind, before=before, lsn="", gap_seconds=gap, by=f"inv {event}")
    if unnoted := record_change(stack.with_topology(topology), change):
        console.warn(unnoted)
