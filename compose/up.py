"""`inv up`: bring the cluster from whatever state it is in to the one that is wanted.

Every step looks first and does only what is missing, so `up` after any interruption is the repair. What is destroyed:
nothing. A replica whose data cannot be used is moved aside and cloned anew, and only while the primary is healthy;
the primary's data is never touched.
"""

import os
import shutil
import subprocess
import threading
import time
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from cluster import control
from cluster.control import DataDirectory
from cluster.errors import EnvironmentFault, PodsError, RefusedError, WaitTimeout
from cluster.naming import slot_of
from cluster.pgbouncer import reload as reload_pooler
from cluster.postgres import connect, execute, fetch_one, wait_until
from cluster.settings import Settings
from cluster.topology import Topology, load, save
from cluster.units import human_seconds, human_size
from compose import build, certs, containers, engine, preflight, roles, secrets
from compose.console import Console, Step
from compose.home import Home, service_user
from compose.lock import exclusive
from compose.process import last_words
from compose.render import files
from compose.render.stack import Concrete, compose_stack
from compose.stack import Stack

DataState = DataDirectory | None | ValueError


def up(home: Home, settings: Settings, console: Console, *, install_engine: bool) -> Stack:
    """Converge the cluster in ``home`` and return it, running and verified."""
    with exclusive(home.lock, "up"):
        client = engine.ensure(settings, console, install=install_engine)
        topology = _desired(home, settings)
        found = containers.of_project(client, topology.project)
        data = _check(home, settings, topology, found)
        for name in containers.remove_leftovers(client, found):
            console.note(f"removed {name}, left by an interrupted operation")
        stack = _prepare(home, settings, topology, console, client)
        return Convergence(stack, console, data).run()


def _desired(home: Home, settings: Settings) -> Topology:
    """The topology on disk, or the first one."""
    known = load(home.topology)
    if known is None:
        _refuse_unknown_data(home, settings)
        first = Topology.first(settings, preflight.measure_host(home, settings.replicas + 1))
        return first
    if known.project != settings.project:
        raise RefusedError(
            f"the cluster in {home.path} is called {known.project!r}, and PODS_PROJECT is {settings.project!r}",
            "set it back; another cluster wants another PODS_HOME",
        )
    return known


def _refuse_unknown_data(home: Home, settings: Settings) -> None:
    first = Topology.first(settings, preflight.measure_host(home, 1))
    for node in [*first.names, *preflight.strangers(home, first)]:
        if (home.node(node) / control.MAJOR).exists():
            raise RefusedError(
                f"{home.node(node)} holds data, but there is no {home.topology.name} that knows it",
                "put back data/topology.json (rendered/topology.json is a copy), or move the data away",
            )


def _check(home: Home, settings: Settings, topology: Topology, found: list[containers.Container]) -> dict[str, DataState]:
    """Everything that can be refused is refused here, before anything changes."""
    preflight.check_home(home, topology.project, found)
    data = preflight.check_data(home, topology)
    preflight.check_ports(settings, topology, [c.service for c in found if c.status in ("running", "restarting", "paused") and not c.one_off])
    preflight.check_disk(home, sum(not isinstance(state, DataDirectory) for state in data.values()))
    if topology.system_identifier:
        secrets.read(home)
    return data


def _prepare(home: Home, settings: Settings, topology: Topology, console: Console, client: "engine.DockerClient") -> Stack:
    """Secrets, certificates, images and files: all that is needed before a container starts."""
    secrets.ensure(home, settings, first=not topology.system_identifier)
    renew_certificates(home, settings, topology)
    if not topology.image_base:
        source, base = build.choose(client, settings, console)
        topology = replace(topology, image_source=source, image_base=base)
    elif settings.images not in ("auto", topology.image_source):
        raise RefusedError(
            f"this cluster's images stand on {topology.image_base}, and PODS_IMAGES is {settings.images!r}",
            "set it back; data made on one base is not moved to another silently",
        )
    images = build.ensure(client, settings, topology.image_source, topology.image_base, console)
    _write_files(home, settings, topology, Concrete(images=images, user=service_user()), console)
    save(home.topology, topology)
    stack = Stack(home, settings, topology)
    stack.__dict__["client"] = client  # the engine is asked for once
    return stack


def renew_certificates(home: Home, settings: Settings, topology: Topology, *, force: bool = False) -> list[str]:
    """Make certificates that are missing, expiring or not good for this host's names; return whose."""
    names = [*settings.tls_names, *([settings.bind] if settings.bind not in ("127.0.0.1", "0.0.0.0", "::") else [])]  # noqa: S104 - compared, not bound
    return certs.ensure(home, (*topology.names, "pgbouncer"), names, renew=force, project=settings.project)


