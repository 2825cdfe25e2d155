"""The directory a restore makes a cluster in: until the last moment it holds a marker and nothing a server would start.

Everything is made in a folder inside it and moved out by renames at the end, pg_control last. So a directory that is a
mount point serves as well, and what a killed restore left is known as such and cleared by the next.
"""

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from cluster.errors import MachineError, RefusedError
from cluster.lock import FileLock
from cluster.units import human_size

MARKER = ".pods-restore"
"""The folder that says: a restore is not finished here."""
_CONTROL = Path("global") / "pg_control"
_IGNORED = {"lost+found"}


@dataclass(frozen=True, slots=True)
class TargetDirectory:
    """An empty directory that is ours until the restore is done."""

    path: Path

    @property
    def workshop(self) -> Path:
        """Where things are made, on the same file system."""
        return self.path / MARKER

    def settle(self, made: Path) -> None:
        """Move the finished cluster ``made`` out of the workshop; the moment pg_control moves, it is one."""
        _sync(made)
        control = self.workshop / "pg_control"
        (made / _CONTROL).rename(control)
        for entry in sorted(made.iterdir()):
            entry.rename(self.path / entry.name)
        _sync(self.path)
        for left in set(self.workshop.iterdir()) - {control}:
            shutil.rmtree(left)
        control.rename(self.path / _CONTROL)
        self.workshop.rmdir()
        _sync(self.path)


@contextmanager
def claim(path: Path, space: int) -> Iterator[TargetDirectory]:
    """Make ``path`` ours: make it, or take it empty, or clear what an unfinished restore left in it.

    Args:
        path: of the data directory to be.
        space: bytes that may be needed at once.

    Raises:
        RefusedError: something is in it, or another restore is at work there.
        MachineError: it cannot be made, or its disk is too small.

    Whatever else goes wrong meanwhile, the directory is given back as it was found.
    """
    _refuse_taken(path)
    workshop = path / MARKER
    new = not path.exists()
    try:
        path.mkdir(mode=0o700, exist_ok=True)
        path.chmod(0o700)
        workshop.mkdir(mode=0o700, exist_ok=True)
    except OSError as error:
        raise MachineError(
            f"{path} cannot be made: {error.strerror}", "its parent must be there and writable"
        ) from None
    with _alone(workshop):
        _refuse_taken(path)  # again, now that nobody else can be at work in it
        try:
            _clear(path)
            _check_space(path, space)
            yield TargetDirectory(path)
        except BaseException:
            _give_back(path, new=new)
            raise


def _refuse_taken(path: Path) -> None:
    if path.is_symlink() or (path.exists() and not path.is_dir()):
        raise RefusedError(f"{path} is no directory", "choose another")
    if (path / "postmaster.pid").exists():
        raise RefusedError(f"a server runs in {path}, or was killed there", "choose another directory")
    held = {entry.name for entry in path.iterdir()} - _IGNORED if path.exists() else set()
    unfinished = MARKER in held and not (path / _CONTROL).exists()
    if held and not unfinished:
        raise RefusedError(f"{path} is not empty", "choose an empty directory; nothing is ever overwritten")


@contextmanager
def _alone(workshop: Path) -> Iterator[None]:
    with FileLock.of_directory(workshop) as lock:
        if not lock.acquire():
            raise RefusedError(f"another restore is at work in {workshop.parent}", "wait until it is done")
        yield


def _clear(path: Path) -> None:
    for entry in (*path.iterdir(), *(path / MARKER).iterdir()):
        if entry.name not in _IGNORED | {MARKER}:
            shutil.rmtree(entry) if entry.is_dir() and not entry.is_symlink() else entry.unlink()


def _give_back(path: Path, *, new: bool) -> None:
    """As it was found, unless the cluster is there already."""
    if (path / MARKER).exists() and not (path / _CONTROL).exists():
        _clear(path)
        (path / MARKER).rmdir()
        if new:
            path.rmdir()


def _check_space(path: Path, space: int) -> None:
    free = shutil.disk_usage(path).free
    if free < space:
        raise MachineError(
            f"the restore may need {human_size(space)}, and {human_size(free)} are free below {path}",
            "free some space, or choose a directory on another disk",
        )


def _sync(path: Path) -> None:
    """Everything on its file system is on the disk: one call for the tens of thousands of files of a cluster."""
    done = subprocess.run(["sync", "--file-system", str(path)], capture_output=True, text=True, check=False)
    if done.returncode:
        raise MachineError(f"{path} is not safely on the disk: {done.stderr.strip()}", "see to the disk")
