"""Taking a base backup: from the choice of a node to `backup.json`, which makes it one."""

import secrets
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from backup import catalog
from backup.annotations import read_verified
from backup.base import basebackup_protocol
from backup.base.attempt import StartedBackup, begin_one, plan_attempts
from backup.base.backup_lock import BackupLock, acquire_lock
from backup.base.fan_out import FanOut
from backup.base.parent import decide
from backup.base.source import SourceNode, choose, read_nodes
from backup.catalog import Backup, Codec
from backup.damage import damaged_ones
from backup.delete import sweep
from backup.layout import MANIFEST, Kind, backup_key, backup_name, backup_prefix, check_backup_name
from backup.manifest import parse
from backup.store import Store
from backup.trust import TRUSTED_SINCE
from cluster.errors import MachineError, PodsError
from cluster.postgres.connection import Access
from cluster.postgres.lsn import Lsn
from cluster.progress import TransferProgress
from cluster.waiting import wait_until

_DEAD_SECONDS = 86400.0
"""After so long an attempt that no lock file names is dead: another host's backup may still be running."""


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
    """What a backup works with: nodes and their primary, stores, a directory of its own, the state of the WAL archive.

    ``wal_archived(timeline, start, stop)``: whether that WAL is in the archive; ``switch_wal`` makes the primary begin
    a new segment, so that the one a replica's backup ended in gets there; ``progress`` takes one line at a time.
    """

    nodes: Mapping[str, Access]
    primary: Callable[[], str]
    stores: Sequence[Store]
    spool: Path
    wal_archived: Callable[[int, Lsn, Lsn], bool]
    switch_wal: Callable[[], None]
    progress: Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class BackupResult:
    """A finished backup: where it is, which stores failed and why, why it is of its kind, how many seconds it took."""

    backup: Backup
    stores: tuple[str, ...]
    failures: Mapping[str, str] = field(default_factory=dict)
    why: str = ""
    seconds: float = 0.0


def take(site: BackupSite, options: BackupOptions) -> BackupResult:
    """Take a backup into every store; one that fails is dropped, and named in the result.

    Raises:
        RefusedError: another backup is running, or no node can give one.
        MachineError: the primary, or every store, does not answer; the connection broke; a file of the cluster is bad.
        TimedOutError: its WAL did not get into the archive in time; then it is not listed either.
    """
    began = time.monotonic()
    with acquire_lock(site.spool) as lock:
        source, first = choose(read_nodes(site.nodes, site.progress), site.primary())
        catalogs, damaged, failures = _catalogs(site, first.system_identifier)
        stores = tuple(store for store in site.stores if store.name in catalogs)
        _clear_leftovers(stores, first.system_identifier, lock.abandoned, site.progress)
        held = [catalogs[store.name] for store in stores]
        choice = decide(options.kind, held, source, options.longest, options.trusted_since, damaged)
        plan = plan_attempts(choice, source, first)
        with begin_one(plan, site.nodes, stores, _request(options), site.progress) as started:
            backup, fan_out = _stream(site, options, lock, stores, started)
        lock.note("")
    return BackupResult(
        backup=backup,
        stores=tuple(store.name for store in fan_out.stores),
        failures={name: error.message for name, error in (failures | fan_out.failures).items()},
        why=started.why,
        seconds=time.monotonic() - began,
    )


def _catalogs(site: BackupSite, system: str) -> tuple[dict[str, tuple[Backup, ...]], set[str], dict[str, PodsError]]:
    """The catalog of each store, and what is known to be damaged in any; one that does not answer is dropped."""
    found: dict[str, tuple[Backup, ...]] = {}
    damaged: set[str] = set()
    failures: dict[str, PodsError] = {}
    for store in site.stores:
        try:
            backups = catalog.read_catalog(store, system, on_damaged=lambda *_: None)
            damaged |= damaged_ones(backups, read_verified(store, system)).keys()
            found[store.name] = backups
        except PodsError as error:
            failures[store.name] = error
    if not found:
        reasons = "; ".join(f"{name}: {error.message}" for name, error in failures.items()) or "none is set up"
        raise MachineError(f"no store answers: {reasons}", "see the stores, then try again")
    return found, damaged, failures


