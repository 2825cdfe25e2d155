"""The catalogue: what backups there are, which is what descriptions of backups (`backup.json`) are in the store.

A description is written last and deleted first, so what is listed is whole. There is no database beside it.
"""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from operator import attrgetter
from typing import Literal

from backup.layout import (
    BACKUP_JSON,
    Kind,
    archive_key,
    backup_key,
    backups_prefix,
    check_backup_name,
    check_segment_size,
    is_system,
    parse_backup_key,
    segments_between,
    system_prefix,
)
from backup.store import MOST_LISTED, DamagedError, MissingError, Store, at_most, read_text
from cluster import documents
from cluster.documents import LAST_MOMENT, read_as, read_format
from cluster.errors import RefusedError
from cluster.postgres.lsn import Lsn
from cluster.postgres.timeline_history import MOST_TIMELINES

Codec = Literal["zstd", "none"]


@dataclass(frozen=True, slots=True, kw_only=True)
class File:
    """One object of a backup: its name below the backup, its bytes as stored and their SHA-256 in hex."""

    name: str
    size: int
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Backup:
    """One finished backup.

    ``parent`` names the backup that an incremental one builds on; ``node`` is where it was taken; LSNs are texts, times
    Unix seconds; ``data_bytes`` is the sum of the sizes in its manifest, that is, unpacked; ``tablespaces`` are
    (oid, location); ``checksums``: the cluster had data checksums.
    """

    name: str
    kind: Kind
    parent: str | None
    system_identifier: str
    server_version: str
    node: str
    timeline: int
    start_lsn: str
    stop_lsn: str
    started: float
    stopped: float
    wal_segment_size: int
    data_bytes: int
    tablespaces: tuple[tuple[int, str], ...]
    files: tuple[File, ...]
    checksums: bool
    codec: Codec = "zstd"

    @property
    def size(self) -> int:
        """Bytes it takes in the store."""
        return sum(file.size for file in self.files)

    @property
    def order(self) -> tuple[int, int, float, str]:
        """What sorts backups from oldest to newest: by their WAL, which no clock can turn back."""
        return self.timeline, int(Lsn.parse(self.start_lsn)), self.started, self.name

    @property
    def segments(self) -> tuple[str, ...]:
        """The WAL segments without which it cannot become consistent."""
        start, stop = Lsn.parse(self.start_lsn), Lsn.parse(self.stop_lsn)
        return tuple(segments_between(self.timeline, start, stop, self.wal_segment_size))


def dump(backup: Backup) -> str:
    """The text of ``backup.json``."""
    return documents.dump(backup)


def parse(text: str) -> Backup:
    """Read what ``dump`` wrote.

    Raises:
        ValueError: it is not that; says what is wrong.
    """
    raw = read_format(text, "a backup")
    if "codec" not in raw:  # which has a default, and is always written
        raise ValueError("a field is missing or unknown: codec")
    backup = read_as(Backup, raw)
    _check(backup)
    return backup


_SHA256 = re.compile(r"[0-9a-f]{64}\Z")
_MOST_SEGMENTS = 1 << 20
"""WAL written while a backup was taken: 16 TiB in segments of the usual size."""
_MOST_OID = (1 << 32) - 1


def _check(backup: Backup) -> None:
    """What its fields could hold and a backup cannot."""
    if not (0 <= backup.started <= LAST_MOMENT and 0 <= backup.stopped <= LAST_MOMENT and backup.data_bytes >= 0):
        raise ValueError(f"from {backup.started} to {backup.stopped}, {backup.data_bytes} bytes")
    check_backup_name(backup.name)
    check_segment_size(backup.wal_segment_size)
    system_prefix(backup.system_identifier)
    if (backup.parent is None) != (backup.kind == "full"):
        raise ValueError(f"{backup.kind} with parent {backup.parent!r}")
    if backup.parent is not None:
        check_backup_name(backup.parent)
    written = Lsn.parse(backup.stop_lsn) - Lsn.parse(backup.start_lsn)
    possible = 0 < written <= _MOST_SEGMENTS * backup.wal_segment_size
    if not possible or not 0 < backup.timeline <= MOST_TIMELINES:
        raise ValueError(f"WAL from {backup.start_lsn} to {backup.stop_lsn} of timeline {backup.timeline}")
    if not all(0 < oid <= _MOST_OID for oid, _ in backup.tablespaces):
        raise ValueError("a tablespace has a number that none has")
    for file in backup.files:
        _check_file(backup, file)


