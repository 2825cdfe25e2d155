"""Backups and WAL out of thin air."""

from dataclasses import replace
from typing import Any

from backup.catalog import Backup, File
from backup.layout import Kind, backup_name, parse_segment, segments_between
from cluster.postgres.lsn import Lsn

SYSTEM = "7430000000000000001"
MIB = 1 << 20
SEGMENT = 16 * MIB
DAY = 86_400.0


def a_backup(day: float = 1, *, kind: Kind = "full", parent: Backup | None = None, **changed: Any) -> Backup:
    """One that ended ``day`` days after the epoch, at the start of segment 10 × day."""
    stopped = day * DAY
    start = int(day * 10) * SEGMENT
    backup = Backup(
        name=backup_name(stopped - 60, kind, f"{int(day * 1000) % 0xFFFFFF:06x}"),
        kind=kind,
        parent=parent.name if parent else None,
        system_identifier=SYSTEM,
        server_version="18.6",
        node="replica1",
        timeline=1,
        start_lsn=str(Lsn(start + 40)),
        stop_lsn=str(Lsn(start + 2 * SEGMENT)),
        started=stopped - 60,
        stopped=stopped,
        wal_segment_size=SEGMENT,
        data_bytes=1000,
        tablespaces=((16384, "/space"),),
        files=(
            File(name="base.tar.zst", size=10, sha256="0" * 64),
            File(name="16384.tar.zst", size=5, sha256="1" * 64),
        ),
        checksums=True,
    )
    return replace(backup, **changed)


def an_increment(day: float, parent: Backup, **changed: Any) -> Backup:
    return a_backup(day, kind="incremental", parent=parent, **changed)


def segments(timeline: int, first: int, last: int) -> list[str]:
    """Names of segments ``first`` to ``last``, both included."""
    return list(segments_between(timeline, first * SEGMENT, (last + 1) * SEGMENT, SEGMENT))


def number(segment: str) -> int:
    return parse_segment(segment, SEGMENT).start // SEGMENT
