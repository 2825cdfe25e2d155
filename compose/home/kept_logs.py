"""What is kept of the services' logs in data/logs/SERVICE: read with bounded memory, saved, and deleted when too old.

Nodes and PgBouncer write there themselves, and pods-logs in their containers keeps it small (compose/images/database).
Of the others the log is Docker's, which goes with the container: `save` takes it before.
"""

import re
from collections import deque
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime

from cluster.config.settings import Settings
from cluster.endpoints import POOLER
from cluster.errors import RefusedError
from cluster.files import Directory
from cluster.log_entries import (
    LONGEST,
    LogEntry,
    container_entry,
    is_audit,
    pooler_entry,
    server_entry,
)
from compose.home.paths import Home, containers_owner, make_log_directories

_CHUNK = 1 << 18
_DATED = re.compile(r"(?P<kind>[a-z]+)-(?P<date>[0-9]{8}T[0-9]{9}Z)\.(?P<format>json|log)\Z")
_CURRENT = ("server.json", "pgbouncer.log")
SAVED = "saved"
_MOST_SAVED = 1 << 24
"""Bytes that are kept of a container that goes."""


@dataclass(frozen=True, slots=True)
class LogPart:
    """One file of a service's log; ``date`` is empty for the one that is written."""

    name: str
    kind: str
    date: str
    modified: float
    size: int


def services(home: Home) -> list[str]:
    """Of which something is kept."""
    try:
        with Directory.open(home.logs) as logs:
            return [name for name in logs.names() if _holds(logs, name)]
    except FileNotFoundError:
        return []


def _holds(directory: Directory, name: str) -> bool:
    with suppress(RefusedError):
        return directory.holds(name)
    return False


def parts(directory: Directory) -> list[LogPart]:
    """The files of one service, the oldest first, the one that is written last; what else is there is left alone."""
    found = []
    for name in directory.names():
        dated, stat = _DATED.match(name), directory.stat(name)
        if stat is None or (dated is None and name not in _CURRENT):
            continue
        kind, date = (dated["kind"], dated["date"]) if dated else (name.partition(".")[0], "")
        found.append(LogPart(name, kind, date, stat.st_mtime, stat.st_size))
    whole = {part.date for part in found if part.kind == "raw"}  # being split: both parts of it may be there already
    found = [part for part in found if part.kind == "raw" or part.date not in whole or not part.date]
    return sorted(found, key=lambda part: (not part.date, part.date, part.kind))


def writes(home: Home, service: str) -> bool:
    """Whether a server has written there; one that PODS of before started does not."""
    try:
        with Directory.open(home.logs) as logs, logs.enter(service) as directory:
            return any(part.name in _CURRENT for part in parts(directory))
    except FileNotFoundError:
        return False


def latest(home: Home, service: str, most: int, *, audit: bool = False) -> list[LogEntry]:
    """The last ``most`` entries, in their order."""
    found: deque[LogEntry] = deque()
    for kind, lines in _read(home, service, 0.0, audit=audit, newest_first=True):
        left = most - len(found)
        if left <= 0:
            break
        wanted = deque((line for line in lines if is_audit(line) == audit), maxlen=left)
        found.extendleft(reversed([_entry(service, kind, line) for line in wanted]))
    return list(found)


def since(home: Home, service: str, moment: float, *, audit: bool = False) -> Iterator[LogEntry]:
    """Every entry from ``moment`` on, in Unix seconds; one without a time goes with the one before."""
    begun = False
    for kind, lines in _read(home, service, moment, audit=audit, newest_first=False):
        for line in lines:
            if is_audit(line) != audit:
                continue
            entry = _entry(service, kind, line)
            written = unix_time(entry.time)
            begun = written >= moment if written is not None else begun
            if begun:
                yield entry


