"""`inv hosts.prepare`: a cluster of Patroni's on the hosts, which streams from the running one for as long as need be.

Every step looks first, so that a run that was interrupted is ended by the next. Nothing of the running cluster is
stopped: it gets a slot, a role for pg_rewind, and beside it relays, by which hosts and cluster find each other.
`unprepare` takes all of it back.
"""

import json
from collections.abc import Iterator

from cluster.config.docker_hosts import Host
from cluster.endpoints import control_address
from cluster.errors import PodsError, RefusedError
from cluster.hosts_state import Phase
from cluster.http.etcd_api import config_key
from cluster.naming import HOSTS_SLOT
from cluster.observed.nodes import read_slots
from cluster.postgres.connection import connect, execute, literal
from cluster.services import beside
from cluster.slots import create_slot
from cluster.standby_topology import prepared_on
from cluster.topology import host_ports
from cluster.waiting import wait_until
from compose.console import Console, Progress, ask
from compose.engine.hosts.host_engine import HostEngine
from compose.home.ha_certificates import ensure_ha_certificates
from compose.home.hosts_secrets import ETCD_PATRONI, REWIND, ensure_hosts_passwords, hosts_password
from compose.home.hosts_state_file import load_state, save_state
from compose.home.paths import make_log_directories, make_service_directories
from compose.home.rendered_files import read_user_files
from compose.operations.apply_topology import publish
from compose.operations.converge import converge
from compose.operations.home_identity import changing
from compose.operations.hosts.added_hosts import check_added
from compose.operations.hosts.fleet import Fleet, open_fleet
from compose.operations.hosts.host_content import host_images
from compose.operations.hosts.host_payload import host_payload
from compose.operations.hosts.member_copy import copy_seconds
from compose.operations.preflight import check_data
from compose.operations.promotion.rewind import ROLE
from compose.operations.reload import reload_node
from compose.operations.steps import Step, perform
from compose.render.hosts.dynamic_config import SourceCluster, dynamic_config
from compose.render.source_relay import SOURCE
from compose.stack import Stack

ETCD = "etcd"
_ANNOUNCED = "PgBouncer and who watches are made anew once, to reach the hosts: clients connect again. Nodes run on."
_STORE_SECONDS = 120.0
_CLOSE = 16 << 20
"""Bytes: a member that is closer than this streams."""


def prepare(stack: Stack, console: Console, *, yes: bool) -> None:
    """Make the standby cluster, or what is missing of it.

    Raises:
        PodsError: it could not be made; what there is of it stays, and the next run goes on.
    """
    with changing(stack, "hosts.prepare") as stack:
        check_engine(stack)
        check_phase(stack, "none", "preparing", "prepared")
        control_address(stack.settings)
        check_added(stack)
        if not stack.topology.standby and not ask(_ANNOUNCED, yes=yes):
            raise RefusedError("nothing was changed", "confirm it, or give --yes")
        with open_fleet(stack) as fleet:
            perform(Preparation(fleet, console).steps(), console)
        console.note("inv hosts.switch moves the cluster there; inv hosts.unprepare takes it all back")


def check_engine(stack: Stack) -> None:
    """Refuse what can only be done while PODS itself decides who is the primary.

    Raises:
        RefusedError: Patroni does.
    """
    if stack.topology.engine != "local":
        raise RefusedError("Patroni decides on the hosts already", "see inv status")


def check_phase(stack: Stack, *phases: Phase) -> None:
    """Refuse what does not fit how far the move is.

    Raises:
        RefusedError: it does not; says what to do instead.
    """
    phase = load_state(stack.home).phase
    if phase in phases:
        return
    hints = {
        "none": "run inv hosts.prepare first",
        "preparing": "run inv hosts.prepare again, which ends it",
        "prepared": "inv hosts.switch moves the cluster, inv hosts.unprepare takes the standby cluster back",
        "switching": "the move is decided: run inv hosts.switch again, which ends it",
        "patroni": "Patroni decides on the hosts already: see inv status",
        "returning": "that is not finished: see inv status",
    }
    raise RefusedError(f"the move to the hosts is in the phase “{phase}”", hints[phase])


