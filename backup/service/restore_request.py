"""Restoring as the service's container does: it plans, and lets the sandbox do what was planned."""

import argparse
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass

from backup.catalog import systems
from backup.restore import Plan, check_target
from backup.restore.plan import BeyondError
from backup.restore.read_plan import plan_from
from backup.restore.target import RecoveryTarget
from backup.restore.wal_coverage import WalCoverage, vouch
from backup.sandbox.dispatch import Sandbox
from backup.sandbox.job import Job
from backup.sandbox.outcome import reached, seconds
from backup.service.context import ServiceContext, open_context
from backup.service.flush_wal import WalFlush, archive_now
from backup.store import ProbedStore, Store
from cluster.config.mounted import MountedConfig
from cluster.errors import RefusedError, UsageError

Progress = Callable[[str], None]
_ARRIVAL = 120.0
_FRESH_SECONDS = 60.0
"""What was stored so long after a moment has all that was committed until then."""
_LONGEST = 7 * 86_400.0
"""Seconds that a recovery may take."""


def planned(
    window: MountedConfig, request: argparse.Namespace, progress: Progress | None = None
) -> tuple[ServiceContext, ProbedStore, Plan]:
    """The restore that was asked for, without touching anything.

    A moment that the archive has not reached yet, and the cluster has, is archived first. ``progress``: as for
    ``plan_from``.

    Raises:
        PodsError: it cannot be done; says why.
    """
    context = open_context(window)
    store = context.store(request.store)
    system = which_system(store, request.system or context.system)
    target = check_target(request.to, request.kind)
    try:
        found = _plan(store, system, target, request, progress)
        if not _is_fresh(context, store.name, target, found):
            return context, store, found
        present = _reach_for(context, store, system, target)
        return context, store, _plan(store, system, target, request, progress, present) if present else found
    except BeyondError:
        present = _reach_for(context, store, system, target)
        if present is None:
            raise
        return context, store, _plan(store, system, target, request, progress, present)


def _plan(
    store: Store,
    system: str,
    target: RecoveryTarget,
    request: argparse.Namespace,
    progress: Progress | None = None,
    present: WalFlush | None = None,
) -> Plan:
    def known(archive: WalCoverage) -> WalCoverage:
        return vouch(archive, present.timeline, present.lsn, present.when) if present else archive

    return plan_from(store, system, target, request.name, request.timeline, known, progress)


def _is_fresh(context: ServiceContext, store: str, target: RecoveryTarget, found: Plan) -> bool:
    """Whether a commit before ``target`` may still be on its way, though the last WAL was stored after that moment."""
    if target.time is None:
        return False
    archive = context.status_file.read().archive
    lag = max((each.lag for each in archive.stores if each.name == store), default=0.0) if archive else 0.0
    return target.time > found.reach.made - _FRESH_SECONDS - lag


def _reach_for(context: ServiceContext, store: Store, system: str, target: RecoveryTarget) -> WalFlush | None:
    """Have the archive reach up to now, where that may be as far as ``target``."""
    if system != context.system or (target.time or 0.0) > time.time():
        return None
    return archive_now(context, store.name)


def which_system(store: Store, wanted: str) -> str:
    """The cluster to restore: ``wanted``, or the only one in the store where none is known."""
    if wanted:
        return wanted
    found = systems(store)
    if len(found) == 1:
        return found[0]
    if not found:
        raise RefusedError(
            f"there are no backups in store {store.name}",
            "is its disk mounted, is it the right directory, bucket and prefix?",
        )
    raise UsageError(
        f"the store holds backups of {len(found)} clusters: {', '.join(found)}", "choose one with --system"
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class FinishedRestore:
    """Where recovery ended: ``lsn`` "" and ``newest`` (Unix time) None where that is not known; ``seconds`` it took."""

    backup: str
    system: str
    seconds: float | None
    timeline: int
    lsn: str
    newest: float | None


def restore_into(window: MountedConfig, request: argparse.Namespace, progress: Progress) -> FinishedRestore:
    """Have the sandbox restore, recover to the target, promote and shut down cleanly, where the host mounted it.

    A backup that is named was chosen by a plan, which has searched for the target already.

    What takes the place of a cluster's data (``passwords``) gets a superuser whose password this host knows. On stdin
    comes what stands for it in the server.
    """
    _, store, plan = planned(window, request, progress if request.name in ("", "latest") else None)
    job = Job(
        what="restore",
        store=store.name,
        chain=plan.chain,
        target=plan.target,
        timeline=plan.timeline,
        timeout=_LONGEST,
        verifier=_verifier(sys.stdin.read()) if request.passwords else "",
    )
    found = Sandbox(arrival=_ARRIVAL, longest=_LONGEST + 86_400.0).run(job, store, progress)
    return FinishedRestore(
        backup=plan.backup.name,
        system=job.system,
        seconds=seconds(found.get("seconds")),
        timeline=plan.timeline,
        **reached(found),
    )


def _verifier(text: str) -> str:
    """What stands for a password in the server.

    Raises:
        UsageError: it is a password in clear, or nothing.
    """
    if not text.strip().startswith("SCRAM-SHA-256$"):
        raise UsageError("there is no verifier of the superuser's password on stdin")
    return text.strip()
