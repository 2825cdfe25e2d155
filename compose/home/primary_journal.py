"""The journal of the primary, `data/history.jsonl`: appended to, read, and copied to where services read it.

What it holds and means is in cluster/history.py. A journal that cannot be written must not keep a new primary from
being one: whoever records gets a line for the user instead of an error.
"""

import errno
import os
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import PurePath

from cluster import history
from cluster.errors import RefusedError
from cluster.files import Directory, sync_directory, write_atomically
from cluster.history import Journal, PrimaryChange
from cluster.postgres.data_directory import PGDATA
from compose.home.paths import Home

_SHOWN = 100
"""Changes in the copy for services."""
_MODE = 0o644
_APPEND = os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_WAL = PGDATA / "pg_wal"
_SUFFIX = ".history"


def record(home: Home, change: PrimaryChange) -> str:
    """Note that the primary changed; called under the operation lock, as soon as it takes writes.

    Noted again by a run that goes on after an interruption, it is there once.

    Args:
        home: the cluster's.
        change: what changed; without a time it is that of now.

    Returns:
        "", or why it could not be noted, for a warning.
    """
    try:
        known = read_journal(home)
        if not history.repeats(known, change):
            _append(home, replace(change, at=round(time.time(), 3)) if change.at is None else change)
        publish_journal(home)
    except OSError as error:
        return f"the change of the primary could not be noted in {home.journal}: {error.strerror}"
    return ""


def read_journal(home: Home) -> Journal:
    """The changes that were noted; an empty journal where there is none.

    Raises:
        OSError: it cannot be read.
    """
    try:
        return history.parse(home.journal.read_bytes())
    except FileNotFoundError:
        return Journal()


def publish_journal(home: Home) -> None:
    """Write the latest changes to where services read them, where they are not there."""
    text = "".join(history.dump(change) for change in read_journal(home).changes[-_SHOWN:])
    copy = home.journal_copy
    if text and not (copy.exists() and copy.read_text(encoding="utf-8", errors="replace") == text):
        write_atomically(copy, text, _MODE)


def _append(home: Home, change: PrimaryChange) -> None:
    """One write, synced. What an interrupted write before it left must not swallow the line."""
    home.data.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(home.journal, _APPEND, _MODE)
    try:
        size = os.fstat(descriptor).st_size
        torn = size > 0 and os.pread(descriptor, 1, size - 1) != b"\n"
        line = ("\n" if torn else "").encode() + history.dump(change).encode()
        if os.write(descriptor, line) < len(line):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        os.fchmod(descriptor, _MODE)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    sync_directory(home.data)


def read_histories(home: Home, node: str) -> Mapping[int, str]:
    """The texts of PostgreSQL's history files in the data of ``node``, by their timelines; none where there is no data.

    Raises:
        RefusedError: something else is in the place of one.
    """
    found: dict[int, str] = {}
    try:
        with Directory.open(home.node(node)) as directory, directory.enter(_WAL) as wal:
            for name in filter(_is_history, wal.names()):
                found[int(PurePath(name).stem, 16)] = wal.read(name).decode(errors="replace")
    except FileNotFoundError:
        return found
    except PermissionError as error:
        raise RefusedError(f"{error.filename} cannot be read by this user") from None
    return found


def _is_history(name: str) -> bool:
    digits = name.removesuffix(_SUFFIX)
    return name.endswith(_SUFFIX) and len(digits) == 8 and all(each in "0123456789ABCDEF" for each in digits)
