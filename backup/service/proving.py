"""Proof that backups can be used: every byte against the manifest, and a restore into a throw-away server."""

import shlex
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from backup import drill as drills
from backup import verify as verifying
from backup.base.turn import take_turn
from backup.catalog import Backup, find, read_catalog
from backup.drill import Drill
from backup.restore import read_archive
from backup.service.ground import Ground
from backup.service.survey import survey
from backup.store import Store
from backup.verify import Verification
from backup.wal import fetch as fetching
from backup.wal.identity import segment_size
from cluster.errors import RefusedError

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
    with _alone(ground):
        found = _drill(ground, store, progress)
    drills.record(store, ground.system, found)
    survey(ground)
    return found


@contextmanager
def _alone(ground: Ground) -> Iterator[None]:
    """One drill at a time: the next clears away what it finds of the one before."""
    with ExitStack() as turn:
        try:
            turn.enter_context(take_turn(ground.workshop))
        except RefusedError:
            raise RefusedError("another drill is under way", "wait until it is done") from None
        yield


def _drill(ground: Ground, store: Store, progress: Progress) -> Drill:
    catalog = read_catalog(store, ground.system)
    archive = read_archive(store, ground.system, segment_size(store, ground.system))
    site = drills.Ground(
        directory=ground.workshop,
        restore_command=restore_command(store.name, ground.workshop / "ahead"),
        database=ground.inside.settings.database,
        assertions=ASSERTIONS if ASSERTIONS.is_dir() else None,
    )
    return drills.drill(catalog, archive, store, site, progress)


def restore_command(store: str, ahead: Path, system: str = "") -> str:
    """What PostgreSQL runs in this container to get a file of WAL; ``ahead`` is an empty folder for what comes next."""
    options = {"--store": store, "--ahead": str(ahead), "--system": system}
    given = " ".join(f"{option} {shlex.quote(text)}" for option, text in options.items() if text)
    return fetching.restore_command(ahead, f"{shlex.quote(sys.executable)} -m backup fetch {given}")
