"""A change of the primary that was decided and interrupted goes on: there is only forward."""

from collections.abc import Iterator
from contextlib import closing, suppress

from cluster.endpoints import POOLER
from cluster.errors import PodsError
from cluster.postgres.data_directory import read_data_directory
from compose.console import Progress
from compose.operations.convergence.state import Convergence
from compose.operations.promotion.handover import FinishHandover, drop_node_slots
from compose.operations.promotion.pool_hold import PoolHold
from compose.operations.promotion.welcome import stale_pools
from compose.operations.start import start as start_service
from compose.operations.steps import Step


def finish_handover(run: Convergence) -> Iterator[Step]:
    """Promote the new primary, and let the old one's data follow it."""
    if run.stack.topology.handover is None:
        return
    left = FinishHandover(run.stack)
    target, source = left.target, left.handover.source

    def start(step: Progress) -> None:
        run.stack.compose.follow(step, "stop", source)
        left.await_replay(step, start_service(run.stack, step, [target]))

    def let_go(_: Progress) -> None:
        with suppress(PodsError), closing(PoolHold(run.stack)) as hold:  # a PgBouncer that is ill is replaced later
            hold.release(stale_pools(run.stack, target))

    def note(_: Progress) -> None:
        if unnoted := left.note_promoted("inv up"):
            run.console.warn(unnoted)

    if run.stack.topology.promoting:
        yield Step(f"Starting {target}, which becomes the primary", start)
        yield Step(f"Promoting {target}", left.promote)
        if run.was_well(POOLER):
            yield Step("Letting clients go on", let_go)
        yield Step(f"Pointing the others to {target}", note)
    yield Step(f"Letting {source} follow", left.rejoin, quiet=left.handover.cause == "switchover")
    run.stack = left.stack
    for name in (target, source):
        run.data = {**run.data, name: read_data_directory(run.stack.home.node(name))}


def close_handover(run: Convergence) -> Iterator[Step]:
    """Once the old primary streams, clients may read from it; until then the next run tries again."""
    handover = run.stack.topology.handover
    if handover is None or not run.as_wanted(handover.source, run.stack.containers()):
        return
    left = FinishHandover(run.stack)
    yield Step(f"Letting clients read from {handover.source}", left.close)
    run.stack = left.stack


def drop_stale_slots(run: Convergence) -> Iterator[Step]:
    """Slots of nodes on a replica: left of the time when it was the primary, they would hold its WAL for ever."""
    yield Step("Dropping slots of nodes on replicas", lambda _: _drop(run), quiet=True)


def _drop(run: Convergence) -> None:
    for node in run.staying_here:
        if run.as_wanted(node, run.stack.containers()):
            dropped = drop_node_slots(run.stack, node)
            if dropped:
                run.console.note(f"dropped on {node}, which is no primary: " + ", ".join(dropped))
