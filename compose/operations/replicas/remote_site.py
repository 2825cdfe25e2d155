"""A replica on another Docker host: its Compose project there, its relay here.

Everything is done through the host's engine: files are shipped, data is worked on in containers of PODS' own images.
What is rendered for it lies here as well, whole, so that an operation without the host knows what is there.
"""

from dataclasses import replace
from datetime import UTC, datetime

from cluster.endpoints import PROXY, source_endpoint
from cluster.errors import MachineError, RefusedError
from cluster.naming import slot_of
from cluster.postgres.connection import connect, fetch_one
from cluster.sizing import Sizing
from cluster.units import human_size
from cluster.waiting import attempts
from compose.console import Progress
from compose.engine import containers
from compose.engine.containers import Container, send_signal
from compose.engine.host import host_facts_of
from compose.engine.hosts.host_engine import HostEngine
from compose.engine.hosts.shipped_files import HOST_USER, MOUNTED, HostFile, plain_files, secret_files
from compose.home.passwords import MONITOR, REPLICATION, password_file
from compose.operations.preflight import NEEDED_FREE
from compose.operations.replicas.clone import CloneSource, CloneWatch, remove_container
from compose.operations.replicas.node_site import LocalSite, does_not_stream
from compose.operations.start import hopeless, start_and_wait, why_not
from compose.render.compose_file import compose_text, passwd_text
from compose.render.compose_types import Project
from compose.render.host_facts import HostFacts
from compose.render.remote_replica import promotion_files, remote_project
from compose.stack import Stack

_DATA = "18/docker"
"""Below a node's directory: the official image's layout."""


class RemoteSite:
    """Of the replica ``name``, on the host that ``engine`` is of."""

    def __init__(self, engine: HostEngine, name: str) -> None:
        self.engine, self._name = engine, name
        self._directory = f"{MOUNTED}/data/{name}"
        self._aside = f".aside/{name}-{datetime.now(UTC):%Y%m%dT%H%M%S%fZ}"

    def measure(self, stack: Stack) -> Sizing:
        """Memory and free disk there, for one node that has the host to itself."""
        free = int(self._shell(stack, f"df --output=avail -B1 {MOUNTED} | tail -n 1"))
        return Sizing(memory=int(self.engine.client.info()["MemTotal"]), disk=free, nodes=1)

    def check_new(self, stack: Stack) -> None:
        """Refuse to make a replica where there is data already."""
        if self._shell(stack, f"if [ -e {self._directory}/18 ]; then echo data; fi"):
            raise RefusedError(
                f"{self.engine.home}/data/{self._name} on host {self.engine.name} holds data already",
                "move it away there",
            )

    def check_room(self, stack: Stack) -> None:
        """Refuse a clone that does not fit on the disk there."""
        with connect(stack.superuser(stack.topology.primary)) as connection:
            size = fetch_one(connection, "database_size", lambda bytes: int(bytes)) or 0
        free = self.measure(stack).disk
        if size + NEEDED_FREE > free:
            raise RefusedError(
                f"the clone takes {human_size(size)}, and host {self.engine.name} has {human_size(free)} free",
                "free some space there, then run this again",
            )

    def make(self, stack: Stack, step: Progress) -> None:
        """Image, directories and files there, and the relay here."""
        self.bring_files(stack, step)
        if start_and_wait(stack, step, [self._name]):
            raise MachineError(f"the relay of {self._name} does not run: {why_not(stack, self._name)}")

    def bring_files(self, stack: Stack, step: Progress | None = None) -> tuple[str, ...]:
        """What the host needs and has not; the paths of the files that differed."""
        self.engine.load_images([remote_facts(stack).images.postgres], step)
        self.engine.make_folders(self._name, "logs", f"logs/{self._name}")
        return self.engine.ship(replica_files(stack, self._name))

    def unmake(self, stack: Stack) -> None:
        """Everything of ours but data there, and the relay here."""
        remove_container(stack, self._name)
        if self.engine.containers() or (self.engine.folder / "compose.yaml").exists():
            self.engine.compose("down", "--remove-orphans")
        self.engine.ship({})
        self._shell(stack, f"rm -rf {self._directory}/18/.new; find {self._directory} -type d -empty -delete || true")

    def holds_replica(self, stack: Stack) -> bool:
        """Whether there is whole data of a standby of this cluster."""
        pgdata = f"{self._directory}/{_DATA}"
        script = f"if [ -e {pgdata}/standby.signal ]; then LC_ALL=C pg_controldata {pgdata}; fi"
        found = dict(line.split(":", 1) for line in self._shell(stack, script).splitlines() if ":" in line)
        return found.get("Database system identifier", "").strip() == stack.topology.system_identifier

    def clone(self, stack: Stack, step: Progress, source: CloneSource) -> None:
        """Copy the data from the primary, by way of the relay."""
        primary, port = stack.topology.primary, source_endpoint(stack.settings, stack.topology, self._name)[1]
        command = ("clone", self._name, PROXY, slot_of(self._name), source.rate or "-", str(port))
        with CloneWatch(stack, self._name, primary, step):
            self.engine.follow(step, "run", "--rm", "--no-deps", "-T", self._name, *command)

    def delete_clone(self, stack: Stack) -> None:
        """Remove the data, whole or not."""
        self._shell(stack, f"rm -rf {self._directory}/{_DATA} {self._directory}/18/.new")

    def start(self, stack: Stack, step: Progress) -> None:
        """Start it, and wait until it streams."""
        before = {each.id: each.restarts for each in self.engine.containers().values()}
        self.engine.follow(step, "up", "--detach", "--no-deps", self._name)
        for _ in attempts(stack.settings.start_timeout):
            now = self.container()
            if now is not None and now.well:
                return
            if now is not None and hopeless(now, before):
                break
            step.update(f"waiting for {self._name}")
        where = f"on host {self.engine.name}: docker logs {self.engine.compose_project}-{self._name}-1"
        raise does_not_stream(self._name, self._why_not(), where)

    def container(self) -> Container | None:
        """The node's, there."""
        return self.engine.containers().get(self._name)

    def _why_not(self) -> str:
        container = self.container()
        return "it has no container" if container is None else containers.last_log_line(self.engine.client, container)

    def start_again(self, _: Stack) -> None:
        """Start it, and do not wait."""
        self.engine.compose("up", "--detach", "--no-deps", self._name)

    def stop(self, _: Stack, step: Progress | None = None) -> None:
        """Stop it, and remove its container; the relay stays until nobody knows the node."""
        if self._name in self.engine.containers():
            command = ("rm", "--stop", "--force", self._name)
            self.engine.follow(step, *command) if step else self.engine.compose(*command)

    def reload(self) -> None:
        """Let it read its files and certificates again."""
        if (container := self.container()) is not None and container.status == "running":
            send_signal(self.engine.client, container.id, "HUP")

    def set_aside(self, stack: Stack) -> str:
        """Move the data aside, there."""
        pgdata, kept = f"{self._directory}/{_DATA}", f"{MOUNTED}/data/{self._aside}"
        script = (
            f"if [ -e {pgdata} ]; then mkdir -p -m 0700 {MOUNTED}/data/.aside; mv -T {pgdata} {kept}; echo moved; fi"
        )
        moved = self._shell(stack, script)
        return f"{self.engine.home}/data/{self._aside} on host {self.engine.name}" if moved else ""

    def put_back(self, stack: Stack) -> None:
        """What was set aside is its data again."""
        pgdata, kept = f"{self._directory}/{_DATA}", f"{MOUNTED}/data/{self._aside}"
        self._shell(stack, f"if [ -e {kept} ] && [ ! -e {pgdata} ]; then mv -T {kept} {pgdata}; fi")

    def delete(self, stack: Stack) -> str:
        """Delete the data."""
        self._shell(stack, f"rm -rf {self._directory}")
        return ""

    def _shell(self, stack: Stack, script: str) -> str:
        """Output of a script there, in a container that has the host's home and no network."""
        image = remote_facts(stack).images.postgres
        self.engine.load_images([image])
        return self.engine.run(image, ["-euc", script], entrypoint="bash").decode(errors="replace").strip()


