"""Taking a base backup: from the choice of a node to the description that makes it one."""

import secrets
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from backup import catalog
from backup.base import basebackup_protocol, leftovers
from backup.base.attempt import Begun, attempts, begin_one
from backup.base.backup_lock import BackupLock, take_turn
from backup.base.fan_out import FanOut
from backup.base.parent import decide
from backup.base.progress import Progress
from backup.base.source import SourceNode, choose, read_nodes
from backup.catalog import Backup, Codec
from backup.layout import MANIFEST, Kind, backup_name
from backup.manifest import parse
from backup.store import Store
from backup.trust import TRUSTED_SINCE
from cluster.errors import MachineError, PodsError
from cluster.postgres.connection import Access, wait_until
from cluster.postgres.lsn import Lsn


@dataclass(frozen=True, slots=True, kw_only=True)
class BackupOptions:
    """How to take it.

    ``level`` and ``workers`` are the server's zstd; ``rate`` limits it in kB/s (0: no limit); ``longest``: how many
    incremental backups may stand on one full one; ``trusted_since``: see ``decide``; ``wal_timeout``: seconds its WAL
    may take to be archived.
    """

    kind: Kind = "full"
    codec: Codec = "zstd"
    level: int = 3
    workers: int = 2
    rate: int = 0
    longest: int = 6
    trusted_since: int = TRUSTED_SINCE
    wal_timeout: float = 900.0


@dataclass(frozen=True, slots=True, kw_only=True)
class BackupSite:
    """What is around: nodes and who leads them, stores, a directory of our own, the archive's state.

    ``wal_archived(timeline, start, stop)``: whether that WAL is in the archive; ``switch_wal`` makes the primary begin
    a new segment, so that the one a replica's backup ended in gets there; ``progress`` is told a line at a time.
    """

    nodes: Mapping[str, Access]
    primary: Callable[[], str]
    stores: Sequence[Store]
    spool: Path
    wal_archived: Callable[[int, Lsn, Lsn], bool]
    switch_wal: Callable[[], None]
    progress: Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """A finished backup: where it is, which stores failed and why, why it is of its kind, how many seconds it took."""

    backup: Backup
    stores: tuple[str, ...]
    failures: Mapping[str, str] = field(default_factory=dict)
    why: str = ""
    seconds: float = 0.0


def take(site: BackupSite, options: BackupOptions) -> Taken:
    """Take a backup into every store; one that fails is given up, and named in the result.

    Raises:
        RefusedError: another backup is running, or no node can give one.
        MachineError: the primary, or every store, does not answer; the connection broke; a file of the cluster is bad.
        TimedOutError: its WAL did not get into the archive in time; then it is not listed either.
    """
    began = time.monotonic()
    with take_turn(site.spool) as turn:
        source, first = choose(read_nodes(site.nodes, site.progress), site.primary())
        catalogs, failures = _catalogs(site, first.system_identifier)
        stores = tuple(store for store in site.stores if store.name in catalogs)
        leftovers.clear(stores, first.system_identifier, turn.left, site.progress)
        held = [catalogs[store.name] for store in stores]
        basis = decide(options.kind, held, source, options.longest, options.trusted_since)
        with begin_one(attempts(basis, source, first), site.nodes, stores, _request(options), site.progress) as begun:
            backup, spread = _stream(site, options, turn, stores, begun)
        turn.note("")
    return Taken(
        backup=backup,
        stores=tuple(store.name for store in spread.stores),
        failures={name: error.message for name, error in (failures | spread.failures).items()},
        why=begun.why,
        seconds=time.monotonic() - began,
    )


def _catalogs(site: BackupSite, system: str) -> tuple[dict[str, tuple[Backup, ...]], dict[str, PodsError]]:
    """What each store holds; one that cannot say is given up at once."""
    found: dict[str, tuple[Backup, ...]] = {}
    failures: dict[str, PodsError] = {}
    for store in site.stores:
        try:
            found[store.name] = catalog.read_catalog(store, system, on_damaged=lambda *_: None)
        except PodsError as error:
            failures[store.name] = error
    if not found:
        told = "; ".join(f"{name}: {error.message}" for name, error in failures.items()) or "none is set up"
        raise MachineError(f"no store answers: {told}", "see the stores, then try again")
    return found, failures


