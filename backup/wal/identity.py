"""The cluster that an archive belongs to: ``archive.json`` of a store, written once, and its copy in the spool."""

import json
import time
from dataclasses import dataclass
from pathlib import Path

from backup.layout import archive_key, check_segment_size, system_prefix
from backup.store import ConflictError, DamagedError, MissingError, Store, read_text
from cluster.documents import FORMAT, read_as, read_format, to_json
from cluster.errors import RefusedError
from cluster.files import write_atomically
from cluster.postgres.connection import Access
from cluster.postgres.replication import replicate
from cluster.units import parse_size

DEFAULT_SEGMENT = 16 << 20
"""Bytes; PostgreSQL's own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ArchiveIdentity:
    """One cluster, for life: its system identifier, and the bytes of a WAL segment."""

    system_identifier: str
    wal_segment_size: int


def fetch_identity(access: Access, node: str) -> ArchiveIdentity:
    """The cluster that a node belongs to.

    Raises:
        PodsError: it does not answer.
    """
    with replicate(access, node=node) as server:
        ((size, *_),) = server.command("SHOW wal_segment_size")
        return ArchiveIdentity(
            system_identifier=server.identify().system_identifier, wal_segment_size=parse_size(size or "")
        )


def dump_identity(identity: ArchiveIdentity, made: float) -> str:
    """The text of ``archive.json``; ``made`` is Unix seconds."""
    return json.dumps({"format": FORMAT, **to_json(identity), "made": made}) + "\n"


def parse_identity(text: str) -> ArchiveIdentity:
    """Read what ``dump_identity`` wrote.

    Raises:
        ValueError: it is not that.
    """
    raw = read_format(text, "an archive")
    raw.pop("made", None)
    identity = read_as(ArchiveIdentity, raw)
    system_prefix(identity.system_identifier)
    check_segment_size(identity.wal_segment_size)
    return identity


def claim(store: Store, identity: ArchiveIdentity) -> None:
    """Write the identity into the store, or check the one that is there.

    Raises:
        RefusedError: the store's archive is another cluster's.
    """
    key = archive_key(identity.system_identifier)
    try:
        store.create(key, dump_identity(identity, time.time()).encode())
    except ConflictError:
        found = read_identity(store, identity.system_identifier)
        if found != identity:
            raise RefusedError(f"{key} in store {store.name} describes another archive: {found}") from None


def read_identity(store: Store, system: str) -> ArchiveIdentity | None:
    """The identity in a store; None where there is none.

    Raises:
        DamagedError: it cannot be read.
        StoreError: the store does not answer.
    """
    key = archive_key(system)
    try:
        return parse_identity(read_text(store, key))
    except MissingError:
        return None
    except ValueError as error:
        raise DamagedError(f"{key} in store {store.name} cannot be read: {error}") from None


def segment_size(store: Store, system: str) -> int:
    """Bytes of a WAL segment of the cluster; PostgreSQL's default where the store has no identity of it."""
    identity = read_identity(store, system)
    return identity.wal_segment_size if identity else DEFAULT_SEGMENT


def remembered(spool: Path) -> ArchiveIdentity | None:
    """The cluster that was archived through this spool root before, where that is one only."""
    found = list(spool.glob("*/archive.json"))
    return parse_identity(found[0].read_text()) if len(found) == 1 else None


def remember(spool: Path, identity: ArchiveIdentity) -> None:
    """Let a later start know the cluster even when no node answers."""
    path = spool / identity.system_identifier / "archive.json"
    if not path.exists():
        write_atomically(path, dump_identity(identity, time.time()))
