"""Replicas on other Docker hosts: brought to what they shall be, as far as their hosts answer."""

from collections.abc import Iterator
from functools import partial

from cluster.errors import MachineError
from cluster.naming import ARCHIVE_SLOT, slot_of
from cluster.slots import drop_slot
from cluster.topology import Node
from compose.console import Progress
from compose.home import passwords
from compose.operations.convergence.state import Convergence
from compose.operations.replicas.remote_upkeep import on_hosts, try_one
from compose.operations.steps import Step


def bring_replicas(run: Convergence) -> Iterator[Step]:
    """One after the other; the cluster goes on without one that cannot be reached, and the run ends with its error."""
    for node in () if run.alone else on_hosts(run.stack):
        yield Step(f"Bringing {node.name} on host {node.host} to what it shall be", partial(_bring, run, node))


def _bring(run: Convergence, node: Node, step: Progress) -> None:
    lost = run.provisioned.lost_slots if run.provisioned else frozenset()
    if slot_of(node.name) in lost:
        run.absent[node.name] = MachineError(
            f"{node.name} lost its place in the WAL", f"clone it anew: inv replica.reclone {node.name}"
        )
    elif error := try_one(run.stack, run.console, step, node):
        run.absent[node.name] = error
    elif "backup" not in run.stack.optional_services:
        drop_slot(run.stack.access(node.name, passwords.ARCHIVE), ARCHIVE_SLOT)
    if node.name in run.absent:
        step.result = f"it stays as it is: {run.absent[node.name].message}"
