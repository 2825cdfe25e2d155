"""Unpacking backups into a directory, every byte checked on its way to the disk.

A chain is unpacked from its newest backup to the full one: the newest says what there is, each older one gives what is
still missing of it.
"""

import errno
import hashlib
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from backup.base.archive_reader import (
    Content,
    archive_limits,
    archives,
    data_path,
    get_manifest,
    mismatch,
    open_archive,
    parse_manifest,
)
from backup.base.tar import BrokenTarError, Member
from backup.catalog import Backup, File
from backup.layout import MANIFEST, backup_key
from backup.manifest import Manifest
from backup.restore.assembly import DataDirectoryBuilder, making
from backup.restore.incremental import joined, parent_fault, patched
from backup.store import DamagedError, Store

TABLESPACE_MAP = "tablespace_map"
"""Would tell the server to link the tablespaces of the cluster that the backup is of; here they are folders instead."""
_LABEL = "backup_label"
_MOST_LABEL = 1 << 20
_IMPOSSIBLE = frozenset({errno.EEXIST, errno.ENOENT, errno.ENOTDIR, errno.EISDIR, errno.ENAMETOOLONG})
"""What making a file fails with where archives name it in a folder that is none, or twice."""
_AT_ONCE = 2
"""Archives: one is bound by a core, more only crowd the disk."""
_WORTH_HANDING_OVER = 64 << 10
"""Bytes; to hand a piece to another thread takes as long as to hash some 30 KiB."""
_HELD = 8
"""Pieces that wait to be hashed: as many as are written at once, and as many again."""


def unpack(
    store: Store,
    chain: Sequence[Backup],
    directory: Path,
    passed: Callable[[Backup], Callable[[int], None]] = lambda _: lambda _: None,
) -> None:
    """Make ``directory`` the data directory of a chain's newest backup, with tablespaces as folders of ``pg_tblspc``.

    Args:
        store: where the backups are.
        chain: the full backup, then the incremental ones on it.
        directory: not there yet.
        passed: asked with each backup for what is told bytes of it as they come.

    Raises:
        DamagedError: a backup is not as it was taken, or not one on its parent; names the first thing that is wrong.
        StoreError: the store cannot be asked.
    """
    parents = (None, *chain)
    with making(directory) as made:
        for backup, parent in reversed(list(zip(chain, parents, strict=False))):
            body = get_manifest(store, backup)
            _Unpacking(store, backup, parent, made, parse_manifest(backup, body), passed(backup)).run()
    if len(chain) == 1:  # there is none of PostgreSQL's for what a chain becomes
        (directory / MANIFEST).write_bytes(body)


