"""The steps from prepared files to a verified cluster: make what has no data, start, reload, mend, verify."""

import importlib
import threading
import time
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import replace

from cluster.endpoints import POOLER
from cluster.errors import MachineError, RefusedError, TimedOutError
from cluster.naming import ARCHIVE_SLOT, slot_of
from cluster.postgres import data_directory
from cluster.postgres.connection import connect
from cluster.postgres.data_directory import DataDirectory
from cluster.postgres.failures import ConnectError, Failure
from cluster.sizing import derive
from cluster.slots import create_slot, drop_slot
from cluster.topology_file import save
from cluster.waiting import wait_until
from compose.console import Console, Progress
from compose.engine import containers
from compose.engine.host import host_facts_of
from compose.engine.networks import join_nodes
from compose.home import passwords
from compose.home.paths import make_private_directory, make_service_directories
from compose.operations import database_owner, provision
from compose.operations.pooler_pause import console_access, paused, release
from compose.operations.preflight import DataState
from compose.operations.reload import reload_node, reload_optional, reload_pooler
from compose.operations.replicas.clone import clone
from compose.operations.replicas.damage import damage
from compose.operations.replicas.membership import unfinished
from compose.operations.start import RESTART_LIMIT, start_and_wait, why_not
from compose.operations.steps import perform
from compose.render.compose_file import definitions
from compose.stack import Stack, reopened


