"""`inv hosts.add` and `hosts.remove`: a host becomes one of the cluster's, or is no more.

Adding makes a host ready: its key is pinned, its home made, images are there. What then runs on it is made by
`replica.add --host`, by `hosts.prepare`, or, where Patroni decides, by `hosts.add` itself (host_join.py). The record is
written when the host is ready: until then there is no such host, and the next `hosts.add` goes on from what it finds.
"""

import secrets
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from cluster.config.docker_hosts import Host
from cluster.errors import PodsError, RefusedError, UsageError
from cluster.hosts_state import HostRecord, HostsState, has_roles
from compose.console import Console, Progress, ask
from compose.engine.hosts.host_engine import HostEngine
from compose.engine.hosts.host_keys import fingerprint, offered_key
from compose.engine.hosts.host_sessions import open_hosts, reach_hosts
from compose.engine.hosts.ssh_command import other_key
from compose.home.hosts_state_file import load_state, save_state
from compose.operations.home_identity import changing
from compose.operations.hosts.fleet import Fleet
from compose.operations.hosts.host_check import check_hosts
from compose.operations.hosts.host_content import host_images
from compose.operations.hosts.host_join import HostJoin
from compose.operations.hosts.host_leave import HostLeave
from compose.operations.hosts.leader_socket import with_superuser
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
        _refuse_joining(held, state, name)
        record = _pinned(state, host, console, request)
        joins = state.phase == "patroni" and not has_roles(state.find(name), host)
        if joins:
            before = state.find(name)
            record = replace(record, roles=before.roles if before else ())
        known = state.with_host(record)
        if state.find(name) != record and state.find(name) is not None:
            save_state(held.home, known)  # it is reached by the new key from now on, whatever comes
        check_hosts(held.home, held.settings, [name]).refuse([name], but=("home",) if request.take_over else ())
        names = held.settings.hosts.names if joins else [name]
        with open_hosts(held.home, held.settings, names, state=known) as engines:
            add = AddHost(held, engines[name], known, new=state.find(name) is None, take_over=request.take_over)
            perform(add.steps(), console)
            if joins:
                with with_superuser(held) as opened:
                    perform(HostJoin(Fleet(opened, engines), console, host).steps(), console)
                record = replace(record, roles=host.roles)
                save_state(held.home, load_state(held.home).with_host(record))
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


def _refuse_joining(stack: Stack, state: HostsState, name: str) -> None:
    """Nothing, for a host that is one already, or where nothing runs on hosts together yet, or it alone is new."""
    if state.phase == "none" or state.find(name) is not None:
        return
    if state.phase != "patroni":
        raise RefusedError(
            f"host {name} cannot be added while a standby cluster is on the others",
            "add it before inv hosts.prepare or after inv hosts.switch: docs/how-to/hosts.md",
        )
    if others := [each for each in stack.settings.hosts.names if each != name and state.find(each) is None]:
        raise RefusedError(
            f"config/hosts.toml names {', '.join(others)} as well, which was not added",
            f"hosts join one at a time: take it out of the file until {name} is added",
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
            with suppress(RefusedError):  # there is no home there: the next line makes it
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
        together = state.phase == "patroni"
        names = held.settings.hosts.names if together else [name]
        if gone:
            names = [each for each in names if each != name]
        with reach_hosts(held.home, held.settings, names, state=state) as reached:
            engine = None if gone else _controlled(reached[name], f"inv hosts.remove {name} --gone")
            others = {each.name: each for each in reached.values() if isinstance(each, HostEngine)}
            leave = HostLeave(held, console, _host(held, name), engine, others) if together else None
            fate = "forgets it" if gone else "deletes its data" if purge else "keeps its data aside there"
            warning = leave.check() if leave else ""
            if warning and yes:
                console.warn(warning.strip())
            if not ask(f"{warning}This takes {name} out of the cluster and {fate}.", yes=yes, expect=name):
                raise RefusedError(f"host {name} was not removed: nobody confirmed it", f"type {name}, or give --yes")
            if leave is not None:
                perform(leave.steps(), console)
            if engine is not None:
                perform(RemoveHost(held, engine, purge=purge).steps(), console)
            save_state(held.home, state.without_host(name))
        if together:
            console.note(f"take [hosts.{name}] out of config/hosts.toml, then run inv up: the others forget its name")


def _controlled(reached: HostEngine | PodsError, forget: str) -> HostEngine:
    if isinstance(reached, PodsError):
        raise type(reached)(reached.message, f"{reached.hint}; where it is lost for good: {forget}")
    reached.check_control()
    return reached


def move_host(stack: Stack, console: Console, name: str, *, yes: bool) -> None:
    """A host that was set up anew, or has another address, takes the part of the one of that name."""
    remove_host(stack, console, name, yes=yes, purge=False, gone=True)
    add_host(stack, console, HostRequest(name=name, yes=yes, new_key=True))


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


@dataclass(frozen=True, slots=True)
class RemoveHost:
    """The steps that take what is ours from a host; that it is forgotten is the caller's."""

    stack: Stack
    engine: HostEngine
    purge: bool

    def steps(self) -> Iterator[Step]:
        """In order; after the containers are stopped there is only forward."""
        name = self.engine.name
        yield Step(f"Stopping what runs on {name}", self._stop, final=True)
        yield Step(f"Taking our files from {name}", self._leave)

    def _stop(self, step: Progress) -> None:
        self.engine.take_down(step)

    def _leave(self, step: Progress) -> None:
        stamp = datetime.now(tz=UTC).strftime("%Y%m%dT%H%M%SZ")
        kept = self.engine.leave_home(stamp, purge=self.purge)
        step.result = f"its data is in {self.engine.home}/{kept}" if kept else ""
