"""The Docker engine: find it, say in one line why it cannot be used, install it where asked.

How each system gets its engine is a table; a system that is not in it is left alone. Debian 12's own engine has no
Compose v2, so it takes the engine from testing, pinned to the engine's packages: everything else stays Debian 12.
"""

import json
import os
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from cluster.config.settings import Settings
from cluster.errors import MachineError
from cluster.waiting import attempts
from compose.console import Console
from compose.engine import apt
from compose.process import last_words, run

if TYPE_CHECKING:
    from docker import DockerClient

DEFAULT_HOST = "unix:///var/run/docker.sock"
MINIMUM_ENGINE = (25, 0)
"""Health checks with a start interval need engine 25 (Docker release notes, 25.0)."""
MINIMUM_COMPOSE = (2, 20)
"""``start_interval`` needs Compose 2.20.2 (Compose release notes)."""
_LOG = Path("/var/log/dockerd.log")
_START_SECONDS = 60.0
_PID_FILE = Path("/var/run/docker.pid")
_CONTAINERD_PID_FILE = Path("/var/run/docker/containerd/containerd.pid")
_INSTALL_HINT = (
    "run ./pods.sh up --install-engine (Debian 12, 13 or Ubuntu, as root), or install Docker and Compose v2 yourself"
)


@dataclass(frozen=True, slots=True)
class EnginePackages:
    """Which packages make an engine; ``borrowed`` come from Debian's ``suite``, pinned to them alone."""

    packages: tuple[str, ...]
    suite: str = ""
    borrowed: tuple[str, ...] = ()


_TOOLS = ("iptables", "ca-certificates", "mmdebstrap")
RECIPES: dict[tuple[str, str], EnginePackages] = {
    ("debian", "12"): EnginePackages(
        ("docker.io", "docker-cli", "docker-compose", "docker-buildx", *_TOOLS),
        suite="testing",
        borrowed=("docker.io", "docker-cli", "docker-compose", "docker-buildx", "containerd", "tini-static"),
    ),
    ("debian", "13"): EnginePackages(("docker.io", "docker-cli", "docker-compose", "docker-buildx", *_TOOLS)),
    ("ubuntu", ""): EnginePackages(
        ("docker.io", "docker-compose-v2", "docker-buildx", "debian-archive-keyring", *_TOOLS)
    ),
}


def recipe_for(system: apt.System) -> EnginePackages:
    """How ``system`` gets its engine.

    Raises:
        MachineError: it is not a system we know.
    """
    recipe = RECIPES.get((system.id, system.version)) or RECIPES.get((system.id, ""))
    if recipe is None:
        raise MachineError(
            f"{system.name} is not a system whose engine PODS can install",
            "install Docker and Compose v2 yourself, then run this again",
        )
    return recipe


def docker_host() -> str:
    """The engine's address, for the SDK and the command line alike."""
    return os.environ.get("DOCKER_HOST") or DEFAULT_HOST


def connect() -> "DockerClient":
    """A client of the engine.

    Raises:
        MachineError: there is no engine, or this user may not use it.
    """
    import docker
    from docker.errors import DockerException

    try:
        return docker.DockerClient(base_url=docker_host(), version="auto", timeout=120)
    except DockerException as error:
        raise _why_not(str(error)) from None


def _why_not(text: str) -> MachineError:
    if "Permission denied" in text or "PermissionError" in text:
        return MachineError(
            f"the Docker engine at {docker_host()} refuses this user",
            "run as root, or join the docker group and log in again",
        )
    if apt.has("dockerd"):
        return MachineError(
            f"no Docker engine answers at {docker_host()}",
            "start it: ./pods.sh up --install-engine does (as root), or systemctl start docker",
        )
    return MachineError(f"no Docker engine answers at {docker_host()}", _INSTALL_HINT)


def ensure(settings: Settings, console: Console, *, install: bool, check: bool = True) -> "DockerClient":
    """The engine, installed and started if need be and ``install`` says so; ``check`` looks at versions too.

    Raises:
        MachineError: none answers and ``install`` is false, or it cannot be installed here.
    """
    try:
        client = connect()
    except MachineError:
        if not install:
            raise
        client = _bring(settings, console)
    else:
        if install and compose_version() is not None:
            console.note(f"the Docker engine is already there ({client.version()['Version']}); nothing to install")
    if install and compose_version() is None:
        _install_packages(settings, console)
    if check:
        check_versions(client)
    return client


def _bring(settings: Settings, console: Console) -> "DockerClient":
    if docker_host() != DEFAULT_HOST:
        raise MachineError(
            f"DOCKER_HOST={docker_host()} does not answer",
            "start that engine, or unset DOCKER_HOST to install one here",
        )
    apt.require_root("installing the engine")
    if not apt.has("dockerd") or compose_version() is None:
        _install_packages(settings, console)
    try:  # the package may have started it
        return connect()
    except MachineError:
        return start(console)


