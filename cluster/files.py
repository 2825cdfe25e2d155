"""Files whole or not at all, and work in directories where somebody else may write.

What a container may write (``data/<service>``, a node's data, a copy's) may hold anything: a link to any path of the
host, a pipe, a device, and it may change between a look and a deed. So the host gives no path below such a directory
to the kernel: `Directory` opens one component after the other without following links and then works relative to the
descriptors it holds. A test (tests/unit/house/test_trusted_paths.py) keeps other ways of working there out of the code.
"""

import errno
import os
import secrets
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path, PurePath
from typing import Self

from cluster.errors import RefusedError
from cluster.mounts import mount_points
from cluster.path_errors import named, strange

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_PASSED = os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
"""A pipe must not keep us waiting for somebody who writes."""
_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_LIMIT = 1 << 20
"""Bytes: everything PODS reads there is smaller, and what is larger was not made by PODS or PostgreSQL."""

LOST_AND_FOUND = "lost+found"
"""What a file system of its own has at its root for repairs: no content of anybody's."""

_STALE_SECONDS = 3600.0
"""A temporary this old has no writer any more."""

Name = str | PurePath
"""A relative path below a `Directory`, without ``..``."""
Owner = tuple[int, int] | None
"""uid and gid; None leaves them as they come."""


def write_atomically(path: Path, text: str | bytes, mode: int = 0o644, owner: Owner = None) -> None:
    """Replace ``path`` by ``text``: a reader sees the old file or the new one, and a power cut leaves one of them.

    The directory is taken as given: only for those that nobody else can write.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with Directory.open(path.parent) as directory:
        directory.write(path.name, text, mode, owner)


def replace_file(path: Path, text: str | bytes, mode: int = 0o600, modified: float | None = None) -> None:
    """Replace ``path`` by ``text`` whole for every reader, without a sync: for what is worth nothing after a crash."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.new")
    try:
        temporary.write_bytes(text.encode() if isinstance(text, str) else text)
        temporary.chmod(mode)
        if modified is not None:
            os.utime(temporary, (modified, modified))
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def sync_directory(path: Path, *, missing_ok: bool = False) -> None:
    """Make durable what was put into or taken out of the directory ``path``; with ``missing_ok`` it may be gone."""
    gone = suppress(FileNotFoundError) if missing_ok else nullcontext()
    with gone, _opened(os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)) as folder:
        os.fsync(folder)