def unix_time(text: str) -> float | None:
    """Of a time as servers and the engine write it; None where it is none."""
    try:
        return datetime.fromisoformat(text[:23].rstrip("Z").rstrip()).replace(tzinfo=UTC).timestamp()
    except ValueError:
        return None


def _entry(service: str, kind: str, line: bytes) -> LogEntry:
    if kind == SAVED:
        return container_entry(service, line)
    return pooler_entry(service, line) if service == POOLER else server_entry(service, line)


def _read(
    home: Home, service: str, moment: float, *, audit: bool, newest_first: bool
) -> Iterator[tuple[str, Iterator[bytes]]]:
    """The kind and the lines of each file that may hold some from ``moment`` on."""
    try:
        directory = Directory.open(home.logs)
    except FileNotFoundError:
        return
    with directory:
        if directory.stat(service) is None:
            return
        with directory.enter(service) as inner:
            chosen = [part for part in parts(inner) if part.modified >= moment and _wanted(part, audit)]
            for part in reversed(chosen) if newest_first else chosen:
                yield part.kind, _lines(inner, part.name)


def _wanted(part: LogPart, audit: bool) -> bool:
    mixed = part.kind == "raw" or not part.date
    return mixed or (part.kind == "audit") == audit


def _lines(directory: Directory, name: str) -> Iterator[bytes]:
    """The lines of a file, each cut at `LONGEST`; one that was moved away meanwhile has none."""
    offset, begun = 0, b""
    while True:
        try:
            chunk = directory.read_at(name, offset, _CHUNK)
        except FileNotFoundError:
            return
        offset += len(chunk)
        *whole, rest = chunk.split(b"\n")
        for line in whole:
            if text := (begun + line)[:LONGEST]:
                yield text
            begun = b""
        begun = (begun + rest)[: LONGEST + 1]
        if not chunk:
            if begun:
                yield begun[:LONGEST]
            return


def save(home: Home, service: str, text: bytes) -> None:
    """Keep ``text``, a container's log with the engine's times, of a service that does not write there itself."""
    if not text.strip():
        return
    make_log_directories(home, [service])
    cut = text if len(text) <= _MOST_SAVED else text[-_MOST_SAVED:].partition(b"\n")[2]
    date = datetime.now(UTC).strftime("%Y%m%dT%H%M%S%f")[:18] + "Z"
    with Directory.open(home.logs) as logs, logs.enter(service) as directory:
        directory.write(f"{SAVED}-{date}.log", cut, 0o600, containers_owner())


def last_saved(home: Home, service: str) -> float:
    """When a container's log was saved last; 0 where it never was."""
    with suppress(FileNotFoundError), Directory.open(home.logs) as logs, logs.enter(service) as directory:
        return max((part.modified for part in parts(directory) if part.kind == SAVED), default=0.0)
    return 0.0


def delete_old(home: Home, settings: Settings, now: float) -> None:
    """Delete what is older, or more, than settings allow: also of a service that is no more, or does not run."""
    for service in services(home):
        with Directory.open(home.logs) as logs, logs.enter(service) as directory:
            for part in superfluous(parts(directory), settings, now):
                directory.unlink(part.name)


def superfluous(found: list[LogPart], settings: Settings, now: float) -> list[LogPart]:
    """The files that are too old, or from which on, going back, there is too much."""
    left: list[LogPart] = []
    used = {True: 0, False: 0}
    for part in reversed(found):
        audit = part.kind in ("audit", "raw")
        days, most = (settings.audit_days, settings.audit_size) if audit else (settings.log_days, settings.log_size)
        used[audit] += part.size
        if part.date and (now - part.modified > days * 86_400 or used[audit] > most):
            left.append(part)
    return left


def used_bytes(home: Home) -> dict[str, int]:
    """What the kept log of each service takes of the disk."""
    found = {}
    for service in services(home):
        with Directory.open(home.logs) as logs, logs.enter(service) as directory:
            found[service] = sum(part.size for part in parts(directory))
    return found