def _clear_leftovers(stores: Sequence[Store], system: str, attempt: str, progress: Callable[[str], None]) -> None:
    """Remove the files of ``attempt``, whose process was killed here ("": none was), and of any attempt of days ago."""
    for store in stores:
        try:
            if attempt:
                _remove_attempt(store, system, attempt)
            sweep(store, system, before=time.time() - _DEAD_SECONDS)
            store.sweep(_DEAD_SECONDS)
        except (PodsError, ValueError) as error:
            progress(f"leftovers in {store.name} stay for now: {error}")


def _remove_attempt(store: Store, system: str, attempt: str) -> None:
    """Remove an attempt's files, unless its `backup.json` was written after all."""
    check_backup_name(attempt)
    if store.head(backup_key(system, attempt)) is None:
        store.delete([stored.key for stored in store.list(backup_prefix(system, attempt))])


def _request(options: BackupOptions) -> basebackup_protocol.Request:
    return basebackup_protocol.Request(
        label="pods", codec=options.codec, level=options.level, workers=options.workers, rate=options.rate
    )


def _stream(
    site: BackupSite, options: BackupOptions, lock: BackupLock, stores: Sequence[Store], started: StartedBackup
) -> tuple[Backup, FanOut]:
    """Everything between the first byte and `backup.json`."""
    began = time.time()
    name = backup_name(began, started.kind, secrets.token_hex(3))
    lock.note(name)
    fan_out = FanOut(stores, started.node.system_identifier, name)
    with _remove_on_error(fan_out, name, started.node.system_identifier):
        sink = _StoreSink(fan_out, started, site.progress)
        stop = basebackup_protocol.receive(started.connection, sink)
        backup = _describe(started, options, fan_out, name, (began, time.time()), sink.finish(), stop)
        _await_wal(site, options, started.node, backup)
        fan_out.each(lambda store: catalog.write(store, backup))
    return backup, fan_out


@contextmanager
def _remove_on_error(fan_out: FanOut, name: str, system: str) -> Iterator[None]:
    """On any error the files of this attempt are removed; where a store does not delete them, the next run does."""
    try:
        yield
    except BaseException as error:
        fan_out.abandon(error)
        for store in fan_out.stores:
            try:
                _remove_attempt(store, system, name)
            except PodsError:
                continue
        raise


@dataclass(slots=True)
class _StoreSink:
    """The `BackupSink` of a backup: archives go into the stores, the manifest into memory."""

    fan_out: FanOut
    started: StartedBackup
    log: Callable[[str], None]
    _meter: TransferProgress = field(init=False)
    _manifest: list[bytes] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._meter = TransferProgress(f"Reading {self.started.node.name}", self.started.header.size, self.log)

    def begin(self, archive: str) -> None:
        self.fan_out.begin(archive)

    def write(self, data: bytes) -> None:
        self.fan_out.write(data)

    def write_manifest(self, data: bytes) -> None:
        self._manifest.append(data)

    def progress(self, done: int) -> None:
        self._meter.at(done)

    def finish(self) -> int:
        """Store the manifest last of all files; bytes of the backup unpacked."""
        body = b"".join(self._manifest)
        manifest = parse(body)
        self.fan_out.put(MANIFEST, body)
        return manifest.size


def _describe(
    started: StartedBackup,
    options: BackupOptions,
    fan_out: FanOut,
    name: str,
    times: tuple[float, float],
    size: int,
    stop: Lsn,
) -> Backup:
    header, node = started.header, started.node
    expected = {*basebackup_protocol.archive_names(header.tablespaces, options.codec), MANIFEST}
    if {file.name for file in fan_out.files} != expected:
        raise MachineError(f"{node.name} sent other archives than it announced", "try again; see its log")
    return Backup(
        name=name,
        kind=started.kind,
        parent=started.parent.name if started.parent else None,
        system_identifier=node.system_identifier,
        server_version=node.version,
        node=node.name,
        timeline=header.timeline,
        start_lsn=str(header.start),
        stop_lsn=str(stop),
        started=times[0],
        stopped=times[1],
        wal_segment_size=node.wal_segment_size,
        data_bytes=size,
        tablespaces=header.tablespaces,
        files=tuple(fan_out.files),
        checksums=node.checksums,
        codec=options.codec,
    )


def _await_wal(site: BackupSite, options: BackupOptions, node: SourceNode, backup: Backup) -> None:
    """A backup without its WAL is none. A primary switched segments by itself at the end; for a replica it has to.

    Repeated until it succeeds: the primary may be away just now, and an idle one would never fill the segment.
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
