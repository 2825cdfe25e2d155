"""What the supervisor does: the operations of `inv`, under the same lock."""

from cluster.errors import MachineError
from cluster.postgres.lsn import Lsn
from compose.console import Console
from compose.home.operation_lock import exclusive
from compose.operations.apply_topology import file_changes
from compose.operations.converge import converge
from compose.operations.home_identity import changing
from compose.operations.preflight import check_data
from compose.operations.promotion.failover import failover
from compose.operations.promotion.guard import unguarded
from compose.operations.promotion.outlook import FailoverOrder
from compose.operations.supervisor.decision import FailoverDecision
from compose.stack import Stack

BY = "PODS_FAILOVER=auto"
"""Who it was, in the journal."""
_COMPOSE_FILE = "compose.yaml"


def restart(stack: Stack) -> None:
    """Start the primary's container, which ended and is not started by the engine.

    Raises:
        PodsError: it cannot be started, or an operation began.
    """
    from docker.errors import APIError

    primary = stack.topology.primary
    with exclusive(stack.home.lock, "failover (restart)"):
        try:
            stack.client.api.start(stack.containers()[primary].id)
        except (APIError, KeyError) as error:
            raise MachineError(f"{primary} cannot be started: {getattr(error, 'explanation', error)}") from None


def is_of_the_last_up(stack: Stack) -> bool:
    """Whether the Compose file is the one that is made here: of the same code, settings and host as the containers."""
    return _COMPOSE_FILE not in file_changes(stack, stack.topology)


def fail_over(stack: Stack, console: Console, decision: FailoverDecision, written: Lsn | None) -> None:
    """Make the chosen replica the primary.

    Raises:
        PodsError: it was refused, and nothing has changed; or it failed.
    """
    order = FailoverOrder(to=decision.target, allowed=stack.settings.failover_loss, known=written, by=BY)
    failover(stack, console, order, unguarded)


def go_on(stack: Stack, console: Console) -> None:
    """Finish a change of the primary that was interrupted, as `up` does.

    Raises:
        PodsError: it cannot be finished now.
    """
    with changing(stack, "failover (going on)") as stack:
        converge(stack, console, check_data(stack.home, stack.topology), alone=True)
