"""`inv hosts.add` and `hosts.remove`: a host becomes one of the cluster's, or is no more.

Adding makes a host ready: its key is pinned, its home made, images are there. What then runs on it is made by
`replica.add --host`, by `hosts.prepare`, or by `up`. The record is written last: until then there is no such host, and
the next `hosts.add` goes on from what it finds.
"""

import secrets
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from cluster.config.docker_hosts import Host
from cluster.errors import RefusedError, UsageError
from cluster.hosts_state import HostRecord, HostsState
from compose.console import Console, Progress, ask
from compose.engine.hosts.host_engine import HostEngine
from compose.engine.hosts.host_keys import fingerprint, offered_key
from compose.engine.hosts.host_sessions import open_hosts
from compose.engine.hosts.ssh_command import other_key
from compose.home.hosts_state_file import load_state, save_state
from compose.operations.home_identity import changing
from compose.operations.hosts.host_check import check_hosts
from compose.operations.hosts.host_content import host_images
from compose.operations.steps import Step, nothing, perform
from compose.stack import Stack

_MOVING = ("preparing", "switching", "returning")


@dataclass(frozen=True, slots=True, kw_only=True)
class HostRequest:
    """Options of `hosts.add`. ``new_key``: it was set up anew; ``take_over``: who controlled it is lost for good."""

    name: str
    yes: bool = False
    new_key: bool = False
    take_over: bool = False


def add_host(stack: Stack, console: Console, request: HostRequest) -> HostRecord:
    """Make a host of config/hosts.toml ready, or repair what an interrupted `hosts.add` left."""
    with changing(stack, "hosts.add") as held:
        name = request.name
        host = _host(held, name)
        state = _identified(held, load_state(held.home))
        _refuse_moving(state)
        _refuse_joining(state, name)
        record = _pinned(state, host, console, request)
        known = state.with_host(record)
        if state.find(name) != record and state.find(name) is not None:
            save_state(held.home, known)  # it is reached by the new key from now on, whatever comes
        check_hosts(held.home, held.settings, [name]).refuse([name], but=("home",) if request.take_over else ())
        with open_hosts(held.home, held.settings, [name], state=known) as engines:
            add = AddHost(held, engines[name], known, new=state.find(name) is None, take_over=request.take_over)
            perform(add.steps(), console)
        return record


def _host(stack: Stack, name: str) -> Host:
    host = stack.settings.hosts.find(name)
    if host is None:
        raise UsageError(
            f"there is no host {name!r} in config/hosts.toml",
            f"there are: {', '.join(stack.settings.hosts.names)}"
            if stack.settings.hosts.hosts
            else "write [hosts.NAME]",
        )
    return host


def _identified(stack: Stack, state: HostsState) -> HostsState:
    """The state of a control machine that hosts recognize: saved before the first of them has its mark."""
    if state.identity:
        return state
    made = replace(state, identity=secrets.token_hex(16))
    save_state(stack.home, made)
    return made


def _refuse_moving(state: HostsState) -> None:
    if state.phase in _MOVING:
        raise RefusedError(
            f"hosts cannot come or go while the cluster is {state.phase} a move between engines",
            "finish it first, or take it back: docs/how-to/hosts.md",
        )


def _refuse_joining(state: HostsState, name: str) -> None:
    """Nothing, for a host that is one already, or where nothing runs on hosts together yet."""
    if state.phase != "none" and state.find(name) is None:
        raise RefusedError(
            f"host {name} cannot be added while the cluster's hosts run Patroni together",
            "this version adds all hosts before that: docs/how-to/hosts.md",
        )


def _pinned(state: HostsState, host: Host, console: Console, request: HostRequest) -> HostRecord:
    """The record with the key that the host shows, which somebody confirmed or which was pinned before."""
    before = state.find(host.name)
    record = HostRecord(name=host.name, address=host.address, home=host.home, roles=host.roles)
    if host.local:
        return record
    key = offered_key(host)
    if before is not None and before.host_key == key:
        return replace(record, host_key=key)
    if before is not None and before.host_key and not request.new_key:
        raise other_key(host)
    console.note(f"host {host.name} ({host.ssh}) shows the key {fingerprint(key)} ({key.split()[0]})")
    if not ask(f"Is that the key of {host.name}?", yes=request.yes):
        raise RefusedError(
            f"host {host.name} was not added: nobody confirmed its key",
            "compare it with `ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub` there, then type yes, or give --yes",
        )
    return replace(record, host_key=key)