def _write_files(home: Home, settings: Settings, topology: Topology, concrete: Concrete, console: Console) -> None:
    user = files.read_user_files(home)
    rendered = files.render(settings, topology, concrete, user)
    changed = files.changes(home, rendered)
    directory = f"rendered/nodes/{topology.primary}"
    if any(changed.get(f"{directory}/{name}", ("", ""))[1] for name in (files.USER_PARAMETERS, files.USER_HBA)):
        with console.step("Trying your own configuration in a throw-away server"):
            try_configuration(home, {k: v for k, v in rendered.items() if k.startswith(directory)}, concrete)
    files.write(home, changed)


def try_configuration(home: Home, rendered: Mapping[str, str], concrete: Concrete) -> None:
    """Start a throw-away server with a node's rendered files, so that a mistake in the user's stops here.

    Raises:
        UsageError: PostgreSQL does not start with it; carries what it says.
    """
    from cluster.errors import UsageError

    trial = home.rendered / ".trial"
    shutil.rmtree(trial, ignore_errors=True)
    files.write(home, {f"rendered/.trial/{Path(name).name}": ("", text) for name, text in rendered.items()})
    uid, gid = concrete.user
    mounts = ["--tmpfs", f"/tmp:uid={uid},gid={gid}", "--tmpfs", f"/run/pods:uid={uid},gid={gid}", "--volume", f"{trial}:/trial:ro", "--volume", f"{home.rendered}/passwd:/etc/passwd:ro"]
    if not (home.rendered / "passwd").exists():
        files.write(home, {"rendered/passwd": ("", files.passwd_text(concrete.user))})
    argv = ["docker", "--host", engine.docker_host(), "run", "--rm", "--network=none", "--read-only", "--cap-drop=ALL", f"--user={uid}:{gid}", *mounts]
    done = subprocess.run([*argv, concrete.images.postgres, "try-config", "/trial"], capture_output=True, text=True, check=False)
    shutil.rmtree(trial, ignore_errors=True)
    if done.returncode != 0:
        telling = [line for line in (done.stdout + done.stderr).splitlines() if "trial" in line or "FATAL" in line]
        text = last_words("\n".join(telling[:1]) or done.stderr)
        raise UsageError(f"PostgreSQL does not start with config/: {text.replace('/trial/user_hba.conf', 'config/pg_hba.conf').replace('/trial/user.conf', 'config/postgresql.conf')}", "mend that line; nothing was changed")


