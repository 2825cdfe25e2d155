"""Where recovery shall stop. Pure."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal, get_args

from cluster.errors import UsageError
from cluster.postgres.lsn import Lsn

Kind = Literal["latest", "immediate", "time", "lsn", "xid", "name"]
_MOST_NAME = 63
"""Bytes of a restore point's name (PostgreSQL's MAXFNAMELEN - 1)."""
_TIME = re.compile(r"\d{4}-\d\d-\d\d")


@dataclass(frozen=True, slots=True, kw_only=True)
class RecoveryTarget:
    """One moment: ``time`` in Unix seconds, ``lsn``, or the ``text`` of a transaction number or restore point."""

    kind: Kind = "latest"
    text: str = ""
    time: float | None = None
    lsn: Lsn | None = None

    def __str__(self) -> str:
        return {
            "latest": "the newest moment archived",
            "immediate": "the moment the backup became consistent",
        }.get(self.kind, f"{self.kind} {self.text}")

    def settings(self) -> dict[str, str]:
        """PostgreSQL's parameters for it."""
        if self.kind == "latest":
            return {}
        if self.kind == "immediate":
            return {"recovery_target": "immediate"}
        return {f"recovery_target_{self.kind}": self.text}


def check_target(text: str, kind: Kind | None = None) -> RecoveryTarget:
    """The target that a user wrote; without ``kind`` what it looks like: a time, an LSN, a transaction, else a name.

    Times come back in UTC.

    Raises:
        UsageError: it is none, or a time without an offset from UTC.
    """
    chosen = kind or _guess(text.strip())
    if chosen not in get_args(Kind):
        raise UsageError(f"{chosen!r} is no kind of target", f"use one of {', '.join(get_args(Kind))}")
    return _READERS[chosen](text.strip())


def _guess(text: str) -> Kind:
    if text in ("latest", "immediate"):
        return "latest" if text == "latest" else "immediate"
    if _TIME.match(text):
        return "time"
    return "lsn" if "/" in text else "xid" if text.isdecimal() else "name"


def _time(text: str) -> RecoveryTarget:
    example = "write it with its offset from UTC, such as 2026-11-22T10:00:00Z or 2026-11-22 12:00:00+02:00"
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise UsageError(f"{text!r} is no time", example) from None
    if moment.tzinfo is None:
        raise UsageError(f"{text!r} does not say in which time zone", example)
    utc = moment.astimezone(UTC)
    return RecoveryTarget(kind="time", text=utc.isoformat(sep=" "), time=utc.timestamp())


def _lsn(text: str) -> RecoveryTarget:
    try:
        lsn = Lsn.parse(text)
    except ValueError:
        raise UsageError(f"{text!r} is no LSN", "write it as PostgreSQL does, such as 0/3000148") from None
    return RecoveryTarget(kind="lsn", text=str(lsn), lsn=lsn)


def _xid(text: str) -> RecoveryTarget:
    if not (text.isascii() and text.isdecimal() and 3 <= int(text) < 1 << 64):
        raise UsageError(f"{text!r} is no transaction number", "write what pg_current_xact_id() returned")
    return RecoveryTarget(kind="xid", text=text)


def _name(text: str) -> RecoveryTarget:
    if not text or len(text.encode()) > _MOST_NAME or not text.isprintable():
        raise UsageError(f"{text!r} cannot name a restore point", "write what pg_create_restore_point() was given")
    return RecoveryTarget(kind="name", text=text)


_READERS = {
    "latest": lambda _: RecoveryTarget(),
    "immediate": lambda _: RecoveryTarget(kind="immediate"),
    "time": _time,
    "lsn": _lsn,
    "xid": _xid,
    "name": _name,
}