def _request(options: BackupOptions) -> basebackup_protocol.Request:
    return basebackup_protocol.Request(
        label="pods", codec=options.codec, level=options.level, workers=options.workers, rate=options.rate
    )


def _stream(
    site: BackupSite, options: BackupOptions, turn: BackupLock, stores: Sequence[Store], begun: Begun
) -> tuple[Backup, FanOut]:
    """Everything between the first byte and the description."""
    started = time.time()
    name = backup_name(started, begun.kind, secrets.token_hex(3))
    turn.note(name)
    spread = FanOut(stores, begun.node.system_identifier, name)
    with _clean(spread, name, begun.node.system_identifier):
        landing = _Landing(spread, begun, site.progress)
        stop = basebackup_protocol.receive(begun.connection, landing)
        backup = _described(begun, options, spread, name, (started, time.time()), landing.finish(), stop)
        _await_wal(site, options, begun.node, backup)
        spread.each(lambda store: catalog.write(store, backup))
    return backup, spread


@contextmanager
def _clean(spread: FanOut, name: str, system: str) -> Iterator[None]:
    """Whatever goes wrong, nothing half done stays; where a store does not even delete, the next run tries again."""
    try:
        yield
    except BaseException as error:
        spread.abandon(error)
        for store in spread.stores:
            try:
                leftovers.remove(store, system, name)
            except PodsError:
                continue
        raise


@dataclass(slots=True)
class _Landing:
    """Where the stream arrives: archives into the stores, the manifest into memory."""

    spread: FanOut
    begun: Begun
    told: Callable[[str], None]
    _meter: Progress = field(init=False)
    _manifest: list[bytes] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._meter = Progress(f"Reading {self.begun.node.name}", self.begun.opening.size, self.told)

    def begin(self, archive: str) -> None:
        self.spread.begin(archive)

    def write(self, data: bytes) -> None:
        self.spread.write(data)

    def write_manifest(self, data: bytes) -> None:
        self._manifest.append(data)

    def progress(self, done: int) -> None:
        self._meter.at(done)

    def finish(self) -> int:
        """Store the manifest last of all files; bytes of the backup unpacked."""
        body = b"".join(self._manifest)
        manifest = parse(body)
        self.spread.put(MANIFEST, body)
        return manifest.size


def _described(
    begun: Begun, options: BackupOptions, spread: FanOut, name: str, times: tuple[float, float], size: int, stop: Lsn
) -> Backup:
    opening, node = begun.opening, begun.node
    expected = {*basebackup_protocol.archive_names(opening.tablespaces, options.codec), MANIFEST}
    if {file.name for file in spread.files} != expected:
        raise MachineError(f"{node.name} sent other archives than it announced", "try again; see its log")
    return Backup(
        name=name,
        kind=begun.kind,
        parent=begun.parent.name if begun.parent else None,
        system_identifier=node.system_identifier,
        server_version=node.version,
        node=node.name,
        timeline=opening.timeline,
        start_lsn=str(opening.start),
        stop_lsn=str(stop),
        started=times[0],
        stopped=times[1],
        wal_segment_size=node.wal_segment_size,
        data_bytes=size,
        tablespaces=opening.tablespaces,
        files=tuple(spread.files),
        checksums=node.checksums,
        codec=options.codec,
    )


def _await_wal(site: BackupSite, options: BackupOptions, node: SourceNode, backup: Backup) -> None:
    """A backup without its WAL is none. A primary switched segments by itself at the end; for a replica it has to.

    It is asked again until it has: it may be away just now, and an idle one would never fill the segment.
    """
    start, stop = Lsn.parse(backup.start_lsn), Lsn.parse(backup.stop_lsn)
    switched = not node.in_recovery

    def missing() -> str:
        nonlocal switched
        if site.wal_archived(backup.timeline, start, stop):
            return ""
        refusal = "" if switched else _switch(site)
        switched = not refusal
        return refusal or f"WAL {start} to {stop} is not all archived"

    site.progress(f"Waiting for WAL up to {stop} in the archive")
    hint = "see whether the archive keeps up, then take it again"
    wait_until(missing, timeout=options.wal_timeout, what=f"backup {backup.name} did not count", hint=hint, pause=0.5)


def _switch(site: BackupSite) -> str:
    """Have the primary begin another segment; why it did not."""
    try:
        site.switch_wal()
    except PodsError as error:
        return f"the primary did not switch segments: {error.message}"
    return ""