def _install_packages(settings: Settings, console: Console) -> None:
    """Install engine, Compose, Buildx and the image builder from the host's archive."""
    apt.require_root("installing the engine")
    system = apt.this_system()
    recipe = recipe_for(system)
    stale = apt.accepts_stale(settings.stale_mirror)
    with console.step(f"Installing the Docker engine for {system.name}") as step:
        if not apt.has_index():
            apt.update(step, stale=stale)
        if recipe.suite:
            _borrow(recipe, settings.debian_mirror or apt.debian_archive())
        apt.update(step, stale=stale)
        apt.install(list(recipe.packages), step, stale=stale)


def _borrow(recipe: EnginePackages, archive: str) -> None:
    """Let apt take the engine's packages, and nothing else, from another suite of the same archive."""
    Path("/etc/apt/sources.list.d/pods-engine.sources").write_text(borrowed_source(recipe, archive))
    Path("/etc/apt/preferences.d/pods-engine").write_text(borrowed_pins(recipe))


def borrowed_source(recipe: EnginePackages, archive: str) -> str:
    """The deb822 source for the suite the engine is borrowed from."""
    return (
        "# Made by PODS: only the Docker engine comes from here, see preferences.d/pods-engine.\n"
        f"Types: deb\nURIs: {archive}\nSuites: {recipe.suite}\nComponents: main\n"
        "Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg\n"
    )


def borrowed_pins(recipe: EnginePackages) -> str:
    """apt preferences: the engine's packages from the suite, nothing else of it ever."""
    return (
        f"Package: {' '.join(recipe.borrowed)}\nPin: release a={recipe.suite}\nPin-Priority: 990\n\n"
        f"Package: *\nPin: release a={recipe.suite}\nPin-Priority: -1\n"
    )


def start(console: Console) -> "DockerClient":
    """Start the daemon, with systemd or without, and wait until it answers."""
    with console.step("Starting the Docker engine") as step:
        daemon = _start_daemon()
        for _ in attempts(_START_SECONDS):
            try:
                return connect()
            except MachineError:
                if daemon is not None and daemon.poll() is not None:
                    break
                step.update("waiting for it to answer")
    log = last_words(_LOG.read_text(errors="replace"), 1) if daemon is not None else ""
    reason = f"see {_LOG}: {log}" if log else "see journalctl -u docker"
    raise MachineError("the Docker engine does not start", reason)


def _start_daemon() -> "subprocess.Popen[bytes] | None":
    if Path("/run/systemd/system").is_dir():
        run(["systemctl", "enable", "--now", "docker"])
        return None
    for pid_file, program in ((_PID_FILE, "dockerd"), (_CONTAINERD_PID_FILE, "containerd")):
        forget_stale_pid(pid_file, program)
    with _LOG.open("ab") as log:
        return subprocess.Popen(["dockerd"], stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)


def forget_stale_pid(path: Path, program: str) -> None:
    """Remove a pid file whose process is gone, or is another program by now: the daemon would not start over it."""
    try:
        running = Path("/proc") / path.read_text().strip() / "comm"
        if not running.exists() or running.read_text().strip() != program:
            path.unlink()
    except FileNotFoundError:
        return


def check_versions(client: "DockerClient") -> None:
    """Refuse an engine or Compose that is too old for what the stack asks of them."""
    engine = str(client.version()["Version"])
    compose = compose_version()
    if version_tuple(engine) < MINIMUM_ENGINE:
        raise MachineError(f"Docker engine {engine} is too old", f"PODS needs {MINIMUM_ENGINE[0]} or newer")
    if compose is None:
        raise MachineError("Docker Compose v2 is not installed", _INSTALL_HINT)
    if version_tuple(compose) < MINIMUM_COMPOSE:
        raise MachineError(f"Docker Compose {compose} is too old", "PODS needs 2.20 or newer")


def compose_version() -> str | None:
    """Compose's version, or None where the plugin is missing."""
    try:
        output = run(["docker", "compose", "version", "--format", "json"], timeout=30)
    except MachineError:
        return None
    return str(json.loads(output)["version"]).removeprefix("v")


def may_lift_memlock(client: "DockerClient", image: str, labels: dict[str, str]) -> bool:
    """Whether containers of this engine may have unlimited locked memory; some hosts deny their engine that right.

    ``labels`` let the next `up` find the trial's container if this one is killed meanwhile.
    """
    from docker.errors import APIError
    from docker.types import Ulimit

    limits = [Ulimit(name="memlock", soft=-1, hard=-1)]
    trial = client.containers.create(image, entrypoint=["true"], network_mode="none", ulimits=limits, labels=labels)
    try:
        trial.start()
    except APIError:
        return False
    finally:
        trial.remove(force=True)
    return True


def version_tuple(text: str) -> tuple[int, int]:
    """Major and minor of ``28.5.2+dfsg1``; (0, 0) where it says none."""
    match = re.match(r"([0-9]+)\.([0-9]+)", text)
    return (int(match[1]), int(match[2])) if match else (0, 0)