def _check_file(backup: Backup, file: File) -> None:
    backup_key(backup.system_identifier, backup.name, file.name)
    if file.size < 0 or not _SHA256.match(file.sha256):
        raise ValueError(f"{file.name} has size {file.size!r} and SHA-256 {file.sha256!r}")


def systems(store: Store) -> tuple[str, ...]:
    """System identifiers of the clusters that have an archive in the store, without reading all of its list.

    Not everything with a number for a name is one: others keep folders there that are called after a day.
    """
    found: list[str] = []
    after = ""
    while stored := next(store.list(after=after), None):
        name, slash, _ = stored.key.partition("/")
        if slash and is_system(name) and _has_archive(store, name):
            found.append(name)
        after = f"{name}0" if slash else stored.key  # the character after "/": past all that is below it
    return tuple(found)


def _has_archive(store: Store, system: str) -> bool:
    """Its description, or what is left where that is gone: a finished backup."""
    return store.head(archive_key(system)) is not None or bool(_descriptions(store, system))


def _refuse(key: str, why: str) -> None:
    raise RefusedError(
        f"{key} in the store cannot be read: {why}",
        "it may be damaged or of a newer PODS; move it away if you are sure that the backup is worthless",
    )


def read_catalog(store: Store, system: str, on_damaged: Callable[[str, str], None] = _refuse) -> tuple[Backup, ...]:
    """Every finished backup of one cluster, oldest first.

    Args:
        store: where to look.
        system: system identifier of the cluster.
        on_damaged: told (key, why) of a description that cannot be read; when it returns, the backup is left out. By
            default it raises, since whoever deletes must know all; who lists or restores can go on without.

    Raises:
        RefusedError: a description cannot be read.
        StoreError: the store cannot.
    """
    found: list[Backup] = []
    for key in _descriptions(store, system):
        try:
            found.append(_read(store, key))
        except MissingError:
            continue  # deleted since it was listed
        except (ValueError, DamagedError) as error:
            on_damaged(key, error.message if isinstance(error, DamagedError) else str(error))
    return tuple(sorted(found, key=attrgetter("order")))


def _read(store: Store, key: str) -> Backup:
    backup = parse(read_text(store, key))
    if key != backup_key(backup.system_identifier, backup.name):
        raise ValueError(f"it describes {backup.name} of {backup.system_identifier}")
    return backup


def _descriptions(store: Store, system: str) -> list[str]:
    described = (stored for stored in store.list(backups_prefix(system)) if _describes(stored.key))
    return [stored.key for stored in at_most(described, MOST_LISTED, "descriptions of backups")]


def _describes(key: str) -> bool:
    parsed = parse_backup_key(key)
    return parsed is not None and parsed[1] == BACKUP_JSON


def write(store: Store, backup: Backup) -> bool:
    """Put the description in the store, which makes the backup one: everything else of it must be there before.

    Raises:
        ConflictError: there is another of that name.
    """
    _check(backup)
    return store.create(backup_key(backup.system_identifier, backup.name), dump(backup).encode())


def find(backups: Iterable[Backup], name: str) -> Backup:
    """The backup of that name, or the newest for ``latest``.

    Raises:
        RefusedError: there is none.
    """
    ordered = sorted(backups, key=attrgetter("order"))
    chosen = ordered[-1:] if name == "latest" else [backup for backup in ordered if backup.name == name]
    if not chosen:
        raise RefusedError(f"there is no backup {name!r}", "inv backup.list shows those there are")
    return chosen[0]


def chain(backups: Iterable[Backup], name: str) -> tuple[Backup, ...]:
    """The full backup that ``name`` rests on, then every incremental one up to it.

    Raises:
        RefusedError: there is no such backup, or a parent is not there.
    """
    known = {backup.name: backup for backup in backups}
    links = [find(known.values(), name)]
    visited = {links[0].name}
    while (parent := links[-1].parent) is not None:
        if parent not in known or parent in visited:
            raise RefusedError(f"backup {links[-1].name} builds on {parent}, which is not there", "choose another")
        links.append(known[parent])
        visited.add(parent)
    return tuple(reversed(links))


def dependants(backups: Iterable[Backup], name: str) -> tuple[Backup, ...]:
    """The backups that cannot be restored without ``name``, each before the one it builds on.

    Of a store that others can write to, two may name each other: each is there once, and ``name`` never.
    """
    children: dict[str, list[Backup]] = {}
    for backup in backups:
        children.setdefault(backup.parent or "", []).append(backup)
    found: dict[str, Backup] = {}
    waiting = [name]
    while waiting:
        for child in children.get(waiting.pop(), ()):
            if child.name not in found and child.name != name:
                found[child.name] = child
                waiting.append(child.name)
    return tuple(reversed(found.values()))
