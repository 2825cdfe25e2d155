"""Copying WAL that one store lacks from a store that has it, a segment at a time.

The content is copied: encrypted stores have keys of their own. What is there already is never replaced.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from backup.layout import parse_segment, wal_key
from backup.store import ConflictError, DamagedError, MissingError, Store, StoreError
from backup.wal.codec import unpack
from backup.wal.page_headers import NotWalError, check_pages

_LARGEST = 1 << 30


@dataclass(frozen=True, slots=True, kw_only=True)
class ResyncResult:
    """Names of the segments that were copied, and a line for each that could not be: why."""

    copied: tuple[str, ...] = ()
    troubles: tuple[str, ...] = ()


def resync(
    store: Store, others: Sequence[Store], system: str, missing: Iterable[str], go_on: Callable[[], bool]
) -> ResyncResult:
    """Copy whole segments into ``store``, oldest first; interrupted, the next call continues.

    Args:
        store: lacks them.
        others: may have them.
        system: system identifier of the cluster.
        missing: names of segments.
        go_on: called before each segment; false ends it.

    Raises:
        StoreError: ``store`` cannot be written to.
    """
    copied, troubles = list[str](), list[str]()
    for segment in sorted(missing):
        if not go_on():
            break
        body, refusals = _find(others, system, segment)
        if body is None:
            troubles += refusals
            continue
        try:
            store.create(wal_key(system, segment), body)
        except ConflictError as error:
            troubles.append(error.message)
        else:
            copied.append(segment)
    return ResyncResult(copied=tuple(copied), troubles=tuple(troubles))


def _find(stores: Sequence[Store], system: str, segment: str) -> tuple[bytes | None, list[str]]:
    """The stored object of a segment from the first store that has a good one; else what is wrong with each."""
    refusals = []
    for store in stores:
        try:
            return _read(store, system, segment), []
        except MissingError:
            continue
        except (StoreError, NotWalError) as error:
            refusals.append(f"{segment} in {store.name}: {error.message}")
    return None, refusals


def _read(store: Store, system: str, segment: str) -> bytes:
    body = store.get(wal_key(system, segment))
    data = unpack(body, _LARGEST)
    try:
        check_pages(data, parse_segment(segment, len(data)), system)
    except ValueError as error:
        raise DamagedError(str(error)) from None
    return body
