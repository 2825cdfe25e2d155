"""Replicas: cloned where data is missing or unusable, cloned anew where it is damaged, half-done ones finished."""

from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager
from functools import partial

from cluster.postgres.data_directory import DataDirectory
from cluster.topology import Node
from compose.console import Progress
from compose.operations.convergence.primary import provision_primary, start_primary
from compose.operations.convergence.state import Convergence
from compose.operations.preflight import DataState
from compose.operations.promotion.rejoin import bring_back
from compose.operations.replicas.clone import clone_steps
from compose.operations.replicas.damage import damage
from compose.operations.replicas.membership import half_done, remaining_steps
from compose.operations.replicas.node_site import NodeSite
from compose.operations.replicas.site_choice import leaving_site, site_of
from compose.operations.start import not_running, start_and_wait
from compose.operations.steps import Step, perform
from compose.stack import reopened

_LOST = "it lost its place in the WAL"


def clone_missing(run: Convergence) -> Iterator[Step]:
    """Clone replicas without data, with data that must not be started, or whose slot has lost its WAL."""
    unfit = {name: reason for name in run.staying_here if (reason := unfit_reason(run.data[name])) is not None}
    if unfit:
        yield start_primary(run)
    if unfit or (run.was_well(run.primary) and not run.moves(run.primary)):
        yield provision_primary(run)
    for name in _former_primaries(run, unfit):
        yield Step(f"Letting {name} follow", partial(_bring_back, run, unfit, name))
    for name, reason in unfit.items():
        _clone(run, name, reason)
    for name in run.lost:  # _clone forgets those above
        _clone(run, name, _LOST)


def _former_primaries(run: Convergence, names: Iterable[str]) -> list[str]:
    """Those whose data was a primary's; the one of an unfinished handover was seen to before."""
    handover = run.stack.topology.handover
    found = {name: run.data[name] for name in names if handover is None or name != handover.source}
    return [name for name, data in found.items() if isinstance(data, DataDirectory) and data.was_primary]


def _bring_back(run: Convergence, unfit: dict[str, str], name: str, step: Progress) -> None:
    """Its disk was away, say, while another became the primary: what it alone has is kept, and it is spared a clone."""
    left = bring_back(run.stack, step, name)
    if left:
        unfit[name] = step.result = left
    else:
        del unfit[name]


def _clone(run: Convergence, name: str, reason: str) -> None:
    """An operation with its own undo: a replica that cannot be cloned now keeps what it had."""
    perform(clone_steps(run.stack, run.console, name, reason), run.console)
    run.forget_lost(name)


def unfit_reason(state: DataState) -> str | None:
    """Why a replica with this data is cloned before it starts: "" where it has none, None where its data will do."""
    if isinstance(state, ValueError):
        return f"its data is not whole: {state}"
    if isinstance(state, DataDirectory):
        return None if state.standby else "its data would start as a second primary"
    return ""


def repair_failed(run: Convergence) -> Iterator[Step]:
    """A replica that could not be started is cloned anew, if the primary is well and its data is the reason."""
    for name in run.failed_replicas:
        if name in run.lost:
            _clone(run, name, _LOST)
        else:
            yield from _reclone_damaged(run, name)
        yield Step(f"Starting {name}", partial(_start, run, name))


def _start(run: Convergence, name: str, step: Progress) -> None:
    if start_and_wait(run.stack, step, [name]):
        raise not_running(run.stack, name)


def _reclone_damaged(run: Convergence, name: str) -> Iterator[Step]:
    failure = not_running(run.stack, name)  # in the words of the container as it is now
    reason = ""

    def examine(step: Progress) -> None:
        nonlocal reason
        reason = damage(run.stack, step, name)
        step.result = reason or "it is not"

    yield Step(f"Looking whether the data of {name} is the reason", examine)
    if not reason:
        raise failure
    _clone(run, name, reason)


def finish_interrupted(run: Convergence) -> None:
    """Replicas that were coming or going when an operation was interrupted. Each is an operation with its own undo."""
    while (node := half_done(run.stack.topology)) is not None:
        with _site(run, node) as site:
            perform(remaining_steps(run.stack, node, site), run.console)
        run.stack = reopened(run.stack)


def _site(run: Convergence, node: Node) -> AbstractContextManager[NodeSite]:
    if node.state == "leaving":
        return leaving_site(run.stack, run.console, node.name, node.host)
    return site_of(run.stack, node.name, node.host)
