"""Verifying a backup where it is stored: every byte is read, nothing is written anywhere.

Each stored object against the SHA-256 in the description, then every file in the archives against PostgreSQL's own
manifest, of an incremental backup as of a full one. Memory does not depend on the size.
"""

import hashlib
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from backup.annotations import Verified, mark_verified
from backup.base.archive_reader import (
    HashedPieces,
    Limits,
    archive_limits,
    archives,
    data_path,
    mismatch,
    open_archive,
    read_manifest,
)
from backup.base.tar import BrokenTarError
from backup.catalog import Backup, File
from backup.layout import backup_key
from backup.manifest import Manifest
from backup.store import DamagedError, MissingError, Store
from cluster.errors import RefusedError
from cluster.progress import TransferProgress

MOST = 50
"""Problems named; more than these are counted."""


@dataclass(slots=True, kw_only=True)
class Verification:
    """What came out: problems in words (none: it is right), files and bytes (unpacked) seen, seconds."""

    name: str
    problems: list[str] = field(default_factory=list)
    files: int = 0
    bytes: int = 0
    seconds: float = 0.0

    @property
    def ok(self) -> bool:
        """It is as it was taken."""
        return not self.problems

    @property
    def detail(self) -> str:
        """The problems in one line."""
        more = len(self.problems) - MOST
        return "; ".join(self.problems[:MOST]) + (f"; and {more} more" if more > 0 else "")


def verify(store: Store, backup: Backup, progress: Callable[[str], None]) -> Verification:
    """Read all of a backup; what is wrong with it.

    Raises:
        StoreError: the store cannot be asked, which says nothing about the backup.
    """
    began = time.monotonic()
    result = Verification(name=backup.name)
    try:
        manifest = read_manifest(store, backup)
    except (MissingError, DamagedError, RefusedError) as error:
        result.problems.append(error.message)
        manifest = None
    seen: set[str] = set()
    meter = TransferProgress(f"Reading {backup.name}", backup.size, progress)
    for file in archives(backup):
        _verify_archive(store, backup, file, manifest, result, seen, meter.add)
    if manifest is not None:
        result.problems.extend(f"{path} is missing" for path in manifest.files if path not in seen)
    result.seconds = time.monotonic() - began
    return result


def record(store: Store, backup: Backup, result: Verification) -> None:
    """Keep the result beside the backup."""
    mark_verified(store, backup, Verified(name=backup.name, when=time.time(), ok=result.ok, detail=result.detail))


def _verify_archive(
    store: Store,
    backup: Backup,
    file: File,
    manifest: Manifest | None,
    result: Verification,
    seen: set[str],
    passed: Callable[[int], None],
) -> None:
    stored = HashedPieces(store.read(backup_key(backup.system_identifier, backup.name, file.name)), passed)
    try:
        _verify_files(stored, file, manifest, result, seen, archive_limits(backup, manifest))
        if not stored.is_like(file):
            result.problems.append(f"{file.name} is not what was stored")
    except MissingError:
        result.problems.append(f"{file.name} is missing")


def _verify_files(
    stored: HashedPieces,
    file: File,
    manifest: Manifest | None,
    result: Verification,
    seen: set[str],
    limits: Limits,
) -> None:
    try:
        with open_archive(stored, file, limits) as entries:
            for member, content in entries:
                if member.kind == "file":
                    path = data_path(file, member)
                    seen.add(path)
                    digest = hashlib.sha256()
                    for piece in content:
                        digest.update(piece)
                    result.files += 1
                    result.bytes += member.size
                    wrong = mismatch(path, member.size, digest.digest(), manifest.files.get(path)) if manifest else ""
                    result.problems.extend([wrong] if wrong else [])
    except (DamagedError, BrokenTarError) as error:
        result.problems.append(f"{file.name} cannot be unpacked: {error}")
