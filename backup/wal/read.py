"""Reading the archive: a segment, whole or as far as it got; a history."""

from backup.layout import history_key, parse_segment, wal_key
from backup.store import MOST_DOCUMENT, DamagedError, MissingError, Store
from backup.wal.codec import unpack, unpacked_size
from backup.wal.identity import DEFAULT_SEGMENT, read_identity, segment_size
from backup.wal.page_headers import NotWalError, check_pages
from backup.wal.partial_segments import assemble


def read_segment(store: Store, system: str, segment: str) -> bytes | None:
    """A segment, its headers checked; where only pieces of its beginning are stored, with zeros after them.

    Args:
        store: the store to read.
        system: system identifier of the cluster.
        segment: 24 hex digits.

    Returns:
        A whole segment's bytes, or None where the store has nothing of it.

    Raises:
        DamagedError: what is stored is not that segment.
        StoreError: the store does not answer.
    """
    for _ in range(3):  # pieces go when the segment is whole: then it is there
        try:
            data = _unpacked(store, system, store.get(wal_key(system, segment)))
        except MissingError:
            try:
                pieced = _from_pieces(store, system, segment)
            except MissingError:
                continue
            if pieced is None:
                return None
            data = pieced
        return _checked(data, segment, system)
    raise DamagedError(f"pieces of {segment} in store {store.name} go while they are read")


def _unpacked(store: Store, system: str, body: bytes) -> bytes:
    """What a frame holds, which is a segment of this archive; a bomb is not unpacked."""
    usual = unpacked_size(body) <= DEFAULT_SEGMENT
    return unpack(body, DEFAULT_SEGMENT if usual else segment_size(store, system))


def _from_pieces(store: Store, system: str, segment: str) -> bytes | None:
    identity = read_identity(store, system)
    return None if identity is None else assemble(store, system, segment, identity.wal_segment_size)


def _checked(data: bytes, segment: str, system: str) -> bytes:
    try:
        check_pages(data, parse_segment(segment, len(data)), system)
    except (NotWalError, ValueError) as error:
        raise DamagedError(f"what is stored as {segment} is not that: {error}") from None
    return data


def read_history(store: Store, system: str, timeline: int) -> bytes | None:
    """The history file of a timeline, or None where the store has none.

    Raises:
        StoreError: the store does not answer.
    """
    try:
        return store.get(history_key(system, timeline), MOST_DOCUMENT)
    except MissingError:
        return None
