"""Containers of one host: those of its Compose project, and one for a single command."""

import os
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from cluster.config.docker_hosts import Host
from cluster.errors import MachineError, PodsError, RefusedError
from compose.console import Progress
from compose.engine.containers import Container, SdkReader, one_off_labels
from compose.engine.daemon import docker_host
from compose.engine.hosts.claims import ControlMachine
from compose.engine.hosts.shipped_files import MOUNTED
from compose.engine.hosts.ssh_command import ssh_argv
from compose.process import follow, last_words, run

if TYPE_CHECKING:
    from docker import DockerClient

SECONDS = 120.0
"""For one command."""
_STOP_SECONDS = 60
"""That a server is given to end by itself."""
_FILE_RIGHTS = ("CHOWN", "DAC_OVERRIDE", "FOWNER")
"""What root in a container needs for other users' files."""


@dataclass(frozen=True)
class HostContainers:
    """What runs on one host, which is reached.

    Args:
        host: which.
        address: of its engine, for SDK and command line alike: a socket of this machine.
        control: who we are.
        folder: here, where what was rendered for the host is kept as it lies there.
        project: the cluster's; the host's own is made of it.
        image: PODS' own, in which work on files is done, as the engine at ``source`` has it.
        source: the engine of this machine.
        known_hosts: file with the pinned keys, while the host is open; None for a local one.
    """

    host: Host
    address: str
    control: ControlMachine
    folder: Path
    project: str
    image: str
    source: str = field(default_factory=docker_host)
    known_hosts: Path | None = None

    @property
    def name(self) -> str:
        """The host's."""
        return self.host.name

    @property
    def home(self) -> PurePosixPath:
        """The directory there."""
        return home_on(self.host, self.project)

    @property
    def compose_project(self) -> str:
        """Its Compose project."""
        return f"{self.project}-{self.host.name}"

    @cached_property
    def client(self) -> "DockerClient":
        """A client of its engine.

        Raises:
            MachineError: the engine does not answer.
        """
        return engine_client(self.address, self.host.name)

    def containers(self) -> dict[str, Container]:
        """Its lasting containers, by service."""
        return SdkReader(self.client, self.compose_project).containers()

    def compose_argv(self, *arguments: str) -> list[str]:
        """`docker compose` there, on what was rendered for the host; relative paths are those of its home."""
        files = ["--project-directory", str(self.home), "--file", str(self.folder / "compose.yaml")]
        plain = ["--env-file", "/dev/null", "--progress", "plain"]
        return ["docker", "compose", "--project-name", self.compose_project, *files, *plain, *arguments]

    @property
    def environment(self) -> dict[str, str]:
        """Of the command line: this engine, and nothing of the user's that bends Compose."""
        cleared = dict.fromkeys(("COMPOSE_FILE", "COMPOSE_PROFILES", "DOCKER_CONTEXT", "DOCKER_TLS_VERIFY"), "")
        return {**cleared, "DOCKER_HOST": self.address, "COMPOSE_ANSI": "never"}

    def compose(self, *arguments: str, stdin: str | None = None, timeout: float | None = None) -> str:
        """Run Compose there and return its stdout."""
        with _named(self.host):
            return run(self.compose_argv(*arguments), env=self.environment, stdin=stdin, timeout=timeout)

    def follow(self, step: Progress, *arguments: str) -> str:
        """Run Compose there, showing its last line in ``step``."""
        with _named(self.host):
            return follow(self.compose_argv(*arguments), step, env=self.environment)

    def execute(
        self, service: str, command: Sequence[str], stdin: bytes = b"", *, user: str = "", timeout: float = SECONDS
    ) -> bytes:
        """Output of a command in the running container of ``service``.

        Raises:
            MachineError: it failed; carries its last words.
        """
        as_user = ("--user", user) if user else ()
        return self.output(self.compose_argv("exec", "-T", *as_user, service, *command), stdin, timeout)

    def take_down(self, step: Progress) -> None:
        """Stop and remove all containers and networks of its Compose project, whatever file they were made from."""
        label = f"com.docker.compose.project={self.compose_project}"
        for each in self.client.containers.list(all=True, filters={"label": label}):
            step.update(f"stopping {each.name}")
            each.stop(timeout=_STOP_SECONDS)
            each.remove(force=True)
        for network in self.client.networks.list(filters={"label": label}):
            network.remove()

    def shell(self, script: str, timeout: float = SECONDS) -> str:
        """What a shell on the host itself prints, as whoever ssh lets in there.

        Raises:
            MachineError: it failed.
        """
        argv = ["sh", "-s"]
        if self.known_hosts is not None:
            argv = [*ssh_argv(self.host, self.known_hosts), "sh", "-s"]
        return self.output(argv, script.encode(), timeout).decode(errors="replace")

    def run(
        self,
        image: str,
        command: Sequence[str],
        stdin: bytes = b"",
        *,
        entrypoint: str = "",
        user: str = "0:0",
        network: str = "none",
        volumes: Sequence[str] = (),
        timeout: float = SECONDS,
    ) -> bytes:
        """Output of a one-off container, which has the host's home at `MOUNTED` and is root for files only.

        Args:
            image: never pulled.
            command: its arguments.
            stdin: what it reads.
            entrypoint: the program, where it is not the image's own.
            user: uid and gid.
            network: none, host, or a network's name there.
            volumes: more mounts, as `docker run --volume` has them.
            timeout: seconds.

        Raises:
            MachineError: it failed; carries its last words.
            RefusedError: there is no such home there.
        """
        home = (f"--mount=type=bind,source={self.home},target={MOUNTED}",)
        argv = self.run_argv(image, command, (*home, *(f"--volume={each}" for each in volumes)))
        argv[argv.index("--user=0:0")] = f"--user={user}"
        argv[argv.index("--network=none")] = f"--network={network}"
        if entrypoint:
            argv.insert(argv.index("--rm"), f"--entrypoint={entrypoint}")
        try:
            return self.output(argv, stdin, timeout)
        except MachineError as error:
            if "bind source path does not exist" in str(error):
                raise _no_home(self.host, self.home) from None
            raise

    def run_argv(self, image: str, command: Sequence[str], mounts: Sequence[str]) -> list[str]:
        """The command line of such a container."""
        labels = one_off_labels(self.compose_project)
        return [
            *("docker", "--host", self.address, "run", "--rm", "--interactive", "--pull=never", "--log-driver=none"),
            *(f"--label={name}={value}" for name, value in labels.items()),
            *("--read-only", "--tmpfs=/tmp", "--cap-drop=ALL", *(f"--cap-add={right}" for right in _FILE_RIGHTS)),
            *("--security-opt=no-new-privileges", "--pids-limit=256", "--user=0:0", "--network=none"),
            *mounts,
            image,
            *command,
        ]

    def output(self, argv: Sequence[str], stdin: bytes, timeout: float) -> bytes:
        """What a command here prints that works there.

        Raises:
            MachineError: it failed; carries its last words.
        """
        try:
            done = subprocess.run(
                argv,
                input=stdin,
                capture_output=True,
                timeout=timeout,
                check=False,
                env={**os.environ, **self.environment},
            )
        except OSError as error:
            raise MachineError(f"{argv[0]} cannot be run: {error.strerror}") from None
        except subprocess.TimeoutExpired:
            raise MachineError(f"host {self.name}: a command did not end within {timeout:.0f} s") from None
        if done.returncode:
            words = last_words((done.stderr or done.stdout).decode(errors="replace"), 2)
            raise MachineError(f"host {self.name}: {words.removeprefix('docker: ')}")
        return done.stdout


def home_on(host: Host, project: str) -> PurePosixPath:
    """The directory on the host: the file's, else one by the project's name."""
    return PurePosixPath(host.home or f"/srv/{project}")


def engine_client(address: str, name: str) -> "DockerClient":
    """A client of the engine at ``address``.

    Raises:
        MachineError: it does not answer.
    """
    import docker
    from docker.errors import DockerException

    try:
        return docker.DockerClient(base_url=address, version="auto", timeout=120)
    except DockerException as error:
        raise MachineError(f"the Docker engine of {name} does not answer: {str(error)[:200]}") from None


def _no_home(host: Host, home: PurePosixPath) -> PodsError:
    return RefusedError(
        f"there is no {home} on host {host.name}",
        f"is its disk not mounted there? For a new host: inv hosts.add {host.name}",
    )


@contextmanager
def _named(host: Host) -> Iterator[None]:
    """Puts the host's name before what a command printed that failed there."""
    try:
        yield
    except MachineError as error:
        raise MachineError(f"host {host.name}: {error.message}", error.hint) from None
