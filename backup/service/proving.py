"""Proof that backups can be used: every byte against the manifest, and a restore into a throw-away server."""

import shlex
import sys
from collections.abc import Callable
from pathlib import Path

from backup import drill as drills
from backup import verify as verifying
from backup.catalog import Backup, find, read_catalog
from backup.drill import Drill
from backup.restore import read_archive
from backup.service.ground import Ground
from backup.service.survey import survey
from backup.store import Store
from backup.verify import Verification

Progress = Callable[[str], None]
ASSERTIONS = Path("/etc/drill")
"""The user's own SQL assertions (config/drill of the cluster's home)."""


def verify(ground: Ground, name: str, progress: Progress) -> list[tuple[str, Verification]]:
    """Check the backup ``name`` ("" or ``latest``: the newest; ``all``: each) in every store; results by store."""
    found = []
    for store in ground.stores:
        for backup in _chosen(read_catalog(store, ground.system), name):
            progress(f"Reading {backup.name} from {store.name}")
            result = verifying.verify(store, backup, progress)
            verifying.record(store, backup, result)
            found.append((store.name, result))
    survey(ground)
    return found


def _chosen(backups: tuple[Backup, ...], name: str) -> tuple[Backup, ...]:
    if name == "all":
        return backups
    return backups[-1:] if name in ("", "latest") else (find(backups, name),)


def drill(ground: Ground, store: Store, progress: Progress) -> Drill:
    """Restore the newest moment from ``store`` into a server of its own, look at it, record what was seen."""
    catalog = read_catalog(store, ground.system)
    archive = read_archive(store, ground.system, catalog[-1].wal_segment_size if catalog else 16 << 20)
    site = drills.Ground(
        directory=ground.workshop,
        restore_command=restore_command(store.name),
        database=ground.inside.settings.database,
        assertions=ASSERTIONS if ASSERTIONS.is_dir() else None,
    )
    found = drills.drill(catalog, archive, store, site, progress)
    drills.record(store, ground.system, found)
    survey(ground)
    return found


def restore_command(store: str) -> str:
    """What PostgreSQL runs in this container to get a file of WAL."""
    return f"{shlex.quote(sys.executable)} -m backup fetch --store {shlex.quote(store)} %f %p"
