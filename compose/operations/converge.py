"""From prepared files to a verified cluster, as steps: make what has no data, start, reload, repair, verify.

Each phase looks at the cluster when the one before is done, and yields the steps that are missing. None is undone: a
run that failed is repaired by the next.
"""

from collections.abc import Callable, Iterator, Mapping
from functools import partial

from cluster.errors import TimedOutError
from cluster.waiting import attempts
from compose.console import Console, Progress
from compose.operations.convergence.data_directories import initialise, make_directories
from compose.operations.convergence.declared import converge_databases
from compose.operations.convergence.make_extensions import make_extensions
from compose.operations.convergence.primary import note_primary, provision_missing, settle_owner
from compose.operations.convergence.remote_replicas import bring_replicas
from compose.operations.convergence.replica_data import clone_missing, finish_interrupted, repair_failed
from compose.operations.convergence.services import (
    join_networks,
    reload_changed,
    reload_unwell,
    renew_connections,
    replace_changed,
    start_missing,
)
from compose.operations.convergence.state import Convergence
from compose.operations.convergence.unfinished_handover import close_handover, drop_stale_slots, finish_handover
from compose.operations.preflight import DataState
from compose.operations.start import not_running
from compose.operations.steps import Step, perform
from compose.stack import Stack

_Phase = Callable[[Convergence], Iterator[Step]]
_VERIFY_SECONDS = 0.3
"""Between two snapshots."""


def converge(
    stack: Stack, console: Console, data: Mapping[str, DataState], *, careful: bool = False, alone: bool = False
) -> Stack:
    """Bring the prepared cluster to what its topology says; ``data`` is what each node's directory held before.

    Args:
        stack: the cluster.
        console: shows the steps.
        data: what each node's directory held before.
        careful: the first node that does not come back ends the run, before the next is touched.
        alone: other Docker hosts are left as they are, by whoever does not reach them.

    Returns:
        The cluster with its topology as it is now.

    Raises:
        PodsError: it is not, or not verified to be; says what is in the way.
    """
    run = Convergence(stack, console, data, careful=careful, alone=alone)
    perform(_steps(run), console)
    finish_interrupted(run)
    perform(_verify(run), console)
    if run.undeclared:
        raise run.undeclared
    if run.failed_services:  # the cluster serves without them, and somebody must know that something is missing
        raise not_running(run.stack, *run.failed_services)
    for error in run.absent.values():
        raise error
    return run.stack


def _steps(run: Convergence) -> Iterator[Step]:
    for phase in _PHASES:
        yield from phase(run)


def _verify(run: Convergence) -> Iterator[Step]:
    """Wait until every node and pool is as it should be."""
    yield Step("Verifying that every node streams and every pool leads where it should", partial(_await_health, run))


def _await_health(run: Convergence, step: Progress) -> None:
    """But of replicas on hosts that do not answer, which nobody need wait for."""
    for _ in attempts(run.stack.settings.start_timeout, _VERIFY_SECONDS):
        verdict = run.stack.judge(run.stack.snapshot())
        known = {reason for name in run.absent for reason in verdict.about.get(name, ())}
        reasons = [reason for reason in verdict.reasons if reason not in known]
        if not reasons:
            break
        step.update("; ".join(reasons))
    else:
        raise TimedOutError(
            f"the cluster runs, but is not healthy: {'; '.join(reasons)}",
            "see inv status and inv logs, then run inv up again",
        )
    for note in verdict.notes:
        run.console.note(note)


_PHASES: tuple[_Phase, ...] = (
    make_directories,
    join_networks,
    initialise,
    finish_handover,
    clone_missing,
    replace_changed,
    reload_unwell,
    start_missing,
    provision_missing,
    converge_databases,
    reload_changed,
    renew_connections,
    settle_owner,
    repair_failed,
    bring_replicas,
    close_handover,
    drop_stale_slots,
    note_primary,
    make_extensions,
)
