"""The backup label of an incremental backup: on what it builds, which a server must not find in a finished directory.

Source: PostgreSQL 18, src/backend/access/transam/xlogbackup.c (the lines) and xlogrecovery.c (it refuses to start).
"""

import re

from backup.catalog import Backup

_FROM_LSN = re.compile(rb"^INCREMENTAL FROM LSN: (\S+)\n", re.MULTILINE)
_FROM_TLI = re.compile(rb"^INCREMENTAL FROM TLI: (\d{1,10})\n", re.MULTILINE)


def parent_fault(label: bytes, parent: Backup) -> str:
    """What is wrong where a backup with this ``label`` does not build on ``parent``, else ""."""
    lsn, timeline = _FROM_LSN.search(label), _FROM_TLI.search(label)
    if lsn is None or timeline is None:
        return "its backup_label does not say on what it builds"
    if (lsn[1].decode(errors="replace"), int(timeline[1])) != (parent.start_lsn, parent.timeline):
        found = f"{lsn[1].decode(errors='replace')} of timeline {int(timeline[1])}"
        return f"it builds on {found}, and {parent.name} begins at {parent.start_lsn}"
    return ""


def joined(label: bytes) -> bytes:
    """The label of a whole cluster."""
    return _FROM_TLI.sub(b"", _FROM_LSN.sub(b"", label))
