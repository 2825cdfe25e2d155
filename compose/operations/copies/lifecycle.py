"""Copies beside the cluster: entered in the topology, kept running by `up`, taken away.

A copy is restored in ``data/copies/.NAME``. The topology that has it is saved only when it is whole, and that decides:
a copy that no topology knows is removed, one that it knows is installed and started.
"""

import contextlib
import shutil
from collections.abc import Mapping
from pathlib import Path

from cluster.errors import PodsError, RefusedError
from cluster.files import Directory
from cluster.postgres.data_directory import PGDATA
from cluster.sizing import derive
from cluster.topology import Copy, Topology
from cluster.topology_file import save
from compose.console import Console, ask
from compose.engine.containers import Container, send_signal
from compose.engine.host import host_facts_of
from compose.home import certificates, node_data
from compose.operations.apply_topology import write_files
from compose.operations.home_identity import changing
from compose.operations.replicas.clone import aside_path, remove_container
from compose.operations.start import start_and_wait, why_not
from compose.operations.steps import Step, perform
from compose.render.compose_file import definitions
from compose.render.copy_services import DATA
from compose.stack import Stack


def enter(stack: Stack, topology: Topology) -> Stack:
    """Save a topology with other copies and render it. No running server is reloaded: no node is concerned."""
    home = stack.home
    save(home.topology, home.topology_copy, topology)
    certificates.ensure_all(home, stack.settings, topology)
    write_files(stack, topology)
    return stack.with_topology(topology)


def leave(stack: Stack, topology: Topology, name: str) -> None:
    """Save a topology without the copy ``name``, and remove what was rendered for it."""
    enter(stack, topology)
    for directory in (stack.home.rendered / DATA / name, stack.home.tls / name):
        shutil.rmtree(directory, ignore_errors=True)


def install(stack: Stack, name: str) -> None:
    """Make finished data the copy's: one rename."""
    with Directory.open(stack.home.copies) as copies:
        copies.move(stack.home.unfinished_copy(name).name, copies, name)


def discard(stack: Stack, console: Console, name: str, *, yes: bool) -> Path | None:
    """Stop a copy and take it away, having asked; where its data is kept, if it could be written to.

    Raises:
        RefusedError: there is no such copy, or nobody confirmed it.
    """
    with changing(stack, "backup.discard") as stack:
        copy = stack.topology.find_copy(name)
        fate = "keeps its data in data/.aside, since it could be written to" if copy.writable else "deletes its data"
        if not ask(f"This stops the copy {name} and {fate}.", yes=yes, expect=name):
            raise RefusedError(f"{name} was not discarded: nobody confirmed it", f"type {name}, or give --yes")
        perform(_discard_steps(stack, name), console)
        return _dispose(stack, console, copy)


def _discard_steps(stack: Stack, name: str) -> list[Step]:
    def start_again() -> None:
        stack.compose.run("up", "--detach", "--no-deps", name)

    def enter_again() -> None:
        enter(stack, stack.topology)

    remaining = stack.topology.without_copy(name)
    return [
        Step(f"Stopping {name}", lambda step: remove_container(stack, name, step), start_again),
        Step(f"Removing {name} from the topology", lambda _: leave(stack, remaining, name), enter_again),
    ]


def _dispose(stack: Stack, console: Console, copy: Copy) -> Path | None:
    """Of a copy that no topology knows any more."""
    if copy.writable:
        with console.step(f"Moving the data of {copy.name} aside") as step:
            kept = _set_aside(stack, copy.name)
            step.result = f"kept in {kept}" if kept else "there was none"
        return kept
    with console.step(f"Deleting the data of {copy.name}"):
        with contextlib.suppress(FileNotFoundError), Directory.open(stack.home.copies) as copies:
            copies.move(copy.name, copies, stack.home.unfinished_copy(copy.name).name)
        node_data.remove(stack.home.unfinished_copy(copy.name))
    return None


def _set_aside(stack: Stack, name: str) -> Path | None:
    directory = stack.home.copy(name)
    if not node_data.present(directory):
        return None
    kept = aside_path(stack, directory)
    node_data.set_aside(stack.home, directory, kept)
    node_data.remove(directory)
    return kept


def keep(stack: Stack, console: Console) -> None:
    """What `up` does for copies: ends what was interrupted, starts what does not run. For those who hold the lock.

    A copy that cannot run is a warning and no more: the cluster does not need it.
    """
    tidy(stack, console)
    present = [copy.name for copy in stack.topology.copies if _has_data(stack, console, copy.name)]
    now = stack.containers() if present else {}
    missing = [name for name in present if not _as_wanted(stack, now.get(name), name)]
    if missing:
        _start(stack, console, missing)
    reload_all(stack, now)


def tidy(stack: Stack, console: Console) -> None:
    """Install finished copies, remove unfinished ones, move aside what is no copy any more."""
    known = {copy.name for copy in stack.topology.copies}
    there = _names(stack.home.copies)
    for entry in there:
        name = entry.removeprefix(".")
        if entry != name and name in known and name not in there:
            install(stack, name)
        elif entry != name:
            node_data.remove(stack.home.copies / entry)
            console.note(f"removed {stack.home.copies / entry}, which an interrupted operation left")
        elif name not in known and (kept := _set_aside(stack, name)):
            console.note(f"{stack.home.copy(name)} is no copy any more; its data is kept in {kept}")


def _names(directory: Path) -> list[str]:
    try:
        with Directory.open(directory) as opened:
            return opened.names()
    except FileNotFoundError:
        return []


def _has_data(stack: Stack, console: Console, name: str) -> bool:
    there = _has_control_file(stack.home.copy(name))
    if not there:
        console.warn(f"the copy {name} has no data in {stack.home.copy(name)}; to forget it: inv backup.discard {name}")
    return there


def _has_control_file(directory: Path) -> bool:
    try:
        with Directory.open(directory) as opened:
            return opened.stat(PGDATA / "global" / "pg_control") is not None
    except (FileNotFoundError, RefusedError):
        return False


def _as_wanted(stack: Stack, container: Container | None, name: str) -> bool:
    derived = derive(stack.settings, stack.topology.sizing)
    facts = host_facts_of(stack.home, stack.settings, stack.topology)
    wanted = definitions(stack.settings, stack.topology, derived, facts)
    return container is not None and container.well and container.definition == wanted[name]


def _start(stack: Stack, console: Console, names: list[str]) -> None:
    try:
        with console.step("Starting " + ", ".join(names)) as step:
            unwell = {name: why_not(stack, name) for name in start_and_wait(stack, step, names)}
    except PodsError as error:
        unwell = {", ".join(names): error.message}
    for name, reason in unwell.items():
        console.warn(f"{name} does not run beside the cluster: {reason}")


def reload_all(stack: Stack, running: Mapping[str, Container]) -> None:
    """Let copies take up files and certificates that are newer than their containers in ``running``.

    By SIGHUP, since a copy's passwords may be older than those of now.
    """
    for copy in stack.topology.copies:
        container, tls = running.get(copy.name), stack.home.tls / copy.name / "server.crt"
        newest = max(path.stat().st_mtime for path in (*(stack.home.rendered / DATA / copy.name).iterdir(), tls))
        if container is not None and container.started is not None and newest > container.started.timestamp():
            send_signal(stack.client, container.id, "HUP")