class LostSite(LocalSite):
    """Of a replica whose host does not answer: what is there stays as it is, and its relay goes."""

    def start_again(self, _: Stack) -> None:
        """Nobody can."""

    def set_aside(self, _: Stack) -> str:
        """It stays where it is."""
        return ""

    def delete(self, _: Stack) -> str:
        """It stays where it is."""
        return "it stays on a host that does not answer"


def remote_facts(stack: Stack) -> HostFacts:
    """What containers on other hosts are rendered with: the same images, and the user that they have there."""
    return replace(host_facts_of(stack.home, stack.settings, stack.topology), user=HOST_USER)


def wanted_project(stack: Stack, name: str) -> Project:
    """The Compose project there shall be on the host of ``name``."""
    return remote_project(stack.settings, stack.topology, stack.topology.node(name), remote_facts(stack))


def replica_files(stack: Stack, name: str) -> dict[str, HostFile]:
    """All that the host of the replica ``name`` gets: one node's files, its key, and two passwords."""
    home, rendered = stack.home, f"rendered/nodes/{name}"
    texts = {path.name: path.read_text(encoding="utf-8") for path in sorted((home.path / rendered).iterdir())}
    secrets = {f"secrets/{each}_password": password_file(home, each) for each in (REPLICATION, MONITOR)}
    secrets |= {f"secrets/tls/{name}/{each}": home.tls / name / each for each in ("ca.crt", "server.crt", "server.key")}
    return {
        **plain_files(
            {
                "compose.yaml": compose_text(wanted_project(stack, name)),
                "rendered/passwd": passwd_text(HOST_USER),
                **promotion_files(stack.settings, stack.topology, stack.topology.node(name)),
                **{f"{rendered}/{file}": text for file, text in texts.items()},
            }
        ),
        **secret_files({path: source.read_bytes() for path, source in secrets.items()}),
    }
