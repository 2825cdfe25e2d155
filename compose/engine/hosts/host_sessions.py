"""Hosts opened for the length of a task: their sockets forwarded, each with its engine."""

import contextlib
import tempfile
from collections.abc import Callable, Collection, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

from cluster.config.docker_hosts import Host
from cluster.config.settings import Settings
from cluster.errors import PodsError, RefusedError, UsageError
from cluster.hosts_state import HostsState
from cluster.topology_file import load
from compose.engine.daemon import docker_host
from compose.engine.host import host_facts_of
from compose.engine.hosts.claims import this_machine
from compose.engine.hosts.host_engine import HostEngine
from compose.engine.hosts.host_keys import known_hosts_text
from compose.engine.hosts.socket_forward import SocketForward
from compose.home.hosts_state_file import load_state
from compose.home.paths import Home

Made = TypeVar("Made")


@contextlib.contextmanager
def open_hosts(
    home: Home, settings: Settings, names: Collection[str] | None = None, *, state: HostsState | None = None
) -> Iterator[dict[str, HostEngine]]:
    """The hosts of config/hosts.toml, or those of these names, each with its engine, while the body runs.

    Args:
        home: the cluster's, on this machine.
        settings: which hosts there are.
        names: which of them; all that were added where it is None.
        state: what is known of them, where it is not the file's.

    Raises:
        PodsError: one of them cannot be reached; which, and why.
    """
    with reach_hosts(home, settings, names, state=state) as reached:
        for each in reached.values():
            if isinstance(each, PodsError):
                raise each
        yield {name: each for name, each in reached.items() if isinstance(each, HostEngine)}


@contextlib.contextmanager
def reach_hosts(
    home: Home, settings: Settings, names: Collection[str] | None = None, *, state: HostsState | None = None
) -> Iterator[dict[str, HostEngine | PodsError]]:
    """The same, where one that cannot be reached is no reason to stop: it has the error instead of an engine."""
    known = state or load_state(home)
    hosts = _chosen(settings, known, names)
    with tempfile.TemporaryDirectory(prefix="pods-") as name, contextlib.ExitStack() as stack:
        folder = Path(name)
        (folder / "known_hosts").write_text(known_hosts_text({each.name: each.host_key for each in known.hosts}))
        forwards = {host.name: SocketForward(host, folder / "known_hosts", folder) for host in hosts if not host.local}
        refused = {host.name: error for host in hosts if (error := _not_added(settings, host, known))}
        for each in forwards.values():
            if each.host.name not in refused:
                stack.callback(each.close)
                each.start()
        refused |= _waited([each for each in forwards.values() if each.host.name not in refused])
        engine = _engines(home, settings, known)
        made: dict[str, HostEngine | PodsError] = {}
        for host in hosts:
            address = docker_host() if host.local else f"unix://{forwards[host.name].socket}"
            pinned = None if host.local else folder / "known_hosts"
            made[host.name] = refused.get(host.name) or engine(host, address, pinned)
        with _naming_the_lost([each for name, each in forwards.items() if name not in refused]):
            yield made


def on_every(engines: Mapping[str, HostEngine], work: Callable[[HostEngine], Made]) -> dict[str, Made]:
    """What ``work`` makes of each host, all at once; the first error is raised when all have ended."""
    with ThreadPoolExecutor(max(1, len(engines)), thread_name_prefix="hosts") as threads:
        begun = {name: threads.submit(work, engine) for name, engine in engines.items()}
    return {name: each.result() for name, each in begun.items()}


def _chosen(settings: Settings, known: HostsState, names: Collection[str] | None) -> list[Host]:
    hosts = settings.hosts
    if not hosts.hosts:
        raise UsageError("there is no config/hosts.toml, so there are no hosts", "see docs/how-to/hosts.md")
    for name in names or ():
        if hosts.find(name) is None:
            raise UsageError(f"there is no host {name!r} in config/hosts.toml", f"there are: {', '.join(hosts.names)}")
    if names is None:
        return [host for host in hosts.hosts if known.find(host.name)]
    return [host for host in hosts.hosts if host.name in names]


def _not_added(settings: Settings, host: Host, known: HostsState) -> PodsError | None:
    record = known.find(host.name)
    if host not in settings.hosts.to_add or (record is not None and (host.local or record.host_key)):
        return None
    return RefusedError(f"host {host.name} was not added yet", f"run: inv hosts.add {host.name}")


def _waited(forwards: Collection[SocketForward]) -> dict[str, PodsError]:
    with ThreadPoolExecutor(max(1, len(forwards)), thread_name_prefix="ssh") as threads:
        results = list(threads.map(_problem, forwards))
    return {each.host.name: problem for each, problem in zip(forwards, results, strict=True) if problem}


def _problem(forward: SocketForward) -> PodsError | None:
    try:
        forward.wait()
    except PodsError as error:
        return error
    return None


def _engines(home: Home, settings: Settings, known: HostsState) -> Callable[[Host, str, Path | None], HostEngine]:
    topology = load(home.topology)
    if topology is None:
        raise RefusedError(f"there is no cluster in {home.path} yet", "run: inv up")
    image = host_facts_of(home, settings, topology).images.postgres
    control = this_machine(home, topology.project, known.identity)

    def engine(host: Host, address: str, known_hosts: Path | None) -> HostEngine:
        return HostEngine(
            host=host,
            address=address,
            control=control,
            folder=host_folder(home, host.name),
            project=topology.project,
            image=image,
            known_hosts=known_hosts,
        )

    return engine


def host_folder(home: Home, name: str) -> Path:
    """Where what was rendered for a host is kept on this machine."""
    return home.rendered / "hosts" / name


@contextlib.contextmanager
def _naming_the_lost(forwards: Collection[SocketForward]) -> Iterator[None]:
    """An error while a host's connection is gone is that: no line of the engine's or of Compose's says it as well."""
    try:
        yield
    except Exception as error:
        lost = next((found for each in forwards if (found := each.lost())), None)
        if lost is not None:
            raise lost from error
        raise
