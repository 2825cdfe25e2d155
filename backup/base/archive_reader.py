"""Reading a backup's archives: stored bytes are checked by their SHA-256, files by the manifest."""

import hashlib
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from queue import Empty, Full, Queue
from typing import IO, TYPE_CHECKING, Any, TypeVar, cast

from backup.base.tar import BrokenTarError, Member, members
from backup.catalog import Backup, File
from backup.layout import MANIFEST, backup_key
from backup.manifest import Manifest, parse
from backup.store import MOST_WHOLE, DamagedError, Store

if TYPE_CHECKING:
    from backup.manifest import Entry

PIECE = 1 << 20
_POLL_SECONDS = 0.2
"""How often a thread that waits for the other one checks whether it is still there."""
Item = TypeVar("Item")
Content = Iterator[memoryview]


@dataclass(frozen=True, slots=True)
class Limits:
    """The most that an archive of a backup may unpack to, so that a small one cannot become endless."""

    bytes: int
    entries: int


_MORE_BYTES, _MORE_ENTRIES = 64 << 20, 1_000_000
"""Beyond what is in the manifest: itself no part of it, `tablespace_map`, and folders."""


def archive_limits(backup: Backup, manifest: Manifest | None) -> Limits:
    """The limits of each archive of a backup."""
    entries = len(manifest.files) if manifest else _MORE_ENTRIES
    return Limits(backup.data_bytes + _MORE_BYTES, entries + _MORE_ENTRIES)


class HashedPieces:
    """Pieces of a stored object, counted and hashed as they are read."""

    def __init__(self, pieces: Iterable[bytes], passed: Callable[[int], None] = lambda _: None) -> None:
        self._pieces = iter(pieces)
        self._passed = passed
        self._hash = hashlib.sha256()
        self.size = 0

    def __iter__(self) -> Iterator[bytes]:
        for piece in self._pieces:
            self._hash.update(piece)
            self.size += len(piece)
            self._passed(len(piece))
            yield piece

    def is_like(self, file: File) -> bool:
        """Read to the end; whether size and SHA-256 are those that were stored."""
        for _ in self:
            pass
        return (self.size, self._hash.hexdigest()) == (file.size, file.sha256)


class _Readable:
    """Pieces as the file that zstandard wants to read from."""

    def __init__(self, pieces: Iterable[bytes]) -> None:
        self._pieces = iter(pieces)

    def read(self, _size: int) -> bytes:
        return next(self._pieces, b"")


def decompressed(pieces: Iterable[bytes], file: File) -> Iterator[bytes]:
    """The tar stream of an archive as stored; at most 1 MiB at a time, however well it was compressed.

    Raises:
        DamagedError: it is not what zstd wrote.
    """
    if not file.name.endswith(".zst"):
        yield from pieces
        return
    import zstandard

    source = cast("IO[bytes]", _Readable(pieces))
    reader: Any = zstandard.ZstdDecompressor().stream_reader(source, read_size=PIECE, read_across_frames=True)
    try:
        while piece := reader.read(PIECE):
            yield piece
    except zstandard.ZstdError as error:
        raise DamagedError(f"{file.name} is damaged: {error}") from None


@contextmanager
def open_archive(pieces: Iterable[bytes], file: File, limits: Limits) -> Iterator[Iterator[tuple[Member, Content]]]:
    """The entries of an archive as stored; fetching, decompressing and what is done with them run side by side.

    Raises:
        BrokenTarError: from the entries; also where there are more than a backup of this size can have.
    """
    with prefetch(pieces) as fetched, prefetch(decompressed(fetched, file)) as tar:
        yield _within(members(tar), limits)


def _within(entries: Iterator[tuple[Member, Content]], limits: Limits) -> Iterator[tuple[Member, Content]]:
    left, number = limits.bytes, limits.entries
    for member, content in entries:
        left, number = left - member.size, number - 1
        if left < 0 or number < 0:
            raise BrokenTarError("it holds more than the backup has")
        yield member, content


def archives(backup: Backup) -> tuple[File, ...]:
    """Its files that are archives."""
    return tuple(file for file in backup.files if file.name != MANIFEST)


def data_path(file: File, member: Member) -> str:
    """The path of an entry in the data directory: tablespaces are archives named by their oid."""
    name = file.name.split(".")[0]
    return member.path if name == "base" else f"pg_tblspc/{name}/{member.path}"


def read_manifest(store: Store, backup: Backup) -> Manifest:
    """The manifest of a backup.

    Raises:
        DamagedError: it is not the one that was stored.
        RefusedError: it does not match its own checksum, or is of another cluster.
    """
    return parse_manifest(backup, get_manifest(store, backup))


def get_manifest(store: Store, backup: Backup) -> bytes:
    """The text of it; ``DamagedError`` as above."""
    file = next((file for file in backup.files if file.name == MANIFEST), None)
    if file is None:
        raise DamagedError(f"backup {backup.name} has no {MANIFEST}")
    body = store.get(backup_key(backup.system_identifier, backup.name, MANIFEST), min(file.size, MOST_WHOLE))
    if hashlib.sha256(body).hexdigest() != file.sha256:
        raise DamagedError(f"{MANIFEST} of {backup.name} is damaged: its SHA-256 is not the one it was stored with")
    return body


def parse_manifest(backup: Backup, body: bytes) -> Manifest:
    """What the text of it says; errors as of ``read_manifest``."""
    manifest = parse(body)
    if manifest.system_identifier != backup.system_identifier:
        raise DamagedError(f"{MANIFEST} of {backup.name} is that of cluster {manifest.system_identifier}")
    if manifest.size != backup.data_bytes:  # by which it was seen that there is enough disk for it
        raise DamagedError(f"{MANIFEST} of {backup.name} names {manifest.size} bytes, not {backup.data_bytes}")
    return manifest


def mismatch(path: str, size: int, sha256: bytes, expected: "Entry | None") -> str:
    """How a file differs from its manifest entry, in words; "" where it does not."""
    if expected is None:
        return f"{path} is not in the manifest"
    if size != expected.size:
        return f"{path} has {size} bytes instead of {expected.size}"
    return f"{path} has another content" if expected.sha256 not in (None, sha256) else ""


class _End:
    """The last thing in the queue: the stage ended, well or with an error."""

    def __init__(self, error: BaseException | None) -> None:
        self.error = error


@contextmanager
def prefetch(items: Iterable[Item], depth: int = 4) -> Iterator[Iterator[Item]]:
    """Produce ``items`` in a thread, at most ``depth`` of them in advance; what it raises is raised here.

    Decompression, hashing and reading release Python's lock, so that two stages run on two cores.
    """
    queue: Queue[Item | _End] = Queue(depth)
    abandoned = threading.Event()

    def work() -> None:
        error: BaseException | None = None
        try:
            for item in items:
                if not _put(queue, item, abandoned):
                    return
        except BaseException as raised:  # noqa: BLE001 - it is raised in the thread that takes the items
            error = raised
        _put(queue, _End(error), abandoned)

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    try:
        yield _received(queue)
    finally:
        abandoned.set()
        thread.join()


def _put(queue: "Queue[Item | _End]", item: "Item | _End", abandoned: threading.Event) -> bool:
    while not abandoned.is_set():
        try:
            queue.put(item, timeout=_POLL_SECONDS)
        except Full:
            continue
        return True
    return False


def _received(queue: "Queue[Item | _End]") -> Iterator[Item]:
    while True:
        try:
            item = queue.get(timeout=_POLL_SECONDS)
        except Empty:
            continue
        if isinstance(item, _End):
            if item.error is not None:
                raise item.error
            return
        yield item
