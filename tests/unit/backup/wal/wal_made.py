"""WAL segments, a spool and stores made up for tests: the headers are right, the records are noise."""

import random
import struct
from collections.abc import Iterable, Iterator, Mapping
from contextlib import AbstractContextManager
from pathlib import Path

from backup.layout import Segment, history_key, parse_segment, segment_name, wal_key
from backup.store import MOST_WHOLE, Store, Stored, StoreError, Upload
from backup.store.local import LocalStore
from backup.wal.codec import pack
from backup.wal.identity import ArchiveIdentity, claim
from backup.wal.spool import Spool
from cluster.postgres.lsn import Lsn
from cluster.postgres.wal_format import MAGIC, PAGE

SYSTEM = "7400000000000000001"
SIZE = 1 << 20


def wal(segment: Segment, system: str = SYSTEM, written: int | None = None) -> bytes:
    """A segment with right page headers; zeros after ``written`` bytes."""
    noise = random.Random(f"{segment}").randbytes(PAGE)
    data = bytearray()
    for offset in range(0, segment.size, PAGE):
        flags = 0 if offset else 2
        header = struct.pack("=HHIQI4x", MAGIC, flags, segment.timeline, segment.start + offset, 0)
        if not offset:
            header += struct.pack("=QII", int(system), segment.size, PAGE)
        data += header + noise[len(header) :]
    if written is not None:
        data[written:] = bytes(segment.size - written)
    return bytes(data)


def segment(number: int, timeline: int = 1) -> Segment:
    """The segment of that number."""
    return Segment(timeline=timeline, start=Lsn(number * SIZE), size=SIZE)


def name(number: int, timeline: int = 1) -> str:
    """Its name."""
    return segment_name(timeline, number * SIZE, SIZE)


def local(path: Path, name: str = "local") -> LocalStore:
    """An empty store."""
    path.mkdir(parents=True, exist_ok=True)
    return LocalStore(path, name)


def put(store: Store, *names: str) -> None:
    """An archive with these segments."""
    claim(store, ArchiveIdentity(system_identifier=SYSTEM, wal_segment_size=SIZE))
    for each in names:
        store.create(wal_key(SYSTEM, each), pack(wal(parse_segment(each, SIZE))))


def put_history(store: Store, timeline: int, text: str) -> None:
    """The history of a timeline."""
    store.create(history_key(SYSTEM, timeline), text.encode())


def spool(path: Path) -> Spool:
    """An empty spool."""
    return Spool(path, SYSTEM, SIZE)


def spooled(where: Spool, number: int, timeline: int = 1) -> str:
    """A whole segment in the spool; its name."""
    made = segment(number, timeline)
    (where.path / str(made)).write_bytes(wal(made))
    return str(made)


class Moody:
    """A store that can be out of order: a fake of our own protocol around a real one."""

    def __init__(self, inner: LocalStore, name: str = "moody") -> None:
        self.inner, self.name = inner, name
        self.down = self.keeps = False

    def _up(self) -> LocalStore:
        if self.down:
            raise StoreError(f"{self.name} answers 503")
        return self.inner

    def create(self, key: str, body: bytes, metadata: Mapping[str, str] | None = None) -> bool:
        return self._up().create(key, body, metadata)

    def replace(self, key: str, body: bytes, metadata: Mapping[str, str] | None = None) -> None:
        self._up().replace(key, body, metadata)

    def upload(self, key: str, metadata: Mapping[str, str] | None = None) -> AbstractContextManager[Upload]:
        return self._up().upload(key, metadata)

    def get(self, key: str, most: int = MOST_WHOLE) -> bytes:
        return self._up().get(key, most)

    def read(self, key: str) -> Iterator[bytes]:
        return self._up().read(key)

    def head(self, key: str) -> Stored | None:
        return self._up().head(key)

    def list(self, prefix: str = "", after: str = "") -> Iterator[Stored]:
        return self._up().list(prefix, after)

    def delete(self, keys: Iterable[str]) -> None:
        if self.keeps:
            raise StoreError(f"objects would not go: {', '.join(keys)} AccessDenied")
        self._up().delete(keys)

    def sweep(self, older_than: float) -> int:
        return self._up().sweep(older_than)
