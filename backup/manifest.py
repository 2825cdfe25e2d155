"""A base backup's own list of its files, as the server made it.

Source of the format: PostgreSQL 18 documentation, "Backup Manifest Format". The checksum in the last line is the
SHA-256 of every byte before that line.
"""

import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from cluster.documents import LARGEST, parse_json
from cluster.errors import RefusedError
from cluster.postgres.lsn import Lsn

_LAST_LINE = b'"Manifest-Checksum"'
_VERSION = 2


@dataclass(frozen=True, slots=True)
class Entry:
    """One file: bytes, and the SHA-256 of them (None where the server made another checksum or none)."""

    size: int
    sha256: bytes | None


@dataclass(frozen=True, slots=True, kw_only=True)
class WalRange:
    """WAL without which the backup cannot become consistent."""

    timeline: int
    start: Lsn
    stop: Lsn


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """What a backup consists of; paths are relative to the data directory."""

    system_identifier: str
    files: Mapping[str, Entry]
    wal: tuple[WalRange, ...]

    @property
    def size(self) -> int:
        """Bytes of all files together."""
        return sum(entry.size for entry in self.files.values())


def parse(body: bytes) -> Manifest:
    """Read a manifest and check it against its own checksum.

    Raises:
        RefusedError: it is damaged, or of a form we do not know.
    """
    try:
        raw = parse_json(body)
        _check_own(body, raw)
        return _manifest(raw)
    except (ValueError, KeyError, TypeError, IndexError, AttributeError) as error:
        raise _damaged(str(error)) from None


def _damaged(why: str) -> RefusedError:
    return RefusedError(f"the backup's manifest is damaged: {why}", "restore from another backup, and take a new one")


def _check_own(body: bytes, raw: dict[str, Any]) -> None:
    end = body.rindex(_LAST_LINE)
    if hashlib.sha256(body[:end]).hexdigest() != raw["Manifest-Checksum"]:
        raise _damaged("it does not match its own checksum")


def _manifest(raw: dict[str, Any]) -> Manifest:
    if raw["PostgreSQL-Backup-Manifest-Version"] != _VERSION:
        raise _damaged(f"version {raw['PostgreSQL-Backup-Manifest-Version']} is not known")
    return Manifest(
        system_identifier=str(raw["System-Identifier"]),
        files={_path(file): _entry(file) for file in raw["Files"]},
        wal=tuple(_range(each) for each in raw["WAL-Ranges"]),
    )


def _path(file: dict[str, Any]) -> str:
    """A path that is not UTF-8 is given in hex; Python spells it as it spells such names on disk."""
    return os.fsdecode(bytes.fromhex(file["Encoded-Path"])) if "Encoded-Path" in file else str(file["Path"])


def _entry(file: dict[str, Any]) -> Entry:
    known = file.get("Checksum-Algorithm") == "SHA256"
    return Entry(_whole(file["Size"]), bytes.fromhex(file["Checksum"]) if known else None)


def _range(raw: dict[str, Any]) -> WalRange:
    return WalRange(timeline=_whole(raw["Timeline"]), start=Lsn.parse(raw["Start-LSN"]), stop=Lsn.parse(raw["End-LSN"]))


def _whole(found: Any) -> int:
    if type(found) is not int or not 0 <= found < LARGEST:
        raise ValueError("a number is none that can be")
    return found
