"""WAL that the archive has of a primary that is gone, for the replica that takes over and lacks it."""

import sys
from pathlib import PurePath

from cluster.backup_status import STATUS_FILE, parse_status
from cluster.errors import PodsError, RefusedError
from cluster.postgres.lsn import Lsn
from compose.console import Console
from compose.home.paths import read_backup_state
from compose.operations.backups.client import SERVICE, call
from compose.operations.promotion.wal_files import WalFiles
from compose.stack import Stack

_FOLDER = PurePath("handed-out")
"""In the backup service's own directory; backup/service/hand_out.py writes it."""


def archived_wal(stack: Stack, timeline: int, start: Lsn) -> WalFiles | None:
    """What the archive has of ``timeline`` behind ``start``, as files; None where it has no more, or is silent."""
    if SERVICE not in stack.optional_services or _received(stack, timeline) <= start:
        return None
    title = f"Reading what the archive has behind {start}"
    position = (f"--timeline={timeline}", f"--start={start}")
    try:
        call(stack, Console(sys.stderr), title, "hand-out", *position)
    except PodsError:  # the step says it; the replica is as far as it is
        return None
    return WalFiles.of(stack.home.data / SERVICE, timeline, _FOLDER)


def _received(stack: Stack, timeline: int) -> Lsn:
    """How far the archive says that it has received; what is not known may be anything."""
    try:
        archive = parse_status(read_backup_state(stack.home, STATUS_FILE)).archive
    except (OSError, ValueError, RefusedError):
        archive = None
    if archive is None or not archive.received:
        return Lsn((1 << 64) - 1)
    return Lsn.parse(archive.received) if archive.timeline == timeline else Lsn(0)
