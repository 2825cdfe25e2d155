"""A base backup in a process of its own, to be killed: python -m tests.integration.backup.base_taker '<json>'."""

import json
import sys
from pathlib import Path
from typing import Any

from backup.base import BackupOptions, BackupSite, take
from backup.store.local import LocalStore
from cluster.postgres.connection import Access


def main(given: dict[str, Any]) -> None:
    """Take a slow backup of one node; every line of progress is printed."""
    access = Access(**{**given["access"], "ca": Path(given["access"]["ca"])})
    site = BackupSite(
        nodes={"one": access},
        primary=lambda: "one",
        stores=[LocalStore(Path(given["store"]))],
        spool=Path(given["spool"]),
        wal_archived=lambda *_: bool(given["archived"]),
        switch_wal=lambda: None,
        progress=lambda line: print(line, flush=True),
    )
    print(take(site, BackupOptions(rate=given["rate"])).backup.name, flush=True)


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