@dataclass(frozen=True, slots=True)
class AddHost:
    """The steps that make a host ready. ``new``: it was not one before, and is none if this fails."""

    stack: Stack
    engine: HostEngine
    known: HostsState
    new: bool
    take_over: bool = False

    def steps(self) -> Iterator[Step]:
        """In order; each finds what is done already."""
        name = self.engine.name
        yield Step(f"Making {self.engine.home} on {name}", self._home, self._unmake if self.new else nothing)
        yield Step(f"Bringing images to {name}", self._images)
        yield Step(f"Writing down {name}", self._record, final=True)

    def _images(self, step: Progress) -> None:
        sent = self.engine.load_images(host_images(self.stack, self.engine.host), step)
        step.result = f"{len(sent)} sent" if sent else "all there"

    def _home(self, step: Progress) -> None:
        self.engine.load_images([self.engine.image], step)  # work on files is done in it
        if self.take_over:
            self.engine.take_over()
        self.engine.make_home()

    def _unmake(self) -> None:
        self.engine.unmake_home()

    def _record(self, _: Progress) -> None:
        save_state(self.stack.home, self.known)


def remove_host(stack: Stack, console: Console, name: str, *, yes: bool, purge: bool, gone: bool) -> None:
    """Take what PODS has on a host away from it, having asked; its data is kept aside there.

    Of one that is ``gone`` for good nothing is left to take: it is forgotten.
    """
    with changing(stack, "hosts.remove") as held:
        state = load_state(held.home)
        if state.find(name) is None:
            raise UsageError(f"host {name} was not added", f"added are: {_names(state)}")
        _refuse_moving(state)
        _refuse_needed(held, state, name)
        fate = "forgets it" if gone else "deletes its data" if purge else "keeps its data aside there"
        if not ask(f"This takes {name} out of the cluster and {fate}.", yes=yes, expect=name):
            raise RefusedError(f"host {name} was not removed: nobody confirmed it", f"type {name}, or give --yes")
        if gone:
            save_state(held.home, state.without_host(name))
            return
        with open_hosts(held.home, held.settings, [name], state=state) as engines:
            engines[name].check_control()
            perform(RemoveHost(held, engines[name], state, purge=purge).steps(), console)


def _names(state: HostsState) -> str:
    return ", ".join(each.name for each in state.hosts) or "none"


def _refuse_needed(stack: Stack, state: HostsState, name: str) -> None:
    """Nothing, where the cluster can do without the host.

    Raises:
        RefusedError: it cannot: what is on the host, and what to do first.
    """
    node = next((each for each in stack.topology.nodes if each.host == name), None)
    if node is not None and stack.topology.engine == "local":
        if node.name == stack.topology.primary:
            raise RefusedError(f"the primary is on host {name}", "run inv switchover first")
        raise RefusedError(f"the replica {node.name} is on host {name}", f"run: inv replica.remove {node.name}")
    if state.phase == "prepared":
        raise RefusedError(f"host {name} has a part of the standby cluster", "give that up first: docs/how-to/hosts.md")
    record = state.find(name)
    if state.phase == "patroni" and record is not None and {"etcd", "node"} & set(record.roles):
        raise RefusedError(
            f"host {name} has a vote or a node of the cluster that Patroni decides of, and may lead it",
            "this version takes none of those out; stop it and let the others go on, or return to one host first",
        )


@dataclass(frozen=True, slots=True)
class RemoveHost:
    """The steps that take a host out."""

    stack: Stack
    engine: HostEngine
    state: HostsState
    purge: bool

    def steps(self) -> Iterator[Step]:
        """In order; after the containers are stopped there is only forward."""
        name = self.engine.name
        yield Step(f"Stopping what runs on {name}", self._stop, final=True)
        yield Step(f"Taking our files from {name}", self._leave)
        yield Step(f"Forgetting {name}", self._forget)

    def _stop(self, step: Progress) -> None:
        self.engine.take_down(step)

    def _leave(self, step: Progress) -> None:
        stamp = datetime.now(tz=UTC).strftime("%Y%m%dT%H%M%SZ")
        kept = self.engine.leave_home(stamp, purge=self.purge)
        step.result = f"its data is in {self.engine.home}/{kept}" if kept else ""

    def _forget(self, _: Progress) -> None:
        save_state(self.stack.home, self.state.without_host(self.engine.name))
