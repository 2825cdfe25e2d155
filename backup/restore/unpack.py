"""Unpacking a backup into a directory, every byte checked on its way to the disk."""

import hashlib
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from backup.base.contents import Content, Watched, archives, fault, place, read_manifest, reading
from backup.base.tar import BrokenTarError, Member
from backup.catalog import Backup, File
from backup.layout import MANIFEST, backup_key
from backup.manifest import Manifest
from backup.restore.fetch import fetch
from backup.store import DamagedError, Store

TABLESPACE_MAP = "tablespace_map"
"""Would tell the server to link the tablespaces of the cluster that the backup is of; here they are folders instead."""
_AT_ONCE = 2
"""Archives: one is bound by a core, more only crowd the disk."""


def unpack(store: Store, backup: Backup, directory: Path, passed: Callable[[int], None] = lambda _: None) -> None:
    """Make ``directory`` the data directory as it was sent, with every tablespace in a folder of ``pg_tblspc``.

    Raises:
        DamagedError: the backup is not as it was taken; names the first thing that is wrong.
        StoreError: the store cannot be asked.
    """
    directory.mkdir(mode=0o700)
    manifest = read_manifest(store, backup)
    for oid, _ in backup.tablespaces:
        (directory / "pg_tblspc" / str(oid)).mkdir(mode=0o700, parents=True)

    def one(file: File) -> set[str]:
        return _unpack_archive(store, backup, file, manifest, directory, passed)

    with ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="unpack") as pool:
        written = set[str]().union(*pool.map(one, archives(backup)))
    if missing := manifest.files.keys() - written:
        raise _damaged(backup, f"{min(missing)} is missing")
    body = store.get(backup_key(backup.system_identifier, backup.name, MANIFEST))
    (directory / MANIFEST).write_bytes(body)


def _unpack_archive(
    store: Store, backup: Backup, file: File, manifest: Manifest, directory: Path, passed: Callable[[int], None]
) -> set[str]:
    key = backup_key(backup.system_identifier, backup.name, file.name)
    stored = Watched(fetch(store, key, file.size), passed)
    written = set()
    try:
        with reading(stored, file) as entries:
            for member, content in entries:
                path = place(file, member)
                digest = _write(directory / path, member, content, keep=path != TABLESPACE_MAP)
                if member.kind == "file":
                    written.add(path)
                    if wrong := fault(path, member.size, digest, manifest.files.get(path)):
                        raise _damaged(backup, wrong)
    except BrokenTarError as error:
        raise _damaged(backup, f"{file.name}: {error}") from None
    except DamagedError as error:
        raise error if backup.name in error.message else _damaged(backup, error.message) from None
    if not stored.is_like(file):
        raise _damaged(backup, f"{file.name} is not what was stored")
    return written


def _damaged(backup: Backup, what: str) -> DamagedError:
    return DamagedError(f"backup {backup.name} is damaged: {what}", "restore from another; inv backup.verify tells all")


def _write(path: Path, member: Member, content: Content, *, keep: bool) -> bytes:
    """Write one entry; the SHA-256 of its content."""
    if member.kind == "directory":
        path.mkdir(mode=0o700, exist_ok=True, parents=True)
        path.chmod(member.mode & 0o750)
    if member.kind == "link":
        raise BrokenTarError(f"{member.path} is a link, which PostgreSQL sends only as a tablespace map")
    digest = hashlib.sha256()
    if member.kind == "file" and keep:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, member.mode & 0o640)
        with open(descriptor, "wb", buffering=0) as file:
            for piece in content:
                digest.update(piece)
                _write_all(file.fileno(), piece)
    for piece in content:
        digest.update(piece)
    return digest.digest()


def _write_all(descriptor: int, piece: memoryview) -> None:
    while piece:
        piece = piece[os.write(descriptor, piece) :]
