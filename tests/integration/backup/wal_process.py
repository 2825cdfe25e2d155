"""An archiver in a process of its own, to be killed: ``python -m tests.integration.backup.wal_process ROOT NODE…``.

ROOT holds `access.json` (name of a node → host, port, password, CA), `primary` (the name of the one that leads now),
and gets the spool, the store and the state. NODE… are the nodes to know.
"""

import json
import signal
import sys
import threading
from collections.abc import Sequence
from pathlib import Path

from backup.store import Store
from backup.store.local import LocalStore
from backup.wal.archiver import Archiver, ArchiverOptions
from backup.wal.identity import ArchiveIdentity, fetch_identity, remembered
from backup.wal.receiver import WalSource
from backup.wal.shipper import Shipping
from cluster.backup_status import BackupStatus, write_status
from cluster.errors import PodsError
from cluster.postgres.connection import Access


def archiver(
    root: Path, tail_seconds: float = 0.3, spool_limit: int = 1 << 30, stores: Sequence[Store] = ()
) -> Archiver:
    """The archiver of a test's folder."""
    nodes = {
        name: Access(**{**one, "ca": Path(one["ca"])})
        for name, one in json.loads((root / "access.json").read_text()).items()
    }
    source = WalSource(nodes=nodes, primary=lambda: (root / "primary").read_text())
    options = ArchiverOptions(
        spool=root / "spool",
        report=lambda status: write_status(root, BackupStatus(archive=status)),
        spool_limit=spool_limit,
        shipping=Shipping(uploads=3, tail_seconds=tail_seconds),
    )
    return Archiver(_identity(root, source), source, stores or [LocalStore(root / "store")], options, _tell)


def _identity(root: Path, source: WalSource) -> ArchiveIdentity:
    try:
        return fetch_identity(source.nodes[source.primary()], source.primary())
    except PodsError:
        known = remembered(root / "spool")
        if known is None:
            raise
        return known


def _tell(line: str) -> None:
    sys.stderr.write(f"{line}\n")
    sys.stderr.flush()


if __name__ == "__main__":
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    archiver(Path(sys.argv[1])).run(stop)