class Preparation:
    """The steps from the running cluster to a standby cluster that streams from it."""

    def __init__(self, fleet: Fleet, console: Console) -> None:
        self._fleet, self._console = fleet, console
        self.stack = fleet.stack

    def steps(self) -> Iterator[Step]:
        """Each looks first."""
        hosts = self._fleet.nodes
        yield Step("Noting that hosts are being prepared", lambda _: self._note("preparing"), quiet=True)
        yield Step("Making keys and passwords of the hosts", lambda _: self._secrets(), quiet=True)
        yield Step("Starting relays to the hosts", self._relays)
        yield Step(f"Reserving WAL in slot {HOSTS_SLOT}", lambda _: self._reserve(), quiet=True)
        for engine in self._fleet.engines.values():
            yield Step(f"Sending images and files to {engine.name}", lambda step, e=engine: self._send(step, e))  # type: ignore[misc]
        yield Step("Starting etcd", self._start_store)
        yield Step("Writing Patroni's configuration into etcd", lambda _: self._seed(), quiet=True)
        first = self._leading() or hosts[0].name
        for host in sorted(hosts, key=lambda each: each.name != first):
            yield Step(f"Letting {host.name} stream", lambda step, h=host: self._join(step, h, first))  # type: ignore[misc]
        for host in self.stack.settings.hosts.with_role("pooler"):
            yield Step(f"Starting PgBouncer on {host.name}", lambda step, h=host: self._pool(step, h))  # type: ignore[misc]
        yield Step("Verifying that every member streams", self._verify)
        yield Step("Noting that it is prepared", lambda _: self._note("prepared"), quiet=True)

    def _note(self, phase: Phase) -> None:
        state = load_state(self.stack.home)
        if phase == "preparing" and state.phase == "prepared":
            return  # it streams, whatever is looked at again
        save_state(self.stack.home, state.in_phase(phase))

    def _secrets(self) -> None:
        stack = self.stack
        ensure_hosts_passwords(stack.home)
        ensure_ha_certificates(stack.home, stack.settings.hosts, project=stack.topology.project)

    def _relays(self, step: Progress) -> None:
        """Whoever speaks to nodes is made anew where it does not reach hosts yet; nodes run on."""
        stack = self.stack
        topology = prepared_on(stack.topology, (host.name for host in self._fleet.nodes))
        make_service_directories(stack.home, beside(stack.settings, topology.image_source, "patroni"))
        make_log_directories(stack.home, [SOURCE])
        self.stack = publish(stack, topology)
        for node in topology.local_nodes:
            reload_node(self.stack, node.name)
        step.update("making anew who has to reach the hosts")
        self.stack = converge(self.stack, self._console, check_data(stack.home, topology))

    def _reserve(self) -> None:
        primary = self.stack.superuser(self.stack.topology.primary)
        create_slot(primary, HOSTS_SLOT)
        password = hosts_password(self.stack.home, REWIND).encode()
        with connect(primary) as connection:
            verifier = connection.pgconn.encrypt_password(password, ROLE.encode(), b"scram-sha-256").decode()
            execute(connection, "drop_rewind_role")
            execute(connection, "create_rewind_role", verifier=literal(verifier))

    def _send(self, step: Progress, engine: HostEngine) -> None:
        """A node without data may copy the leader's: later files say that it may no more."""
        host = engine.host
        engine.load_images(host_images(self.stack, host), step)
        engine.make_folders(*folders(host))
        engine.ship(host_payload(self.stack, host, clones=not self._runs(host)))

    def _runs(self, host: Host) -> bool:
        try:
            return any(each.name == host.name and each.runs for each in self._fleet.members())
        except PodsError:
            return False

    def _start_store(self, step: Progress) -> None:
        for host in self._fleet.votes:
            self._fleet.engines[host.name].follow(step, "up", "--detach", "--no-deps", ETCD)
        for name, store in self._fleet.stores.items():
            wait_until(
                store.healthy,
                timeout=_STORE_SECONDS,
                what=f"etcd on {name} did not come up",
                hint=f"are ports 2379 and 2380 open between hosts? See docker logs on {name}",
                pause=0.5,
                progress=step.update,
            )
        store = self._fleet.any_store
        store.secure(self.stack.topology.project, hosts_password(self.stack.home, ETCD_PATRONI))

    @property
    def source(self) -> SourceCluster:
        """Where hosts find the primary: at the first relay, which leads to whoever it is."""
        first = self.stack.topology.standby[0]
        port = host_ports(self.stack.settings, self.stack.topology)[first.name]
        return SourceCluster(host=control_address(self.stack.settings), port=port, slot=HOSTS_SLOT)

    def _seed(self) -> None:
        """An agent that finds none would run with Patroni's own defaults; one that runs takes changes by itself."""
        parameters = read_user_files(self.stack.home).parameters
        config = dynamic_config(self.stack.settings, parameters, self.source)
        key, text = config_key(self.stack.topology.project), json.dumps(config)
        store = self._fleet.any_store
        if not store.put_if_absent(key, text) and store.get(key) != text:
            store.put(key, text)

    def _leading(self) -> str:
        try:
            return self._fleet.leader()
        except PodsError:
            return ""

    def _join(self, step: Progress, host: Host, first: str) -> None:
        """The first becomes the standby leader, and the others copy that one."""
        self._fleet.engines[host.name].follow(step, "up", "--detach", "--no-deps", host.name)
        role = "standby_leader" if host.name == first else "replica"
        wait_until(
            lambda: self._missing(host.name, role),
            timeout=self.stack.settings.start_timeout + copy_seconds(self.stack.superuser(self.stack.topology.primary)),
            what=f"{host.name} does not stream",
            hint=f"inv hosts.prepare goes on when that is mended; see docker logs on {host.name}",
            pause=1.0,
            progress=step.update,
        )

    def _missing(self, name: str, role: str) -> str:
        try:
            found = next((each for each in self._fleet.members() if each.name == name), None)
        except PodsError as error:
            return error.message
        if found is None:
            return "its agent is not there yet"
        if not found.runs or (role == "standby_leader" and not found.leads):
            return f"it is {found.role}, {found.state}"
        behind = found.lag or 0
        return f"it is {behind} bytes behind" if behind > _CLOSE else ""

    def _pool(self, step: Progress, host: Host) -> None:
        self._fleet.engines[host.name].follow(step, "up", "--detach")

    def _verify(self, step: Progress) -> None:
        """Files no longer let an empty node copy anything; the source sees who streams."""
        for engine in self._fleet.engines.values():
            engine.ship(host_payload(self.stack, engine.host))
        wait_until(
            self._unverified,
            timeout=60,
            what="the standby cluster does not stream",
            hint="see inv status, and run inv hosts.prepare again",
            progress=step.update,
        )

    def _unverified(self) -> str:
        with connect(self.stack.superuser(self.stack.topology.primary)) as connection:
            slot = next((each for each in read_slots(connection) if each.name == HOSTS_SLOT), None)
        if slot is None or not slot.active:
            return f"nobody streams from {HOSTS_SLOT}"
        leader = self._leading()
        names = [host.name for host in self._fleet.nodes]
        problems = [self._missing(name, "standby_leader" if name == leader else "replica") for name in names]
        return "; ".join(f"{name}: {why}" for name, why in zip(names, problems, strict=True) if why)


def folders(host: Host) -> list[str]:
    """Directories below data/ of a host's services."""
    return [
        *([ETCD] if "etcd" in host.roles else []),
        *([host.name, "logs", f"logs/{host.name}"] if "node" in host.roles else []),
        *([".readers", ".guide", "logs", "logs/pgbouncer"] if "pooler" in host.roles else []),
    ]
