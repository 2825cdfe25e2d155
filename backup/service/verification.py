"""Proof that backups can be used: every byte against the manifest, and a restore into a throw-away server."""

import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from backup import drill as drills
from backup import verify as verifying
from backup.base.backup_lock import acquire_lock
from backup.catalog import Backup, find, read_catalog
from backup.drill import Drill
from backup.restore import RecoveryTarget
from backup.restore.assertions import read_questions
from backup.restore.read_plan import plan_from
from backup.sandbox.dispatch import Sandbox
from backup.service.context import ServiceContext
from backup.service.inventory import survey
from backup.store import Store
from backup.verify import Verification
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
    rules = drills.Rules(questions=read_questions(assertions, context.inside.settings.database))
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
