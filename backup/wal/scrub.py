"""Scrubbing the archive: every segment is read as a restore reads it, so that damage is known before the day it counts.

What was archived carries its own proof: a sealed object its authentication, a zstd frame the checksum of its content,
WAL the headers of its pages. Nothing of PostgreSQL's is started for it, and nothing is written.
"""

import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from backup.store import DamagedError, Store
from backup.wal.read import read_segment
from cluster.units import human_size

_MOST_AT_ONCE = 4
_MEMORY = 256 << 20
"""Bytes of segments in memory at once, at most, but for one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WalScrub:
    """What came out: segments and bytes (unpacked) that were read, seconds, and why which segment is damaged."""

    segments: int
    bytes: int
    seconds: float
    damaged: dict[str, str] = field(default_factory=dict)


def scrub(
    store: Store, system: str, segments: Sequence[str], wal_segment_size: int, progress: Callable[[str], None]
) -> WalScrub:
    """Read these segments, whole or as far as each got; one that is gone meanwhile does not count.

    Raises:
        StoreError: the store does not answer, which says nothing about what is in it.
    """
    began, count, size = time.monotonic(), 0, 0
    damaged: dict[str, str] = {}
    with ThreadPoolExecutor(max(1, min(_MOST_AT_ONCE, _MEMORY // wal_segment_size))) as pool:
        try:
            for number, (segment, read, why) in enumerate(
                pool.map(lambda name: _read(store, system, name), segments), start=1
            ):
                count, size = count + bool(read or why), size + read
                if why:
                    damaged[segment] = why
                progress(f"Reading WAL in {store.name}: {number} of {len(segments)} segments, {human_size(size)}")
        finally:
            pool.shutdown(cancel_futures=True)
    return WalScrub(segments=count, bytes=size, seconds=time.monotonic() - began, damaged=damaged)


def _read(store: Store, system: str, segment: str) -> tuple[str, int, str]:
    """Its name, its bytes, and why it is damaged."""
    try:
        data = read_segment(store, system, segment)
    except DamagedError as error:
        return segment, 0, error.message
    return segment, len(data or b""), ""
