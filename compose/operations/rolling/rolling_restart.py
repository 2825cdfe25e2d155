"""`inv restart --rolling`: nodes one after the other, without a failed transaction in any pool.

Replicas first, each without readers while it is away; then one of them becomes the primary, and the old one starts
anew as its replica. Where none can take over the primary is restarted where it is, while its clients wait; so it is,
before the others, where a limit gets lower that replicas must not undercut. The first node that does not come back
ends it.
"""

from collections.abc import Collection

from cluster.errors import RefusedError, TimedOutError
from cluster.postgres.connection import connect
from cluster.postgres.failures import ConnectError
from cluster.waiting import wait_until
from compose.console import Console, Progress
from compose.operations.hosts.absent_hosts import refuse_absent
from compose.operations.open_transactions import refuse_long
from compose.operations.pooler_pause import paused
from compose.operations.promotion.candidate import unfit, unfit_replicas
from compose.operations.promotion.switchover import hand_over
from compose.operations.rolling.drained_replica import drained
from compose.operations.rolling.lowered_limits import await_known
from compose.operations.rolling.remote_restart import restart_there
from compose.operations.start import lowers_limits, start_and_wait, why_not
from compose.stack import Stack


def restart_rolling(stack: Stack, console: Console, nodes: Collection[str]) -> Stack:
    """Restart ``nodes`` for those who hold the lock; the cluster as it is then, maybe with another primary.

    Raises:
        RefusedError: the cluster is not healthy, or something that has gone on for long would be ended.
        TimedOutError: a node did not come back, or transactions do not end; those behind it were not touched.
    """
    refuse_unhealthy(stack)
    refuse_long(stack, sorted(nodes))
    primary = stack.topology.primary
    replicas = [node.name for node in stack.topology.replicas if node.name in nodes]
    lower = primary in nodes and lowers_limits(stack)
    if lower:
        restart_held(stack, console, primary)
        with console.step("Waiting until replicas know of lower limits", quiet=True) as step:
            await_known(stack, step)
    for name in replicas:
        _restart_drained(stack, console, name)
    return restart_primary(stack, console) if primary in nodes and not lower else stack


def restart_primary(stack: Stack, console: Console) -> Stack:
    """The primary, by making another node the primary where one can; the cluster as it is then."""
    reasons = unfit_replicas(stack)
    if any(not reason for reason in reasons.values()):
        return hand_over(stack, console, by="inv restart --rolling").stack
    for name, reason in reasons.items():
        console.warn(f"{name} does not become the primary: it {reason}")
    restart_held(stack, console, stack.topology.primary)
    return stack


def refuse_unhealthy(stack: Stack) -> None:
    """Refuse to take a node away where something is amiss already."""
    refuse_absent(stack)
    snapshot, hosts = stack.observe()
    verdict = stack.view(snapshot, hosts=hosts).verdict
    if not verdict.healthy:
        raise RefusedError(f"the cluster is not healthy: {'; '.join(verdict.reasons)}", "run: inv up, then this again")


def await_close(stack: Stack, step: Progress, name: str) -> None:
    """Until the replica ``name`` streams again and is close behind: only then may the next node go."""
    wait_until(
        lambda: unfit(stack.snapshot(), name),
        timeout=stack.settings.start_timeout,
        what=f"{name} did not catch up",
        hint="see inv status; run this again when it has",
        progress=step.update,
    )


def _restart_drained(stack: Stack, console: Console, name: str) -> None:
    with console.step(f"Restarting {name}") as step:
        with drained(stack, name, step):
            restart_replica(stack, step, name)
        await_close(stack, step, name)


def restart_held(stack: Stack, console: Console, primary: str) -> None:
    """Restart the primary where it is; clients of PgBouncer wait meanwhile.

    Raises:
        TimedOutError: its transactions do not end, and it was not touched; or it did not come back.
    """
    with console.step(f"Restarting {primary} while its clients wait") as step:
        with paused(stack, console) as held:
            if not held:
                raise TimedOutError(
                    f"{primary} was not restarted, since its transactions do not end", "end them, then run this again"
                )
            restart_container(stack, primary)
            await_writes(stack, step, primary)
        require_well(stack, step, primary)


def restart_container(stack: Stack, service: str) -> None:
    """Without Compose, which takes half a second to begin: clients are waiting."""
    stack.client.api.restart(stack.containers()[service].id, timeout=stack.settings.stop_grace)


def await_writes(stack: Stack, step: Progress, primary: str) -> None:
    """Until the primary lets its superuser in: its container is called healthy later."""
    wait_until(
        lambda: closed_reason(stack, primary),
        timeout=stack.settings.start_timeout,
        what=f"{primary} did not accept connections",
        hint=f"see inv logs --service {primary}, then run inv up",
        pause=0.02,
        progress=step.update,
    )


def closed_reason(stack: Stack, primary: str) -> str:
    """Why the primary lets nobody in; empty where it does."""
    try:
        with connect(stack.superuser(primary)):
            return ""
    except ConnectError as fault:
        return fault.message


def restart_replica(stack: Stack, step: Progress, name: str) -> None:
    """Restart a replica, wherever it is, and wait until it is well.

    Raises:
        PodsError: it is not, or its host does not answer; says why.
    """
    if host := stack.topology.node(name).host:
        restart_there(stack, step, name, host)
    else:
        restart_service(stack, step, name)


def restart_service(stack: Stack, step: Progress, service: str) -> None:
    """Restart ``service`` and wait until it is well.

    Raises:
        TimedOutError: it is not; says why.
    """
    stack.compose.follow(step, "restart", service)
    require_well(stack, step, service)


def require_well(stack: Stack, step: Progress, service: str) -> None:
    """Start ``service`` where it ended, and wait until it is well."""
    if start_and_wait(stack, step, [service]):
        raise TimedOutError(
            f"{service} is not well after its restart: {why_not(stack, service)}", "mend that, then run inv up"
        )
