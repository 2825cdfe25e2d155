"""Waiting for containers, more patiently than Compose: one that is unhealthy now may be well in a second."""

from collections.abc import Callable, Sequence

from cluster.errors import MachineError
from cluster.waiting import attempts
from compose.console import Progress
from compose.engine import containers
from compose.engine.containers import Container
from compose.stack import Stack

RESTART_LIMIT = 2
"""A container restarted more often than this does not start at all."""


def start_and_wait(
    stack: Stack, step: Progress, services: Sequence[str], enough: Callable[[], bool] | None = None
) -> list[str]:
    """Start ``services`` and wait until each is well, at most ``start_timeout`` seconds.

    Args:
        stack: the cluster.
        step: shows which are still awaited.
        services: what to start; nothing else is touched.
        enough: asked now and then; True ends the waiting early.

    Returns:
        The services that are not well: they ended, go round in restarts, or took too long.
    """
    before = {name: container.restarts for name, container in stack.containers().items()}
    stack.compose.follow(step, "up", "--detach", "--no-deps", *services)
    waiting = list(services)
    for _ in attempts(stack.settings.start_timeout):
        now = stack.containers()
        waiting = [name for name in services if name not in now or not now[name].well]
        hopeful = [name for name in waiting if name in now and not _hopeless(now[name], before.get(name, 0))]
        if not hopeful or (enough is not None and enough()):
            break
        step.update("waiting for " + ", ".join(hopeful))
    return waiting


def _hopeless(container: Container, restarts_before: int) -> bool:
    return container.status in ("exited", "dead") or container.restarts - restarts_before > RESTART_LIMIT


def not_running(stack: Stack, *services: str) -> MachineError:
    """The error of services that could not be started; its message says why."""
    reasons = [f"{service} does not run: {why_not(stack, service)}" for service in services]
    return MachineError("; ".join(reasons), "see " + ", ".join(f"inv logs --service {name}" for name in services))


def why_not(stack: Stack, service: str) -> str:
    """Why a service is not well, in its own last words. For people: whoever can connect may have put them there."""
    container = stack.containers().get(service)
    if container is None:
        return "it has no container"
    return containers.last_log_line(stack.client, container)