class Directory:
    """An open directory. Whatever is named below it is found without following links.

    Raises (all methods):
        RefusedError: something on the way is a link, or not of the kind it must be; says which.
        OSError: as the kernel has it, with the whole path.
    """

    def __init__(self, descriptor: int, path: Path) -> None:
        self._fd = descriptor
        self.path = path

    @classmethod
    def open(cls, path: Path) -> Self:
        """The directory ``path``, which nobody else can replace: the home, what lies in it, a path of the user's."""
        return cls(os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC), path)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Give the descriptor back."""
        os.close(self._fd)

    def enter(self, name: Name) -> "Directory":
        """The directory ``name`` below this one."""
        with self._at(name) as (folder, last, path):
            return Directory(os.open(last, _FOLDER, dir_fd=folder), path)

    def make(self, name: Name, mode: int = 0o700, owner: Owner = None) -> "Directory":
        """The directory ``name``, made where it is missing, with those above it; ``owner`` gets it either way."""
        parts = _parts(name)
        for depth in range(1, len(parts) + 1):
            with self._at(PurePath(*parts[:depth])) as (folder, last, _), suppress(FileExistsError):
                os.mkdir(last, mode, dir_fd=folder)
        made = self.enter(name)
        if owner is not None:
            os.fchown(made._fd, *owner)
        return made

    def stat(self, name: Name) -> os.stat_result | None:
        """What ``name`` itself is, be it a link; None where there is nothing of that name."""
        try:
            with self._at(name) as (folder, last, _):
                return os.stat(last, dir_fd=folder, follow_symlinks=False)
        except FileNotFoundError:
            return None

    def holds(self, name: Name) -> bool:
        """Whether there is a directory ``name``.

        Raises:
            RefusedError: there is something else.
        """
        found = self.stat(name)
        if found is not None and not stat.S_ISDIR(found.st_mode):
            raise strange(self.path / name)
        return found is not None

    def names(self) -> list[str]:
        """Of everything in this directory, in order."""
        return sorted(os.listdir(self._fd))  # noqa: PTH208 - pathlib knows no descriptors

    def read(self, name: Name, limit: int = _LIMIT) -> bytes:
        """The whole of a regular file of at most ``limit`` bytes."""
        content, path = self.read_at(name, 0, limit + 1), self.path / name
        if len(content) > limit:
            raise RefusedError(f"{path} is larger than {limit} bytes", "nothing of PODS' own is; look at what it is")
        return content

    def read_at(self, name: Name, offset: int, size: int) -> bytes:
        """Of a regular file, ``size`` bytes from ``offset``; fewer where it ends before."""
        with self._at(name) as (folder, last, path), _opened(os.open(last, _READ, dir_fd=folder)) as file:
            if not stat.S_ISREG(os.fstat(file).st_mode):
                raise strange(path)
            return os.pread(file, size, offset)

    def write(self, name: Name, text: str | bytes, mode: int = 0o644, owner: Owner = None) -> None:
        """Replace the file ``name`` by ``text``, whole or not at all; a link of that name is replaced, not followed."""
        with self._at(name) as (folder, last, _):
            temporary = f".{last}.{secrets.token_hex(8)}.new"
            try:
                with os.fdopen(os.open(temporary, _NEW, mode, dir_fd=folder), "wb") as stream:
                    os.fchmod(stream.fileno(), mode)
                    if owner is not None:
                        os.fchown(stream.fileno(), *owner)
                    stream.write(text.encode() if isinstance(text, str) else text)
                    stream.flush()
                    os.fsync(stream.fileno())
                os.rename(temporary, last, src_dir_fd=folder, dst_dir_fd=folder)
            except BaseException:
                _unlink(folder, temporary)
                raise
            os.fsync(folder)
            _sweep(folder, last)

    def move(self, name: Name, to: "Directory", new: Name) -> None:
        """Move the directory ``name`` to ``new`` below ``to``; another that took its name meanwhile comes back."""
        with self.enter(name) as moved, self._at(name) as source, to._at(new) as target:
            os.rename(source[1], target[1], src_dir_fd=source[0], dst_dir_fd=target[0])
            there = os.stat(target[1], dir_fd=target[0], follow_symlinks=False)
            if not os.path.samestat(there, os.fstat(moved._fd)):
                os.rename(target[1], source[1], src_dir_fd=target[0], dst_dir_fd=source[0])
                raise strange(source[2])

    def unlink(self, name: Name) -> None:
        """Remove the file ``name``, or the link, if it is there."""
        with self._at(name) as (folder, last, _):
            _unlink(folder, last)

    def remove_empty(self, name: Name) -> bool:
        """Remove the directory ``name`` if there is nothing in it; whether it is gone."""
        try:
            with self._at(name) as (folder, last, _):
                os.rmdir(last, dir_fd=folder)
        except FileNotFoundError:
            return True
        except OSError as error:
            if error.errno == errno.ENOTEMPTY:
                return False
            raise
        return True

    def remove_tree(self, name: Name) -> list[Path]:
        """Remove ``name`` with all that is in it, of a link only the link; return the mount points left, each empty."""
        found = self.stat(name)
        if found is None:
            return []
        if not stat.S_ISDIR(found.st_mode):
            self.unlink(name)
            return []
        with self.enter(name) as doomed:
            mounts = doomed.clear()
            if doomed.is_mount_point():
                return [doomed.path]
        if not mounts:
            with self._at(name) as (folder, last, _):
                os.rmdir(last, dir_fd=folder)
        return mounts

    def clear(self) -> list[Path]:
        """Remove all that is in this directory, but `LOST_AND_FOUND` at the root of a file system of its own.

        Deeper directories come up here before they are emptied, so that neither their depth nor their number matters;
        those with a mount point below do not.

        Returns:
            The mount points that are left below, each empty.
        """
        mounted = {path.parts[0] for path in mount_points(self._fd) if path.parts}
        left = [path for name in mounted for path in self.remove_tree(name)]
        kept = mounted | ({LOST_AND_FOUND} if self.is_mount_point() else set())
        while names := [name for name in self.names() if name not in kept]:
            for name in names:
                if not _unlink(self._fd, name):
                    self._dissolve(name)
        return left

    def _dissolve(self, name: str) -> None:
        with self.enter(name) as folder:
            for inner in folder.names():
                if not _unlink(folder._fd, inner):
                    above = f".{secrets.token_hex(8)}"
                    os.rename(inner, above, src_dir_fd=folder._fd, dst_dir_fd=self._fd)
        os.rmdir(name, dir_fd=self._fd)

    def is_mount_point(self) -> bool:
        """Whether something is mounted here."""
        return PurePath() in mount_points(self._fd)

    @contextmanager
    def _at(self, name: Name) -> Iterator[tuple[int, str, Path]]:
        """A descriptor of the directory that holds ``name``, its last component, and its whole path for people."""
        parts, path = _parts(name), self.path / name
        folder = os.dup(self._fd)
        try:
            for depth, part in enumerate(parts[:-1], 1):
                with named(self.path.joinpath(*parts[:depth])):
                    inner = os.open(part, _FOLDER if depth == len(parts) - 1 else _PASSED, dir_fd=folder)
                folder, above = inner, folder
                os.close(above)
            with named(path):
                yield folder, parts[-1], path
        finally:
            os.close(folder)


@contextmanager
def _opened(descriptor: int) -> Iterator[int]:
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _parts(name: Name) -> tuple[str, ...]:
    parts = PurePath(name).parts
    if not parts or parts[0] == "/" or ".." in parts:
        raise ValueError(f"{name} is no name below a directory")
    return parts


def _sweep(folder: int, name: str) -> None:
    """Remove what writers of ``name`` left that were killed; it may be half a key."""
    oldest = time.time() - _STALE_SECONDS
    for left in os.listdir(folder):
        if left.startswith(f".{name}.") and left.endswith(".new"):
            with suppress(FileNotFoundError):
                if os.stat(left, dir_fd=folder, follow_symlinks=False).st_mtime < oldest:
                    _unlink(folder, left)


def _unlink(folder: int, name: str) -> bool:
    """Remove what is no directory; False where it is one."""
    try:
        os.unlink(name, dir_fd=folder)
    except FileNotFoundError:
        return True
    except IsADirectoryError:
        return False
    return True
