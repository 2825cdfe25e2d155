"""Lines of the logs that are kept, as entries: PostgreSQL's JSON, PgBouncer's text, what a container printed. Pure.

Anybody who can connect writes into a log: a name may hold line breaks, a message may look like another line. So an
entry is only ever made of a whole line, and what is taken from it of the fields that the server filled in.
"""

import csv
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from cluster.documents import OMIT_NONE

LONGEST = 1 << 18
"""Bytes of a line; what is longer is cut."""
_SHOWN = 2000
"""Letters of a line on a terminal."""
_POOLER = re.compile(
    rb"(?P<time>\S+ \S+) \S+ \[\d+\] (?P<severity>[A-Z]+) "
    rb"(?:[CS]-0x[0-9a-f]+: (?P<database>[^/]*)/(?P<role>.*)@(?P<source>[^@ ]*):\d+ )?(?P<message>.*)",
    re.DOTALL,
)
_AUDIT = "AUDIT: "
_KEYS = {
    "timestamp": "time",
    "error_severity": "severity",
    "message": "message",
    "user": "role",
    "dbname": "database",
    "remote_host": "source",
    "application_name": "application",
    "state_code": "state",
    "detail": "detail",
    "hint": "hint",
    "context": "context",
    "statement": "statement",
}
"""Of PostgreSQL's JSON, and ours."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditRecord:
    """What pgaudit says of one statement. ``kind``: SESSION, or OBJECT where a role of pgaudit's owns a grant on it."""

    kind: str
    statement_class: str
    command: str
    object_type: str
    object: str
    statement: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LogEntry:
    """One line. What the server did not say is None; ``time`` is as written, in UTC unless log_timezone is another."""

    service: str
    time: str
    message: str
    severity: str | None = field(default=None, metadata=OMIT_NONE)
    role: str | None = field(default=None, metadata=OMIT_NONE)
    database: str | None = field(default=None, metadata=OMIT_NONE)
    source: str | None = field(default=None, metadata=OMIT_NONE)
    application: str | None = field(default=None, metadata=OMIT_NONE)
    state: str | None = field(default=None, metadata=OMIT_NONE)
    detail: str | None = field(default=None, metadata=OMIT_NONE)
    hint: str | None = field(default=None, metadata=OMIT_NONE)
    context: str | None = field(default=None, metadata=OMIT_NONE)
    statement: str | None = field(default=None, metadata=OMIT_NONE)
    audit: AuditRecord | None = field(default=None, metadata=OMIT_NONE)


def is_audit(line: bytes) -> bool:
    """Whether pgaudit wrote this line: what an application writes by RAISE has a context, and no way to be without.

    The same as in compose/images/database/pods-logs. Within a text every quote is escaped, so these are keys.
    """
    return b',"message":"AUDIT: ' in line and b',"context":' not in line


def server_entry(service: str, line: bytes) -> LogEntry:
    """Of a line of PostgreSQL's; of one that is cut or broken, as a full disk leaves it, the text that there is."""
    try:
        found = json.loads(line)
    except ValueError:
        found = None
    if not isinstance(found, dict):
        return LogEntry(service=service, time="", message=line[:LONGEST].decode(errors="replace"))
    values = {name: _text(found.get(key)) for key, name in _KEYS.items()}
    message = values.pop("message") or ""
    made = LogEntry(service=service, time=values.pop("time") or "", message=message, **values)  # type: ignore[arg-type]
    return made if not is_audit(line) else _audited(made)


def _text(value: object) -> str | None:
    return None if value is None else str(value)


def _audited(entry: LogEntry) -> LogEntry:
    """With what pgaudit's columns say, in place of the line that holds them."""
    try:
        row = next(csv.reader([entry.message.removeprefix(_AUDIT)], strict=False))
    except (csv.Error, StopIteration):
        return entry
    if len(row) < 8:
        return entry
    record = AuditRecord(
        kind=row[0], statement_class=row[3], command=row[4], object_type=row[5], object=row[6], statement=row[7]
    )
    values = {each.name: getattr(entry, each.name) for each in fields(entry)}
    values |= {"message": f"{row[3]} {row[4]} {row[6]}".strip(), "audit": record}
    return LogEntry(**values)


def pooler_entry(service: str, line: bytes) -> LogEntry:
    """Of a line of PgBouncer's."""
    found = _POOLER.fullmatch(line)
    if found is None:
        return LogEntry(service=service, time="", message=line.decode(errors="replace"))
    values: Mapping[str, Any] = {
        name: value if value is None else value.decode(errors="replace") for name, value in found.groupdict().items()
    }
    return LogEntry(service=service, **values)


def container_entry(service: str, line: bytes) -> LogEntry:
    """Of a line that a container printed, with the engine's time before it."""
    moment, _, message = line.decode(errors="replace").partition(" ")
    return LogEntry(service=service, time=moment, message=message)


def printable(text: str, most: int = _SHOWN) -> str:
    """On one line, and without what bends a terminal or turns its words round."""
    cut = text if len(text) <= most else text[:most] + "…"
    return "".join(letter if letter.isprintable() else " " if letter in "\n\t" else "?" for letter in cut)


def text_line(entry: LogEntry) -> str:
    """An entry on one line, for people."""
    who = f"{entry.role or ''}@{entry.database or ''}" if entry.role or entry.database else ""
    words = [entry.time, entry.severity or "", who, entry.source or "", entry.message]
    if entry.audit is not None:
        words.append(f"| {entry.audit.statement}")
    words += [f"{name}: {text}" for name in ("detail", "hint", "statement") if (text := getattr(entry, name))]
    return printable(f"{entry.service} | {' '.join(word for word in words if word)}")
