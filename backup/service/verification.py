"""Proof that backups can be used: every byte against the manifest, and a restore into a throw-away server."""

import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from backup import drill as drills
from backup import verify as verifying
from backup.annotations import VerifiedWal, mark_wal
from backup.base.backup_lock import acquire_lock
from backup.catalog import Backup, find, read_catalog
from backup.drill import Drill
from backup.recovery_windows import Missing, RecoveryWindow
from backup.restore import RecoveryTarget
from backup.restore.assertions import read_questions
from backup.restore.read_plan import plan_from
from backup.sandbox.dispatch import Sandbox
from backup.service.context import ServiceContext
from backup.service.inventory import missing_wal, read_holdings, survey
from backup.store import Store
from backup.verify import Verification
from backup.wal.scrub import WalScrub, scrub
from cluster.errors import RefusedError

Progress = Callable[[str], None]
ASSERTIONS = Path("/etc/drill")
"""The user's own SQL assertions (config/drill of the cluster's home)."""
_LONGEST = 24 * 3600.0
"""Seconds that a drill may take in all."""


def verify(context: ServiceContext, name: str, progress: Progress) -> list[tuple[str, Verification]]:
    """Check the backup ``name`` ("" or ``latest``: the newest; ``all``: each) in every store; results by store."""
    found = []
    for store in context.stores:
        for backup in _chosen(read_catalog(store, context.system), name):
            progress(f"Reading {backup.name} from {store.name}")
            result = verifying.verify(store, backup, progress)
            verifying.record(store, backup, result)
            found.append((store.name, result))
    survey(context)
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class ScrubbedStore:
    """The WAL of one store: what was read, what is damaged or missing, and what can be restored to with that."""

    store: str
    scrub: WalScrub
    missing: tuple[Missing, ...]
    windows: tuple[RecoveryWindow, ...]


def verify_wal(context: ServiceContext, progress: Progress) -> list[ScrubbedStore]:
    """Read all archived WAL of every store. Damage is recorded: from then on no plan leads over it."""
    found = []
    for store in context.stores:
        holdings = read_holdings(store, context.system)
        result = scrub(store, context.system, holdings.segments, holdings.archive.wal_segment_size, progress)
        mark_wal(store, context.system, VerifiedWal(when=time.time(), segments=result.segments, damaged=result.damaged))
        holdings = read_holdings(store, context.system)
        missing = missing_wal(store, context.system, holdings, context.retention)
        found.append(ScrubbedStore(store=store.name, scrub=result, missing=missing, windows=holdings.windows))
    survey(context)
    return found


def _chosen(backups: tuple[Backup, ...], name: str) -> tuple[Backup, ...]:
    if name == "all":
        return backups
    return backups[-1:] if name in ("", "latest") else (find(backups, name),)


def drill(context: ServiceContext, store: Store, progress: Progress) -> Drill:
    """Restore the newest moment from ``store`` into a server of its own, look at it, record what was seen."""
    with _alone(context):
        found = _drill(context, store, progress)
    drills.record(store, context.system, found)
    survey(context)
    return found


@contextmanager
def _alone(context: ServiceContext) -> Iterator[None]:
    """One drill at a time: there is one sandbox for them."""
    with ExitStack() as stack:
        try:
            stack.enter_context(acquire_lock(context.workshop))
        except RefusedError:
            raise RefusedError("another drill is under way", "wait until it is done") from None
        yield


def _drill(context: ServiceContext, store: Store, progress: Progress) -> Drill:
    _clear(context.workshop)
    assertions = ASSERTIONS if ASSERTIONS.is_dir() else None
    settings = context.inside.settings
    rules = drills.Rules(
        questions=read_questions(assertions, settings.database),
        databases=tuple(each.name for each in settings.declared.databases),
    )
    return drills.drill(
        lambda: plan_from(store, context.system, RecoveryTarget()),
        store,
        rules,
        Sandbox(longest=_LONGEST).run,
        progress,
    )


def _clear(workshop: Path) -> None:
    """What drills left here that were killed before there was a sandbox."""
    for left in (*workshop.glob("drill-*"), *workshop.glob("ahead")):
        shutil.rmtree(left, ignore_errors=True)
