"""A store in a directory: objects are plain files, so that PostgreSQL's own tools can restore from a copy of it.

Metadata is in the extended attribute ``user.pods`` of each file: one inode, so it comes and goes with the object and
nothing stands beside it. Where a file system or a copy has none, `head` shows none and everything else works.
Unfinished objects are in ``.incoming``, out of the tree that is listed.
"""

import errno
import os
import secrets
import stat
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path

from backup.direct_io import DirectWriter
from backup.store import MOST_WHOLE, ConflictError, DamagedError, MissingError, Stored, StoreError, refuse_larger
from backup.store.attributes import get_metadata, set_metadata
from backup.store.folders import make_folders, remove_empty, walk
from backup.store.keys import SHA256, check_key, sha256
from cluster.files import sync_directory

INCOMING = ".incoming"
_PROBE = "probe-"
"""What names of objects made on trial begin with."""
PIECE = 1 << 20
_AHEAD = 8 << 20
"""Bytes that the kernel shall fetch while we work on those before."""
_TRIES = 100
"""Another process may remove a folder as often as it empties it; our own threads take turns."""


class LocalUpload:
    """A file in ``.incoming`` that is being written."""

    def __init__(self, root: Path, key: str, shown: str) -> None:
        self._key, self._root, self._shown = key, root, shown
        self.path = root / INCOMING / secrets.token_hex(16)
        self._descriptor = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        self._writer = DirectWriter(self._descriptor)

    def write(self, data: bytes | memoryview) -> None:
        """Append ``data``."""
        with file_errors(self._key, self._root, self._shown):
            self._writer.write(data)

    def finish(self, metadata: Mapping[str, str]) -> None:
        """Everything on disk, under the temporary name."""
        self._writer.finish()
        set_metadata(self._descriptor, metadata)
        os.fsync(self._descriptor)
        os.posix_fadvise(self._descriptor, 0, 0, os.POSIX_FADV_DONTNEED)

    def discard(self) -> None:
        """Remove the temporary name, whether or not the object has its own by now; what stays is swept later."""
        with suppress(OSError):
            os.close(self._descriptor)
        with suppress(OSError):
            self.path.unlink()


class LocalStore:
    """Objects in a directory that exists already, so that a disk that is not mounted is noticed.

    ``shown`` is what people call the directory, where a container has it under another name.
    """

    def __init__(self, root: Path, name: str = "local", shown: str = "") -> None:
        self.root = root
        self.name = name
        self.shown = shown or str(root)
        self._folders = threading.Lock()

    def __repr__(self) -> str:
        return f"LocalStore({self.root})"

    def probe(self) -> tuple[str, ...]:
        """Make and remove an object; says when the file system keeps no metadata."""
        key = f"{_PROBE}{secrets.token_hex(8)}"
        self.create(key, b"probe")
        try:
            found = self.head(key)
        finally:
            with suppress(StoreError):  # a sweep removes it, once that is let
                self.delete([key])
        if found and not found.metadata:
            return (f"{self.shown}: the file system has no extended attributes, so objects have no metadata",)
        return ()

    def create(self, key: str, body: bytes, metadata: Mapping[str, str] | None = None) -> bool:
        """See `Store.create`. An existing object is compared byte by byte."""
        try:
            with self.upload(key, {**(metadata or {}), SHA256: sha256(body)}) as upload:
                upload.write(body)
        except ConflictError:
            if self._read_whole(key) != body:
                raise
            return False
        return True

    def replace(self, key: str, body: bytes, metadata: Mapping[str, str] | None = None) -> None:
        """See `Store.replace`."""
        with self._incoming(key) as upload:
            upload.write(body)
            self._finish(upload, key, {**(metadata or {}), SHA256: sha256(body)}, os.replace)

    @contextmanager
    def upload(self, key: str, metadata: Mapping[str, str] | None = None) -> Iterator[LocalUpload]:
        """See `Store.upload`."""
        if self.head(key) is not None:
            raise _conflict(key)
        with self._incoming(key) as upload:
            yield upload
            self._finish(upload, key, metadata or {}, os.link)

    @contextmanager
    def _incoming(self, key: str) -> Iterator[LocalUpload]:
        """A temporary file, removed at the end; what fails within the block and is not ours is not said as ours."""
        check_key(key)
        with self._errors(key):
            (self.root / INCOMING).mkdir(mode=0o700, exist_ok=True)
            upload = LocalUpload(self.root, key, self.shown)
        try:
            yield upload
        finally:
            upload.discard()

    def _finish(
        self, upload: LocalUpload, key: str, metadata: Mapping[str, str], move: Callable[[Path, Path], None]
    ) -> None:
        with self._errors(key):
            upload.finish(metadata)
            self._link(upload.path, key, move)

    def _link(self, temporary: Path, key: str, move: Callable[[Path, Path], None]) -> None:
        """Give the file its name; its folder may be removed meanwhile by whoever deletes its last object."""
        path = self._path(key)
        for _ in range(_TRIES):
            try:
                with self._folders:
                    make_folders(self.root, path.parent)
                    move(temporary, path)
            except FileExistsError:
                raise _conflict(key) from None
            except FileNotFoundError:
                self._check_root()
            else:
                return sync_directory(path.parent, missing_ok=True)
        raise StoreError(f"{key} in {self.shown}: its folder vanished {_TRIES} times", "try again")

    def get(self, key: str, most: int = MOST_WHOLE) -> bytes:
        """See `Store.get`."""
        with self._errors(key):
            refuse_larger(f"{key} in {self.shown}", self._path(key).stat().st_size, most)
        body = self._read_whole(key)
        expected = get_metadata(self._path(key)).get(SHA256)
        if expected and sha256(body) != expected:
            raise DamagedError(f"{key} in {self.shown} is damaged: its SHA-256 is not the one it was stored with")
        return body

    def _read_whole(self, key: str) -> bytes:
        return b"".join(self.read(key))

    def read(self, key: str) -> Iterator[bytes]:
        """See `Store.read`."""
        with self._errors(key), open(self._path(key), "rb", buffering=0, opener=_open_object) as file:
            size = os.fstat(file.fileno()).st_size
            for position in range(0, size, PIECE):
                os.posix_fadvise(file.fileno(), position + PIECE, _AHEAD, os.POSIX_FADV_WILLNEED)
                yield _read_piece(file.fileno(), position, min(PIECE, size - position), key)

    def head(self, key: str) -> Stored | None:
        """See `Store.head`."""
        path = self._path(key)
        try:
            with self._errors(key):
                found = path.stat()
                metadata = get_metadata(path)
        except MissingError:
            return None
        whole = stat.S_ISREG(found.st_mode)
        return Stored(key=key, size=found.st_size, made=found.st_mtime, metadata=metadata) if whole else None

    def list(self, prefix: str = "", after: str = "") -> Iterator[Stored]:
        """See `Store.list`."""
        with self._errors(prefix):
            for key, found in walk(self.root, prefix, after):
                yield Stored(key=key, size=found.st_size, made=found.st_mtime)

    def delete(self, keys: Iterable[str]) -> None:
        """See `Store.delete`. Durable when it returns: a description never comes back without its data."""
        paths = [self._path(key) for key in keys]
        folders = sorted({path.parent for path in paths}, reverse=True)
        with self._errors(", ".join(path.name for path in paths[:3])):
            self._check_root()
            for path in paths:
                path.unlink(missing_ok=True)
            for folder in folders:
                sync_directory(folder, missing_ok=True)
                with self._folders:
                    remove_empty(self.root, folder)

    def sweep(self, older_than: float) -> int:
        """See `Store.sweep`; the age is that of the last write."""
        old = time.time() - older_than
        with self._errors(INCOMING):
            self._check_root()
            files = [*(self.root / INCOMING).glob("*"), *self.root.glob(f"{_PROBE}*")]
            left = [path for path in files if path.stat().st_mtime < old]
            for path in left:
                path.unlink(missing_ok=True)
        return len(left)

    def _errors(self, what: str) -> AbstractContextManager[None]:
        return file_errors(what, self.root, self.shown)

    def _check_root(self) -> None:
        if not self.root.is_dir():
            raise _absent(self.shown)

    def _path(self, key: str) -> Path:
        return self.root / check_key(key)


