"""The backup label of an incremental backup: on what it builds, which a server must not find in a finished directory.

Source: PostgreSQL 18, src/backend/access/transam/xlogbackup.c (the lines) and xlogrecovery.c (it refuses to start).
"""

import re
from pathlib import Path

from backup.catalog import Backup

_FROM_LSN = re.compile(r"^INCREMENTAL FROM LSN: (\S+)\n", re.MULTILINE)
_FROM_TLI = re.compile(r"^INCREMENTAL FROM TLI: (\d+)\n", re.MULTILINE)


def join(label: Path, parent: Backup) -> str:
    """Make ``label`` that of a whole cluster; what is wrong where it does not build on ``parent``, else ""."""
    text = label.read_text(encoding="utf-8", errors="surrogateescape")
    lsn, timeline = _FROM_LSN.search(text), _FROM_TLI.search(text)
    if lsn is None or timeline is None:
        return "its backup_label does not say on what it builds"
    if (lsn[1], int(timeline[1])) != (parent.start_lsn, parent.timeline):
        return f"it builds on {lsn[1]} of timeline {timeline[1]}, and {parent.name} begins at {parent.start_lsn}"
    joined = _FROM_TLI.sub("", _FROM_LSN.sub("", text))
    label.write_text(joined, encoding="utf-8", errors="surrogateescape")
    return ""
