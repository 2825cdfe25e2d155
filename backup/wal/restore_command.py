"""PostgreSQL's ``restore_command``: gives a segment or a history file, and never reports a missing one by mistake.

PostgreSQL ends recovery when it is told that a segment is not there (exit 1 to 125), and aborts on more than 125
(PostgreSQL 18, src/backend/access/transam/xlogarchive.c). So an outage must not look like an end.
"""

import errno
import os
import re
import shlex
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from backup.layout import next_segment, parse_segment, wal_key
from backup.store import Store
from backup.wal.identity import read_identity
from backup.wal.page_headers import NotWalError, check_pages
from backup.wal.read import read_history, read_segment
from cluster.errors import PodsError

FOUND, NOT_FOUND, UNAVAILABLE = 0, 1, 126
AHEAD = 8
"""Segments that are prefetched at once."""
_SEGMENT = re.compile(r"[0-9A-F]{24}\Z")
_HISTORY = re.compile(r"([0-9A-F]{8})\.history\Z")


@dataclass(frozen=True, slots=True, kw_only=True)
class RestoreSource:
    """Where WAL is fetched from: stores in order of preference, and the cluster's system identifier.

    ``ahead`` is a folder outside of any data directory, for prefetched segments.
    """

    stores: Sequence[Store]
    system: str
    ahead: Path


def restore_command(ahead: Path, program: str) -> str:
    """The setting's value: it takes a prefetched (and checked) segment, and starts a program for any other.

    Args:
        ahead: as of ``RestoreSource``; empty at the beginning.
        program: the program that calls `fetch` with the two names that follow.
    """
    return f"mv -T {shlex.quote(str(ahead))}/%f %p 2>/dev/null || exec {program} %f %p"


def fetch(archive: RestoreSource, name: str, target: Path, report: Callable[[str], None], *, ahead: int = AHEAD) -> int:
    """Do what ``restore_command`` asks: put the file ``name`` at ``target``.

    Args:
        archive: where from.
        name: ``%f``: a segment, or a history.
        target: ``%p``; appears whole or not at all.
        report: takes one line about an error.
        ahead: how many segments after this one to fetch along with it.

    Returns:
        0: it is there; 1: no store has it, and all answered; 126: a store does not answer.
    """
    try:
        if _HISTORY.match(name):
            return _write_whole(_history(archive, name), target)
        if not _SEGMENT.match(name):  # .backup and .partial files are not archived
            return NOT_FOUND
        return _segment(archive, name, target, ahead)
    except (PodsError, OSError, ValueError) as error:
        report(f"{name}: {error}")
        return UNAVAILABLE


def _history(archive: RestoreSource, name: str) -> bytes | None:
    return _first(archive, lambda store: read_history(store, archive.system, int(name[:8], 16)))


def _segment(archive: RestoreSource, name: str, target: Path, ahead: int) -> int:
    kept = archive.ahead / name
    if kept.exists() and _is_good(kept, name, archive.system):
        _move(kept, target)
        return FOUND
    with suppress(FileNotFoundError):
        kept.unlink()
    with ThreadPoolExecutor(1 + ahead) as pool:
        wanted = pool.submit(_read, archive, name)
        for following in _following(archive, name, ahead):
            pool.submit(_keep_ahead, archive, following)
        return _write_whole(wanted.result(), target)


def _read(archive: RestoreSource, name: str) -> bytes | None:
    return _first(archive, lambda store: read_segment(store, archive.system, name))


def _first(archive: RestoreSource, read: Callable[[Store], bytes | None]) -> bytes | None:
    """Read from the first store that has it; None only when every store answered and none has it.

    Raises:
        PodsError: none gave it, and one did not answer.
    """
    trouble: PodsError | None = None
    for store in archive.stores:
        try:
            found = read(store)
        except PodsError as error:
            trouble = error
            continue
        if found is not None:
            return found
    if trouble is not None:
        raise trouble
    return None


def _following(archive: RestoreSource, name: str, count: int) -> Iterator[str]:
    """The next names; none where no store has an identity with the segment size."""
    for store in archive.stores if count else ():
        with suppress(PodsError, ValueError):
            if identity := read_identity(store, archive.system):
                for _ in range(count):
                    name = next_segment(name, identity.wal_segment_size)
                    yield name
                return


def _keep_ahead(archive: RestoreSource, name: str) -> None:
    """Prefetch a segment; only a whole one, since an unfinished one may still grow."""
    kept = archive.ahead / name
    if kept.exists():
        return
    with suppress(PodsError, OSError, ValueError):
        data = _first(archive, lambda store: _read_whole(store, archive.system, name))
        if data is not None:
            archive.ahead.mkdir(parents=True, exist_ok=True)
            _write_whole(data, kept)


def _read_whole(store: Store, system: str, name: str) -> bytes | None:
    return read_segment(store, system, name) if store.head(wal_key(system, name)) else None


def _is_good(path: Path, name: str, system: str) -> bool:
    data = path.read_bytes()
    try:
        check_pages(data, parse_segment(name, len(data)), system)
    except (NotWalError, ValueError):
        return False
    return True


def _move(source: Path, target: Path) -> None:
    """Rename, or copy where that fails: between two mounts it does, though of one disk with one device number."""
    try:
        source.replace(target)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        _write_whole(source.read_bytes(), target)
        source.unlink()


def _write_whole(data: bytes | None, target: Path) -> int:
    """Write a file whole, or not at all; PostgreSQL syncs what it restores itself."""
    if data is None:
        return NOT_FOUND
    temporary = target.with_name(f"{target.name}.{os.getpid()}.new")
    try:
        temporary.write_bytes(data)
        temporary.chmod(0o600)
        temporary.replace(target)
    finally:
        temporary.unlink(missing_ok=True)
    return FOUND
