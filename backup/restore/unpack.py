"""Unpacking a backup into a directory, every byte checked on its way to the disk.

An incremental one goes over what its parent became: whole files replace others, blocks are put into them, and what it
does not name goes.
"""

import hashlib
import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from backup.base.contents import Content, Watched, archives, fault, place, read_manifest, reading
from backup.base.tar import BrokenTarError, Member
from backup.catalog import Backup, File
from backup.layout import MANIFEST, backup_key
from backup.manifest import Manifest
from backup.restore.blocks import patch, patched
from backup.restore.directory import remove_others
from backup.restore.fetch import fetch
from backup.restore.label import join
from backup.store import DamagedError, Store

TABLESPACE_MAP = "tablespace_map"
"""Would tell the server to link the tablespaces of the cluster that the backup is of; here they are folders instead."""
_AT_ONCE = 2
"""Archives: one is bound by a core, more only crowd the disk."""
_WRITE_BACK = 32 << 20
"""Bytes after which the disk begins to write, while more is unpacked, so that little is left for the end."""


def unpack(
    store: Store,
    backup: Backup,
    directory: Path,
    parent: Backup | None = None,
    passed: Callable[[int], None] = lambda _: None,
) -> None:
    """Make ``directory`` the data directory as it was sent, with every tablespace in a folder of ``pg_tblspc``.

    Args:
        store: where the backup is.
        backup: which.
        directory: not there yet; of an incremental backup what its parent was unpacked to.
        parent: of an incremental backup.
        passed: told bytes of the store as they come.

    Raises:
        DamagedError: the backup is not as it was taken, or not one on ``parent``; names the first thing that is wrong.
        StoreError: the store cannot be asked.
    """
    directory.mkdir(mode=0o700, exist_ok=parent is not None)
    unpacking = _Unpacking(store, backup, directory, read_manifest(store, backup), passed)
    for oid, _ in backup.tablespaces:
        unpacking.folder(f"pg_tblspc/{oid}")
    with ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="unpack") as pool:
        list(pool.map(unpacking.archive, archives(backup)))
    if missing := unpacking.manifest.files.keys() - unpacking.seen:
        raise _damaged(backup, f"{min(missing)} is missing")
    if parent is None:
        body = store.get(backup_key(backup.system_identifier, backup.name, MANIFEST))
        (directory / MANIFEST).write_bytes(body)
        return
    remove_others(directory, unpacking.files, unpacking.folders)
    if wrong := join(directory / "backup_label", parent):
        raise _damaged(backup, wrong)


@dataclass(slots=True)
class _Unpacking:
    """One backup on its way: ``seen`` are paths as the manifest has them, ``files`` and ``folders`` as they stay."""

    store: Store
    backup: Backup
    directory: Path
    manifest: Manifest
    passed: Callable[[int], None]
    seen: set[str] = field(default_factory=set)
    files: set[str] = field(default_factory=set)
    folders: set[str] = field(default_factory=set)

    def folder(self, path: str, mode: int = 0o700) -> None:
        """Make a folder."""
        self.folders.update((path, *map(str, Path(path).parents)))
        (self.directory / path).mkdir(mode=0o700, exist_ok=True, parents=True)
        (self.directory / path).chmod(mode & 0o750)

    def archive(self, file: File) -> None:
        """Unpack one archive."""
        key = backup_key(self.backup.system_identifier, self.backup.name, file.name)
        # What is in it is hashed file by file, against PostgreSQL's manifest; only `verify` hashes the archive as well.
        stored = Watched(fetch(self.store, key, file.size), self.passed, hashing=False)
        try:
            with reading(stored, file) as entries:
                for member, content in entries:
                    self._entry(place(file, member), member, content)
        except BrokenTarError as error:
            raise _damaged(self.backup, f"{file.name}: {error}") from None
        except DamagedError as error:
            raise error if self.backup.name in error.message else _damaged(self.backup, error.message) from None
        if not stored.is_like(file):
            raise _damaged(self.backup, f"{file.name} is not what was stored")

    def _entry(self, path: str, member: Member, content: Content) -> None:
        if member.kind == "directory":
            self.folder(path, member.mode)
        elif member.kind == "link":
            raise BrokenTarError(f"{member.path} is a link, which PostgreSQL sends only as a tablespace map")
        else:
            self._file(path, member, content)

    def _file(self, path: str, member: Member, content: Content) -> None:
        hashed = _Hashed(content)
        whole = patched(path) if self.backup.kind == "incremental" else None
        if whole is not None:
            self._patch(whole, hashed)
        elif path != TABLESPACE_MAP:
            self._write(path, member, hashed)
        self.seen.add(path)
        if wrong := fault(path, member.size, hashed.digest(), self.manifest.files.get(path)):
            raise _damaged(self.backup, wrong)

    def _write(self, path: str, member: Member, content: Iterator[memoryview]) -> None:
        self.files.add(path)
        # what is there already is written over: to remove and make hundreds of small files anew takes longer
        new = 0 if self.backup.kind == "incremental" else os.O_EXCL
        flags = os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | new
        descriptor = os.open(self.directory / path, flags, member.mode & 0o640)
        try:
            _write_all(descriptor, content)
            os.ftruncate(descriptor, member.size)
        finally:
            os.close(descriptor)

    def _patch(self, path: str, content: Iterator[memoryview]) -> None:
        self.files.add(path)
        try:
            patch(self.directory / path, content)
        except FileNotFoundError:
            raise _damaged(self.backup, f"its parent has no {path}, of which it has blocks") from None


class _Hashed:
    """Pieces of a file passing by."""

    def __init__(self, content: Content) -> None:
        self._content = content
        self._hash = hashlib.sha256()

    def __iter__(self) -> Iterator[memoryview]:
        return self

    def __next__(self) -> memoryview:
        piece = next(self._content)
        self._hash.update(piece)
        return piece

    def digest(self) -> bytes:
        """SHA-256 of all, including what nobody took."""
        for _ in self:
            pass
        return self._hash.digest()


def _damaged(backup: Backup, what: str) -> DamagedError:
    return DamagedError(f"backup {backup.name} is damaged: {what}", "restore from another; inv backup.verify tells all")


def _write_all(descriptor: int, content: Iterator[memoryview]) -> None:
    """Write a file; DONTNEED makes the disk begin with what is new and keeps it in memory until it is written."""
    size = pushed = 0
    for piece in content:
        size += len(piece)
        while piece:
            piece = piece[os.write(descriptor, piece) :]
        if size - pushed >= _WRITE_BACK:
            os.posix_fadvise(descriptor, pushed, size - pushed, os.POSIX_FADV_DONTNEED)
            pushed = size
