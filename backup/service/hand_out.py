"""WAL of the archive for a standby that lacks it and has nobody to stream from: segments as files, while there are."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from backup.layout import next_segment, segment_name
from backup.service.context import ServiceContext
from backup.wal.identity import remembered
from backup.wal.read import read_segment
from backup.wal.spool import CLOSED, PARTIAL
from cluster.errors import PodsError, RefusedError
from cluster.files import write_atomically
from cluster.postgres.lsn import Lsn

FOLDER = "handed-out"
"""In the service's own directory."""
MOST = 4096
"""Segments: a standby that lacks more is cloned or restored sooner."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HandedOut:
    """Names of the segments that are in `FOLDER` now."""

    segments: tuple[str, ...]


def hand_out(context: ServiceContext, timeline: int, start: Lsn, progress: Callable[[str], None]) -> HandedOut:
    """Write what there is of ``timeline`` from ``start`` on, the last segment filled with zeros.

    Raises:
        RefusedError: the archive has not begun, or its segments' size is not known.
    """
    identity = remembered(context.spool)
    if identity is None:
        raise RefusedError("the archive has not begun", "see inv status")
    folder = context.home / FOLDER
    folder.mkdir(mode=0o700, exist_ok=True)
    for left in folder.iterdir():
        left.unlink()
    name = segment_name(timeline, start, identity.wal_segment_size)
    made: list[str] = []
    while len(made) < MOST and (data := _longest(context, name)):
        progress(f"Reading {name}")
        write_atomically(folder / name, data.ljust(identity.wal_segment_size, b"\0"), 0o600)
        made.append(name)
        name = next_segment(name, identity.wal_segment_size)
    return HandedOut(segments=tuple(made))


def _longest(context: ServiceContext, name: str) -> bytes:
    """Of the spool and of the stores who has most of it; what of it is WAL its reader finds out."""
    spool = context.spool / context.system
    found = [_read(spool / file) for file in (name, f"{name}{PARTIAL}", f"{name}{CLOSED}")]
    for store in context.stores:
        with suppress(PodsError, OSError):
            found.append(read_segment(store, context.system, name) or b"")
    return max(found, key=lambda data: len(data.rstrip(b"\0")))


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return b""