class Convergence:
    """The steps from prepared files to a verified cluster."""

    def __init__(self, stack: Stack, console: Console, data: dict[str, DataState]) -> None:
        self.stack = stack
        self.console = console
        self.data = data
        self.before = stack.containers()

    def run(self) -> Stack:
        """Bootstrap what has no data, start what is not running, reload what changed, verify."""
        self._directories()
        self._initialise()
        unfit = [node.name for node in self.stack.topology.replicas if not isinstance(self.data[node.name], DataDirectory)]
        unfit += self._second_primaries()
        if unfit:
            self._start_primary()
            for node in unfit:
                self._clone(node)
        self._roll()
        self._start_all()
        self._converge_inside()
        self._reload()
        self._mend_lost()
        self._verify()
        return self.stack

    def _directories(self) -> None:
        owner = service_user()
        for name in self.stack.topology.names:
            directory = self.stack.home.node(name)
            if not directory.exists():
                directory.mkdir(mode=0o700)
            if directory.stat().st_uid != owner[0] and os.geteuid() == 0:
                os.chown(directory, *owner)

    def _initialise(self) -> None:
        primary = self.stack.topology.primary
        if self.data[primary] is None:
            with self.console.step(f"Making the first data directory in {self.stack.home.node(primary)}") as step:
                self.stack.compose.job(primary, ["init"], step, stdin=self.stack.passwords[secrets.SUPERUSER])
        if not self.stack.topology.system_identifier:
            made = control.read_data_directory(self.stack.home.node(primary))
            assert made is not None
            self.stack = self.stack.with_topology(replace(self.stack.topology, system_identifier=made.system_identifier))
            save(self.stack.home.topology, self.stack.topology)

    def _second_primaries(self) -> list[str]:
        """Replicas whose data would start as a primary; they are cloned anew."""
        found = []
        for node in self.stack.topology.replicas:
            state = self.data[node.name]
            if isinstance(state, DataDirectory) and not state.standby:
                self.console.warn(f"{node.name} is a replica, but its data is a primary's")
                found.append(node.name)
        return found

    def _start_primary(self) -> None:
        primary = self.stack.topology.primary
        with self.console.step(f"Starting {primary}") as step:
            self.stack.compose.follow(step, "up", "--detach", "--no-deps", primary)
            wait_until(
                lambda: self._missing_primary(step),
                timeout=self.stack.settings.start_timeout,
                what=f"{primary} did not accept connections",
                hint=f"see inv logs {primary}; a long recovery wants a larger PODS_START_TIMEOUT",
            )
        self._converge_inside()

    def _missing_primary(self, step: Step) -> str:
        primary = self.stack.topology.primary
        try:
            with connect(self.stack.superuser(primary)):
                return ""
        except EnvironmentFault as fault:
            container = self.stack.containers().get(primary)
            if container is None or container.status in ("exited", "dead") or container.restarts > 2:
                raise self._does_not_run(primary) from None
            if "password authentication failed" in fault.message:
                raise RefusedError(f"{primary} refuses the superuser's password", "put back secrets/superuser_password as it was when the data was made") from None
            step.update(fault.message)
            return fault.message

    def _does_not_run(self, service: str) -> EnvironmentFault:
        container = self.stack.containers().get(service)
        reason = containers.last_log_line(self.stack.client, container) if container else "it has no container"
        return EnvironmentFault(f"{service} does not run: {reason}", f"see inv logs {service}")

    def _clone(self, node: str) -> None:
        """Clone ``node`` from the primary; what was there is kept aside."""
        home, primary = self.stack.home, self.stack.topology.primary
        old = home.node(node) / control.MAJOR / "docker"
        if old.exists():
            state = self.data[node]
            kept = home.aside / f"{node}-{datetime.now(UTC):%Y%m%dT%H%M%SZ}"
            self.console.warn(f"{node} is cloned anew ({state if isinstance(state, ValueError) else 'its data cannot be used'}); its old data is kept in {kept}")
            self._room_for_clone(node)
            self._stop(node)
            home.aside.mkdir(mode=0o700, exist_ok=True)
            old.rename(kept)
        self._room_for_clone(node)
        with self.console.step(f"Cloning {node} from {primary}") as step, self._watching(node, step):
            self.stack.compose.job(node, ["clone", primary, slot_of(node)], step)

    def _room_for_clone(self, node: str) -> None:
        with connect(self.stack.superuser(self.stack.topology.primary)) as connection:
            size = fetch_one(connection, "database_size", lambda bytes: int(bytes)) or 0
        free = preflight.free_disk(self.stack.home.data)
        if size + preflight.NEEDED_FREE > free:
            raise EnvironmentFault(f"the clone of {node} needs {human_size(size)} and {human_size(free)} are free", "free some space (data/.aside holds replaced data), then run inv up")

    def _stop(self, node: str) -> None:
        with self.console.step(f"Stopping {node}") as step:
            self.stack.compose.follow(step, "rm", "--stop", "--force", node)

    def _watching(self, node: str, step: Step) -> "CloneWatch":
        return CloneWatch(self.stack, node, step)

    def _differs(self, service: str, running: Mapping[str, containers.Container]) -> bool:
        return service not in running or not running[service].well or running[service].definition != self._definitions()[service]

    def _definitions(self) -> dict[str, str]:
        stack = self.stack
        concrete = Concrete(images=build.expected(stack.topology.image_base), user=service_user())
        made = compose_stack(stack.settings, stack.topology, files.derive(stack.settings, stack.topology.sizing), concrete)
        return {name: service["labels"]["pods.definition"] for name, service in made["services"].items()}

    def _roll(self) -> None:
        """Running services whose definition changed are replaced one after the other, what others need last."""
        definitions = self._definitions()
        for service in self.stack.services:
            running = self.before.get(service)
            if running is not None and running.status == "running" and running.definition != definitions[service]:
                with self.console.step(f"Replacing {service}, whose definition changed") as step:
                    self.stack.compose.follow(step, "up", "--detach", "--no-deps", "--wait", service)

    def _start_all(self) -> None:
        definitions, running = self._definitions(), self.stack.containers()
        ready = [s for s in self.stack.services if s in running and running[s].well and running[s].definition == definitions[s]]
        if len(ready) == len(self.stack.services) == len(running):
            return
        with self.console.step("Starting " + ", ".join(s for s in self.stack.services if s not in ready) or "services") as step:
            self._compose_up(step)

    def _compose_up(self, step: Step) -> None:
        timeout = str(self.stack.settings.start_timeout)
        try:
            self.stack.compose.follow(step, "up", "--detach", "--wait", "--wait-timeout", timeout, "--remove-orphans")
        except EnvironmentFault as fault:
            self._explain_start(fault)

    def _explain_start(self, fault: EnvironmentFault) -> None:
        """Compose failed: a primary or PgBouncer that does not run ends it; a replica may need a new clone, later."""
        running = self.stack.containers()
        for service in (self.stack.topology.primary, "pgbouncer"):
            if service not in running or not running[service].well:
                raise self._does_not_run(service) if service in running else fault
        for node in self.stack.topology.replicas:
            container = running.get(node.name)
            if container is None:
                raise fault
            if not container.well:
                self.console.warn(f"{node.name} does not run: {containers.last_log_line(self.stack.client, container)}")

    def _converge_inside(self) -> None:
        stack = self.stack
        made = roles.converge(stack.superuser(stack.topology.primary), stack.settings, stack.passwords, [n.name for n in stack.topology.replicas])
        if made:
            self.console.note("made in the primary: " + ", ".join(made))

    def _reload(self) -> None:
        """Servers that were running take changed files and certificates up without a restart."""
        for node in self.stack.topology.names:
            if node in self.before and self.before[node].status == "running":
                reload_node(self.stack, node)
        if "pgbouncer" in self.before and self.before["pgbouncer"].well:
            with connect(self.stack.access("pgbouncer", secrets.ADMIN, "pgbouncer"), console=True) as console:
                reload_pooler(console)

    def _mend_lost(self) -> None:
        """A replica that lost its place in the WAL, or whose data does not start, is cloned anew."""
        running = self.stack.containers()
        snapshot = self.stack.snapshot()
        for node in self.stack.topology.replicas:
            slot = snapshot.slot(slot_of(node.name))
            lost = slot is not None and slot.wal_status == "lost"
            broken = node.name in running and not running[node.name].well and snapshot.nodes[node.name].facts is None
            if snapshot.primary is None or not (lost or broken):
                continue
            if lost:
                self._recreate_slot(node.name)
            self._clone(node.name)
            with self.console.step(f"Starting {node.name}") as step:
                self.stack.compose.follow(step, "up", "--detach", "--no-deps", "--wait", node.name)

    def _recreate_slot(self, node: str) -> None:
        from cluster.postgres import literal

        self._stop(node)
        with connect(self.stack.superuser(self.stack.topology.primary)) as connection:
            execute(connection, "drop_slot", slot=literal(slot_of(node)))
            execute(connection, "create_slot", slot=literal(slot_of(node)))

    def _verify(self) -> None:
        """Wait until every node and pool is as it should be."""
        deadline = time.monotonic() + self.stack.settings.start_timeout
        with self.console.step("Verifying that every node streams and every pool leads where it should") as step:
            while True:
                verdict = self.stack.judge(self.stack.snapshot())
                if verdict.healthy:
                    break
                step.update("; ".join(verdict.reasons))
                if time.monotonic() > deadline:
                    raise WaitTimeout("the cluster runs, but is not healthy: " + "; ".join(verdict.reasons), "see inv status and inv logs, then run inv up again")
                time.sleep(0.3)
        for note in verdict.notes:
            self.console.note(note)