@contextmanager
def file_errors(what: str, root: Path, shown: str) -> Iterator[None]:
    """Say a failure of the file system as one of the store in ``root``, which people call ``shown``."""
    try:
        yield
    except FileNotFoundError:
        if not root.is_dir():
            raise _absent(shown) from None
        raise MissingError(f"there is no {what} in {shown}") from None
    except (IsADirectoryError, NotADirectoryError):
        raise MissingError(f"there is no {what} in {shown}") from None
    except OSError as error:
        hint = _HINTS.get(error.errno or 0, "").format(uid=os.geteuid(), shown=shown)
        where = _named(error, root) or what
        raise StoreError(f"{f'{where} in ' if where else ''}{shown}: {error.strerror or error}", hint) from None


def _named(error: OSError, root: Path) -> str:
    """The file or folder that an error is about, below ``root``; "" where it names none."""
    try:
        found = str(Path(os.fsdecode(error.filename)).relative_to(root))
    except (TypeError, ValueError):
        return ""
    return "" if found == "." or found.startswith(INCOMING) else found


def _absent(shown: str) -> StoreError:
    return StoreError(f"the backup directory {shown} does not exist", "mount it, or make it, then run inv up")


_NO_RIGHT = "it must belong to the user that the backup service runs as: chown -R {uid} {shown}"
_HINTS = {
    errno.ENOSPC: "the disk is full: free some space, or shorten retention; nothing was left behind",
    errno.EDQUOT: "the quota is used up: free some space, or shorten retention; nothing was left behind",
    errno.EROFS: "the file system is read-only",
    errno.EACCES: _NO_RIGHT,
    errno.EPERM: "the file system must know hard links and let files be removed",
    errno.EOPNOTSUPP: "the file system must know hard links",
}


def _conflict(key: str) -> ConflictError:
    return ConflictError(f"{key} is there already with another content", "nothing was overwritten")


def _open_object(path: str, flags: int) -> int:
    """Neither through a link nor waiting for a FIFO's other end: who can write into the store may have put it there."""
    descriptor = os.open(path, flags | os.O_NOFOLLOW | os.O_NONBLOCK)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise IsADirectoryError(errno.EISDIR, "no file", path)
    return descriptor


def _read_piece(fd: int, position: int, size: int, key: str) -> bytes:
    """Exactly ``size`` bytes."""
    pieces: list[bytes] = []
    while size:
        piece = os.pread(fd, size, position)
        if not piece:
            raise StoreError(f"{key} was cut short while it was read")
        pieces.append(piece)
        position, size = position + len(piece), size - len(piece)
    return pieces[0] if len(pieces) == 1 else b"".join(pieces)
