"""A restore in a process of its own, to be killed: python -m tests.integration.backup.base_restorer STORE INTO BIN."""

import sys
from pathlib import Path

from backup.catalog import read_catalog, systems
from backup.restore import Recovery, RecoveryTarget, plan, read_archive, restore
from backup.restore.pg_programs import PgPrograms
from backup.store.local import LocalStore


def main(root: str, into: str, binaries: str) -> None:
    """Restore the newest moment; every line of progress is printed."""
    store = LocalStore(Path(root))
    (system,) = systems(store)
    planned = plan(
        read_catalog(store, system), read_archive(store, system, 16 << 20), RecoveryTarget(), trusted_since=0
    )
    recovery = Recovery(restore_command="false")
    restore(planned, store, Path(into), recovery, lambda line: print(line, flush=True), PgPrograms(Path(binaries)))


if __name__ == "__main__":
    main(*sys.argv[1:4])