def reload_node(stack: Stack, node: str, *, force: bool = False) -> bool:
    """Reload ``node`` if one of its files or certificates is newer than what it has loaded; True if it was."""
    paths = [*(stack.home.rendered / "nodes" / node).iterdir(), stack.home.tls / node / "server.crt"]
    newest = max(path.stat().st_mtime for path in paths)
    with connect(stack.superuser(node)) as connection:
        loaded = fetch_one(connection, "load_time", lambda loaded: float(loaded)) or 0.0
        if force or loaded < newest:
            execute(connection, "reload")
            return True
    return False


class CloneWatch:
    """Shows a running clone's progress in its step, from the primary's own view of it."""

    def __init__(self, stack: Stack, node: str, step: Step) -> None:
        self._stack = stack
        self._node = node
        self._step = step
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join(5)

    def _watch(self) -> None:
        began = time.monotonic()
        while not self._ended.wait(0.5):
            try:
                with connect(self._stack.superuser(self._stack.topology.primary)) as connection:
                    text = fetch_one(connection, "clone_progress", _progress_text, [slot_of(self._node)])
            except PodsError:
                continue
            if text:
                self._step.update(f"{text}, {human_seconds(time.monotonic() - began)}")


def _progress_text(phase: str, done: int | None, total: int | None) -> str:
    if not total or done is None:
        return phase
    return f"{min(100, 100 * done // total)} % ({human_size(done)} of {human_size(total)})"


