"""A restore, driven from the host: a container that has the stores' keys, one that has the directory, a socket between.

The first reads out the backup and never sees the directory; the second starts the restored data and can reach nothing.
Their Unix socket is in a folder of data/.sandbox, which the second cannot write to.
"""

import contextlib
import os
import subprocess
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from cluster.errors import MachineError
from cluster.lock import FileLock
from compose.console import Progress
from compose.engine import containers
from compose.home.node_data import remove
from compose.home.paths import make_private_directory
from compose.operations.backups.client import OneOffContainer, run_one_off
from compose.operations.backups.request import RestoreResult
from compose.stack import Stack

SERVICE = "sandbox"
SOCKET_DIRECTORY = "/run/sandbox"
_SOCKET = "backup.sock"
_DRILLS = "drill"
"""Folder of the socket between the lasting sandbox and the backup service."""
_POLL_SECONDS = 0.05
_LAST_SECONDS = 5.0
_ENDING_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Restore:
    """Into ``directory``, in containers called after ``name``, with these ``arguments`` and this ``stdin``."""

    directory: Path
    name: str
    arguments: tuple[str, ...]
    stdin: str = field(default="", repr=False)


def both(name: str) -> tuple[str, str]:
    """The names of the two containers of a restore: the sandbox, and the one with the keys. One kind of ending."""
    stem, dash, ending = name.rpartition("-")
    return name, f"{stem}.store{dash}{ending}"


def restore(stack: Stack, step: Progress, task: Restore) -> RestoreResult:
    """Restore, recover and shut down; where that came to.

    Raises:
        PodsError: it cannot be done.
    """
    sandbox, store = both(task.name)
    with _socket_directory(stack, sandbox) as folder, _Sandbox(stack, folder, task.directory, sandbox) as running:
        container = OneOffContainer(mounts=((folder, SOCKET_DIRECTORY),), name=store, stdin=task.stdin)
        try:
            done = run_one_off(stack, step, container, "restore", *task.arguments)
        except MachineError as error:
            raise MachineError(f"{error.message}{running.last_words}", error.hint) from None
        return RestoreResult(backup=done["backup"], lsn=done["lsn"], newest=done.get("newest"))


@contextlib.contextmanager
def _socket_directory(stack: Stack, name: str) -> Iterator[Path]:
    """The socket's folder, locked and there only while both containers run."""
    parent = stack.home.data / ".sandbox"
    make_private_directory(parent)
    _remove_left(stack, parent)
    folder = parent / name
    make_private_directory(folder)
    with FileLock.of_directory(folder) as lock:
        if not lock.acquire():
            raise MachineError(f"another restore meets in {folder}", "wait until it is done")
        try:
            yield folder
        finally:
            remove(folder)


def _remove_left(stack: Stack, parent: Path) -> None:
    """Folders of restores that were killed, and whose containers are gone as well."""
    known = {container.name for container in containers.of_project(stack.client, stack.topology.project)}
    for folder in parent.iterdir():
        if folder.name != _DRILLS and not known & set(both(folder.name)):
            with FileLock.of_directory(folder) as lock:
                if lock.acquire():
                    remove(folder)


class _Sandbox:
    """The container that starts the data; made only when the other one listens, which it does when it has a plan."""

    def __init__(self, stack: Stack, folder: Path, directory: Path, name: str) -> None:
        self._stack, self._name, self._socket = stack, name, folder / _SOCKET
        mounts = ("--volume", f"{directory}:/restore", "--volume", f"{folder}:{SOCKET_DIRECTORY}:ro")
        run = ("run", "--rm", "--no-deps", "-T", "--name", name, *mounts, SERVICE, "backup.sandbox", "once")
        self._argv = stack.compose.argv(*run)
        self._ended = threading.Event()
        self._lines: list[str] = []
        self._code = 0
        self._thread = threading.Thread(target=self._run, name="sandbox")

    def __enter__(self) -> "_Sandbox":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """It ends when the backup side does; what does not is removed."""
        self._ended.set()
        self._thread.join(_ENDING_SECONDS)
        if self._thread.is_alive():
            found = containers.of_project(self._stack.client, self._stack.topology.project)
            containers.remove_called(self._stack.client, found, (self._name,))
            self._thread.join(_ENDING_SECONDS)

    @property
    def last_words(self) -> str:
        """Its last line on stderr, if it failed."""
        self._ended.set()
        self._thread.join(_LAST_SECONDS)
        return f" / {self._lines[-1]}" if self._code and self._lines else ""

    def _run(self) -> None:
        while not os.path.lexists(self._socket):
            if self._ended.wait(_POLL_SECONDS):
                return
        environment = {**os.environ, **self._stack.compose.environment}
        done = subprocess.run(
            self._argv, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
        )
        self._lines = [line.strip() for line in done.stderr.splitlines() if line.strip()]
        self._code = done.returncode