class Convergence:
    """One run of `up` after its preparations. ``data`` is what each node's directory held before.

    ``careful``: the first node that does not come back ends it, before the next is touched.
    """

    def __init__(self, stack: Stack, console: Console, data: dict[str, DataState], *, careful: bool = False) -> None:
        self.stack = stack
        self.careful = careful
        self.console = console
        self.data = data
        self.before = stack.containers()
        self.inside: provision.Provisioned | None = None
        self.unwell: list[str] = []
        self.blind: list[str] = []
        facts = host_facts_of(stack.home, stack.settings, stack.topology)
        derived = derive(stack.settings, stack.topology.sizing)
        self.definitions = definitions(stack.settings, stack.topology, derived, facts)

    def run(self) -> Stack:
        """Every step looks first and does only what is missing."""
        self._directories()
        self._join_networks()
        self._initialise()
        self._clone_missing()
        self._replace_changed()
        self._start_all()
        if not self.inside:
            self._converge_inside()
        self._reload()
        if self.inside and self.inside.unsettled:  # only now: PgBouncer asks elsewhere
            database_owner.settle(self.stack, self.console, self.inside.unsettled)
        self._mend_replicas()
        self._finish()
        self._verify()
        for service in self.blind:  # the cluster serves without it, and somebody must know that nobody watches
            raise self._does_not_run(service)
        return self.stack

    @property
    def primary(self) -> str:
        """Name of the node that shall be the primary."""
        return self.stack.topology.primary

    @property
    def staying(self) -> list[str]:
        """Replicas that are not leaving."""
        return [node.name for node in self.stack.topology.replicas if node.state != "leaving"]

    @property
    def services(self) -> list[str]:
        """Every service that shall run, what others need last."""
        return [*self.staying, self.primary, POOLER, *self.stack.optional_services]

    def _directories(self) -> None:
        for name in self.stack.topology.names:
            make_private_directory(self.stack.home.node(name))
        make_service_directories(self.stack.home, self.stack.settings, self.stack.optional_services)

    def _join_networks(self) -> None:
        """A cluster of an earlier version, all in one network, is moved over container by container."""
        moving = [*self.staying, self.primary, POOLER, "exporter", "health", "backup"]
        running = {name: self.before[name] for name in moving if name in self.before and self.before[name].started}
        if join_nodes(self.stack.client, self.stack.compose, running):
            self.console.note("the cluster moves to networks by need; docs/explanation/safety.md says which")

    def _initialise(self) -> None:
        """Only a cluster that never had data is initialised; preflight refused every other empty primary."""
        directory = self.stack.home.node(self.primary)
        if self.data[self.primary] is None:
            with self.console.step(f"Making the first data directory in {directory}") as step:
                self.stack.compose.job(self.primary, ["init"], step, stdin=self.stack.passwords[passwords.SUPERUSER])
        if not self.stack.topology.system_identifier:
            made = data_directory.read_data_directory(directory)
            assert made is not None
            topology = replace(self.stack.topology, system_identifier=made.system_identifier)
            save(self.stack.home.topology, self.stack.home.topology_copy, topology)
            self.stack = self.stack.with_topology(topology)

    def _clone_missing(self) -> None:
        """Clone replicas without data, with data that must not be started, or whose slot has lost its WAL."""
        reasons = {name: self._unfit(name) for name in self.staying}
        wanted = {name: reason for name, reason in reasons.items() if reason is not None}
        if wanted:
            self._start_primary()
        elif self.primary in self.before and self.before[self.primary].well:
            self._converge_inside()
        for name, reason in wanted.items():
            clone(self.stack, self.console, name, reason)
        for name in self._lost():
            self._clone_lost(name)

    def _clone_lost(self, name: str) -> None:
        create_slot(self.stack.superuser(self.primary), slot_of(name))
        clone(self.stack, self.console, name, "it lost its place in the WAL")

    def _lost(self) -> list[str]:
        """Replicas whose slot outgrew the WAL budget; what they need next is gone."""
        lost = self.inside.lost_slots if self.inside else frozenset()
        return [name for name in self.staying if slot_of(name) in lost]

    def _unfit(self, name: str) -> str | None:
        """Why ``name`` must be cloned before it starts: "" where it has no data, None where its data will do."""
        state = self.data[name]
        if isinstance(state, ValueError):
            return f"its data is not whole: {state}"
        if isinstance(state, DataDirectory):
            return None if state.standby else "its data would start as a second primary"
        return ""

    def _start_primary(self) -> None:
        with self.console.step(f"Starting {self.primary}") as step:
            self.stack.compose.follow(step, "up", "--detach", "--no-deps", self.primary)
            wait_until(
                lambda: self._missing_primary(step),
                timeout=self.stack.settings.start_timeout,
                what=f"{self.primary} did not accept connections",
                hint=f"see inv logs --service {self.primary}; a long recovery wants a larger PODS_START_TIMEOUT",
            )
        self._converge_inside()

    def _missing_primary(self, step: Progress) -> str:
        try:
            with connect(self.stack.superuser(self.primary)):
                return ""
        except ConnectError as fault:
            self._refuse_wrong_password(fault)
            container = self.stack.containers().get(self.primary)
            if container is None or container.status in ("exited", "dead") or container.restarts > RESTART_LIMIT:
                raise self._does_not_run(self.primary) from None
            step.update(fault.message)
            return fault.message

    def _does_not_run(self, service: str) -> MachineError:
        return MachineError(
            f"{service} does not run: {why_not(self.stack, service)}", f"see inv logs --service {service}"
        )

    def _as_wanted(self, service: str, now: dict[str, containers.Container]) -> bool:
        return service in now and now[service].well and now[service].definition == self.definitions[service]

    def _replace_changed(self) -> None:
        """Running services whose definition changed are replaced one after the other, what others need last."""
        for service in self.services:
            running = self.before.get(service)
            changed = running is not None and running.definition != self.definitions[service]
            if running is not None and running.status == "running" and changed:
                self._replace(service)

    def _replace(self, service: str) -> None:
        """Clients of the primary wait at PgBouncer meanwhile (PAUSE), where it runs."""
        pooler = self.before.get(POOLER)
        holds = service == self.primary and pooler is not None and pooler.well
        with (
            paused(self.stack, self.console) if holds else nullcontext(),
            self.console.step(f"Replacing {service}, whose definition changed") as step,
        ):
            unwell = start_and_wait(self.stack, step, [service])
        if unwell and self.careful:
            raise self._does_not_run(service)
        self._explain(unwell)

    def _start_all(self) -> None:
        now = self.stack.containers()
        missing = [service for service in self.services if not self._as_wanted(service, now)]
        if not missing:
            return
        for service in missing:
            if service in now and now[service].status == "paused":
                self.stack.compose.run("unpause", service)
        with self.console.step("Starting " + ", ".join(missing)) as step:
            # what comes next needs the driver, which takes a while to import; containers take longer
            threading.Thread(target=importlib.import_module, args=("psycopg",), daemon=True).start()
            unwell = start_and_wait(self.stack, step, missing, self._lost_among(missing))
        self._explain(unwell)

    def _lost_among(self, services: list[str]) -> Callable[[], bool]:
        """Whether one of ``services`` waits in vain, since the primary no longer has what it needs."""

        def lost() -> bool:
            self._try_inside()
            return bool(set(self._lost()) & set(services))

        return lost

    def _try_inside(self) -> None:
        """Go inside as soon as the superuser gets in: the health checks need a role that may still be missing there."""
        if self.inside is None:
            try:
                self._converge_inside()
            except ConnectError as fault:
                self._refuse_wrong_password(fault)

    def _refuse_wrong_password(self, fault: ConnectError) -> None:
        if fault.kind is Failure.AUTH:
            raise RefusedError(
                f"{self.primary} refuses the superuser's password",
                "put secrets/superuser_password back as it was when the data was made",
            ) from None

    def _explain(self, unwell: list[str]) -> None:
        """Without primary or PgBouncer there is nothing to go on with; a replica may need a new clone, later."""
        for service in unwell:
            if service in (self.primary, POOLER):
                raise self._does_not_run(service)
            (self.blind if service in self.stack.optional_services else self.unwell).append(service)
            self.console.warn(f"{service} does not run: {why_not(self.stack, service)}")

    def _converge_inside(self) -> None:
        stack = self.stack
        self.inside = provision.converge(stack.superuser(self.primary), stack.settings, stack.passwords, self.staying)
        if self.inside.made:
            self.console.note("made in the primary: " + ", ".join(self.inside.made))
        database_owner.report_excess(self.console, self.inside.excess)

    def _reload(self) -> None:
        """Servers that were running take changed files and certificates up without a restart."""
        for node in self.stack.topology.names:
            if node in self.before and self.before[node].well:
                reload_node(self.stack, node)
        if "backup" not in self.stack.optional_services:
            self._release_archive()
        self._reload_optional()
        if POOLER in self.before and self.before[POOLER].well:
            reload_pooler(self.stack)
            release(console_access(self.stack))  # held back by an update that was killed

    def _reload_optional(self) -> None:
        """Those that were not replaced by new containers, which have everything new."""
        now = self.stack.containers()
        for service in self.stack.optional_services:
            before = self.before.get(service)
            if before is not None and before.well and service in now and now[service].id == before.id:
                reload_optional(self.stack, service, before)

    def _release_archive(self) -> None:
        """Nobody streams an archive any more: its slots would hold WAL back until they break."""
        for node in self.stack.topology.names:
            archiver = self.stack.access(node, passwords.ARCHIVE)
            if node in self.before and self.before[node].well and drop_slot(archiver, ARCHIVE_SLOT):
                self.console.note(f"{ARCHIVE_SLOT} on {node} is gone, since PODS_BACKUP is off")

    def _mend_replicas(self) -> None:
        """A replica that could not be started is cloned anew, if the primary is well and its data is the reason."""
        for name in self.unwell:
            if name in self._lost():
                self._clone_lost(name)
            else:
                self._clone_damaged(name)
            with self.console.step(f"Starting {name}") as step:
                if start_and_wait(self.stack, step, [name]):
                    raise self._does_not_run(name)

    def _clone_damaged(self, name: str) -> None:
        fault = self._does_not_run(name)  # in the words of the container as it is now
        with self.console.step(f"Looking whether the data of {name} is the reason") as step:
            reason = damage(self.stack, step, name)
            step.result = reason or "it is not"
        if not reason:
            raise fault
        clone(self.stack, self.console, name, reason)

    def _finish(self) -> None:
        """Replicas that were coming or going when an operation was interrupted."""
        while tasks := unfinished(self.stack):
            perform(tasks, self.console)
            self.stack = reopened(self.stack)

    def _verify(self) -> None:
        """Wait until every node and pool is as it should be."""
        deadline = time.monotonic() + self.stack.settings.start_timeout
        with self.console.step("Verifying that every node streams and every pool leads where it should") as step:
            while not (verdict := self.stack.judge(self.stack.snapshot())).healthy:
                reasons = "; ".join(verdict.reasons)
                step.update(reasons)
                if time.monotonic() > deadline:
                    raise TimedOutError(
                        f"the cluster runs, but is not healthy: {reasons}",
                        "see inv status and inv logs, then run inv up again",
                    )
                time.sleep(0.3)
        for note in verdict.notes:
            self.console.note(note)
