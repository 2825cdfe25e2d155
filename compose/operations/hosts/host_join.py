"""A host that is added where Patroni decides: the others learn its name, then it gets a vote, a node and a PgBouncer.

Every step looks first, so that a run that was interrupted is ended by the next. A vote begins as a learner: until it
has what the others have, as many votes are needed as before. Names of hosts are in the definition of every container,
which is made anew for it: one host after the other, whoever leads last and after a switchover.
"""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime

from cluster.config.docker_hosts import Host
from cluster.errors import PodsError, RefusedError
from cluster.topology_file import load
from cluster.waiting import wait_until
from compose.console import Console, Progress
from compose.engine.hosts.host_engine import HostEngine
from compose.home.ha_certificates import ensure_ha_certificates
from compose.home.hosts_secrets import ensure_hosts_passwords
from compose.operations.apply_topology import publish
from compose.operations.hosts.fleet import Fleet
from compose.operations.hosts.host_content import host_images
from compose.operations.hosts.host_payload import facts_of_hosts, host_payload
from compose.operations.hosts.leader_change import lead_elsewhere
from compose.operations.hosts.member_copy import copy_member
from compose.operations.hosts.prepare import ETCD, folders
from compose.operations.hosts.unprepare import ASIDE_SCRIPT
from compose.operations.hosts.upkeep import Upkeep
from compose.operations.hosts.vote_handover import find_vote, peer_url, remade_services, store_beside
from compose.operations.steps import Step

_STORE_SECONDS = 120.0


class HostJoin:
    """One run of it; ``fleet`` has every host of the file."""

    def __init__(self, fleet: Fleet, console: Console, host: Host) -> None:
        self._fleet, self._console, self._host = fleet, console, host

    @property
    def _engine(self) -> HostEngine:
        return self._fleet.engines[self._host.name]

    def steps(self) -> Iterator[Step]:
        """From a host that is ready to one that has its part."""
        name, roles = self._host.name, self._host.roles
        refuse_strange_votes(self._fleet, self._host)
        yield Step("Making keys and passwords", lambda _: self._secrets(), quiet=True)
        if "node" in roles:
            yield Step(f"Entering {name} in the topology", lambda _: self._enter(), quiet=True)
        for other in self._others():
            yield Step(f"Letting {other} know {name}", lambda step, o=other: self._introduce(step, o))  # type: ignore[misc]
        yield Step(
            f"Making the directories of {name}", lambda _: self._engine.make_folders(*folders(self._host)), quiet=True
        )
        if "etcd" in roles:
            yield Step(f"Giving {name} a vote", self._vote)
        if "node" in roles:
            yield Step(f"Letting {name} stream", self._stream)
            yield Step(f"Letting readers go to {name}", lambda _: self._admit(), quiet=True)
        yield from Upkeep(self._fleet, self._console).steps()

    def _secrets(self) -> None:
        stack = self._fleet.stack
        ensure_hosts_passwords(stack.home)
        ensure_ha_certificates(stack.home, stack.settings.hosts, project=stack.topology.project)
        self._publish()

    def _publish(self) -> None:
        """With its certificates, and files here."""
        self._fleet = replace(self._fleet, stack=publish(self._fleet.stack, self._fleet.stack.topology))

    def _enter(self) -> None:
        stack, name = self._fleet.stack, self._host.name
        if name not in stack.topology.names:
            topology = stack.topology.add(name, "joining", host=name)
            self._fleet = replace(self._fleet, stack=stack.with_topology(topology))
        self._publish()

    def _admit(self) -> None:
        stack = self._fleet.stack
        self._fleet = replace(
            self._fleet, stack=stack.with_topology(stack.topology.with_state(self._host.name, "member"))
        )
        self._publish()

    def _others(self) -> Iterator[str]:
        """Whoever leads last; where its container is made anew, another leads from then on."""
        leader = self._fleet.leader()
        yield from (name for name in self._fleet.engines if name not in (self._host.name, leader))
        if leader in remade_services(self._fleet.stack, self._fleet.engines[leader]):
            lead_elsewhere(self._fleet, self._console, leader)
            if topology := load(self._fleet.stack.home.topology):
                self._fleet = replace(self._fleet, stack=self._fleet.stack.with_topology(topology))
        yield leader

    def _introduce(self, step: Progress, name: str) -> None:
        Upkeep(self._fleet, self._console).keep(step, name)

    def _vote(self, step: Progress) -> None:
        host = self._host
        if find_vote(store_beside(self._fleet, host), host) is None:
            self._set_store_aside()  # what it holds is of a member that is no more
            wait_until(
                lambda: _unannounced(self._fleet, host),
                timeout=_STORE_SECONDS,
                what=f"etcd does not take {host.name} in",
                hint="see inv status; run this again, which goes on",
                pause=1.0,
                progress=step.update,
            )
        self._engine.ship(host_payload(self._fleet.stack, host, clones=True, joins=True))
        self._engine.follow(step, "up", "--detach", "--no-deps", ETCD)
        wait_until(
            lambda: _unpromoted(self._fleet, host),
            timeout=_STORE_SECONDS,
            what=f"etcd on {host.name} did not catch up",
            hint=f"run this again, which goes on; are ports 2379 and 2380 open to {host.name}? See docker logs there",
            pause=0.5,
            progress=step.update,
        )

    def _set_store_aside(self) -> None:
        stamp = f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}"
        image = facts_of_hosts(self._fleet.stack).images.hosts
        self._engine.run(image, ["-c", ASIDE_SCRIPT, "sh", stamp, ETCD], entrypoint="bash")
        self._engine.make_folders(*folders(self._host))

    def _stream(self, step: Progress) -> None:
        stack, host = self._fleet.stack, self._host
        self._engine.load_images(host_images(stack, host), step)
        copy_member(self._fleet, self._engine, step, hint="run this again when that is mended, which goes on")


def refuse_strange_votes(fleet: Fleet, host: Host) -> None:
    """Nothing, where the votes are those of the file, but for ``host``.

    Raises:
        RefusedError: the file names another one that has no vote, or a vote's host is not in the file.
    """
    if "etcd" not in host.roles:
        return
    wanted = {peer_url(each): each.name for each in fleet.votes if each.name != host.name}
    found = {url for each in store_beside(fleet, host).members() for url in each.peer_urls} - {peer_url(host)}
    if more := sorted(name for url, name in wanted.items() if url not in found):
        raise RefusedError(
            f"config/hosts.toml gives a vote to {', '.join(more)} as well, which has none yet",
            "votes come one at a time: take that host out of the file until this one is added",
        )
    if less := sorted(found - set(wanted)):
        raise RefusedError(
            f"etcd has a member at {less[0]}, whose host is not in config/hosts.toml",
            "put it back into the file, and take it out of the cluster first: inv hosts.remove NAME --gone",
        )


def _unannounced(fleet: Fleet, host: Host) -> str:
    """Votes that were started a moment ago count as unhealthy for five seconds, and none is taken in meanwhile."""
    try:
        store = store_beside(fleet, host)
        if find_vote(store, host) is None:
            store.add_learner(peer_url(host))
    except PodsError as error:
        return error.message
    return ""


def _unpromoted(fleet: Fleet, host: Host) -> str:
    """Asked anew each time: who leads etcd may have changed, and one member may hang."""
    try:
        store = store_beside(fleet, host)
        member = find_vote(store, host)
        if member is None or not member.started:
            return "it has not started"
        if member.learns:
            store.promote_member(member)
    except PodsError as error:
        return error.message
    return ""