@dataclass(slots=True)
class _Unpacking:
    """One backup on its way; ``seen`` are paths as the manifest has them."""

    store: Store
    backup: Backup
    parent: Backup | None
    making: DataDirectoryBuilder
    manifest: Manifest
    passed: Callable[[int], None]
    seen: set[str] = field(default_factory=set)

    def run(self) -> None:
        """Unpack every archive of it."""
        for oid, _ in self.backup.tablespaces:
            self.making.folder(f"pg_tblspc/{oid}")
        with ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="unpack") as pool:
            list(pool.map(self._archive, archives(self.backup)))
        if missing := self.manifest.files.keys() - self.seen:
            raise _damaged(self.backup, f"{min(missing)} is missing")
        if lacking := self.making.next_backup():
            raise _damaged(self.backup, f"it has no {lacking}, of which the one on it has blocks")

    def _archive(self, file: File) -> None:
        key = backup_key(self.backup.system_identifier, self.backup.name, file.name)
        # What is in it is hashed file by file, against PostgreSQL's manifest; only `verify` hashes the archive as well.
        stored = self._counted(self.store.read(key), file)
        try:
            with (
                open_archive(stored, file, archive_limits(self.backup, self.manifest)) as entries,
                ThreadPoolExecutor(1, thread_name_prefix="hash") as side,
            ):
                for member, content in entries:
                    self._entry(data_path(file, member), member, content, side)
        except BrokenTarError as error:
            raise _damaged(self.backup, f"{file.name}: {error}") from None
        except DamagedError as error:
            raise error if self.backup.name in error.message else _damaged(self.backup, error.message) from None

    def _counted(self, stored: Iterator[bytes], file: File) -> Iterator[bytes]:
        size = 0
        for piece in stored:
            size += len(piece)
            self.passed(len(piece))
            if size > file.size:
                raise _damaged(self.backup, f"{file.name} has more than its {file.size} bytes")
            yield piece

    def _entry(self, path: str, member: Member, content: Content, side: ThreadPoolExecutor) -> None:
        try:
            self._make(path, member, content, side)
        except OSError as error:
            if error.errno not in _IMPOSSIBLE:
                raise
            raise _damaged(self.backup, f"{path} cannot be where it says: {error.strerror}") from None

    def _make(self, path: str, member: Member, content: Content, side: ThreadPoolExecutor) -> None:
        if member.kind == "directory":
            self.making.folder(path, member.mode)
        elif member.kind == "link":
            raise BrokenTarError(f"{member.path} is a link, which PostgreSQL sends only as a tablespace map")
        else:
            self._file(path, member, _Hashed(content, side))

    def _file(self, path: str, member: Member, hashed: "_Hashed") -> None:
        self._expect(path, member)
        whole = patched(path) if self.parent else None
        if whole is not None:
            self.making.blocks(whole, hashed)
        elif path == _LABEL and self.parent:
            self._label(self.parent, member, hashed)
        elif path != TABLESPACE_MAP:
            self.making.whole(path, member.mode, member.size, hashed)
        self.seen.add(path)
        if wrong := mismatch(path, member.size, hashed.digest(), self.manifest.files.get(path)):
            raise _damaged(self.backup, wrong)

    def _expect(self, path: str, member: Member) -> None:
        """Before the first byte of a file is written: it is one of the manifest's, and no larger."""
        expected = self.manifest.files.get(path)
        if path in self.seen or (path == _LABEL and member.size > _MOST_LABEL):
            raise _damaged(self.backup, f"{path} is there twice, or too large")
        if expected is None or expected.size != member.size:
            raise _damaged(self.backup, mismatch(path, member.size, b"", expected))

    def _label(self, parent: Backup, member: Member, content: Iterator[memoryview]) -> None:
        text = b"".join(content)
        if wrong := parent_fault(text, parent):
            raise _damaged(self.backup, wrong)
        whole = joined(text)
        self.making.whole(_LABEL, member.mode, len(whole), iter([memoryview(whole)]))


class _Hashed:
    """Pieces of a file passing by; large ones are hashed on ``side``, while the caller writes them."""

    def __init__(self, content: Content, side: ThreadPoolExecutor) -> None:
        self._content = content
        self._side = side
        self._pending: deque[Future[None]] = deque()
        self._hash = hashlib.sha256()

    def __iter__(self) -> Iterator[memoryview]:
        return self

    def __next__(self) -> memoryview:
        piece = next(self._content)
        if len(piece) < _WORTH_HANDING_OVER:
            self._finish(0)
            self._hash.update(piece)
        else:
            self._finish(_HELD - 1)
            self._pending.append(self._side.submit(self._hash.update, piece))
        return piece

    def digest(self) -> bytes:
        """SHA-256 of all, including what nobody took."""
        for _ in self:
            pass
        self._finish(0)
        return self._hash.digest()

    def _finish(self, but: int) -> None:
        while len(self._pending) > but:
            self._pending.popleft().result()


def _damaged(backup: Backup, what: str) -> DamagedError:
    return DamagedError(f"backup {backup.name} is damaged: {what}", "restore from another; inv backup.verify tells all")
