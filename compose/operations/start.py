"""Waiting for containers, more patiently than Compose: one that is unhealthy now may be well in a second."""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta

from cluster.errors import MachineError, PodsError
from cluster.postgres.connection import connect, fetch_all
from cluster.waiting import attempts
from compose.console import Progress
from compose.engine import containers
from compose.engine.containers import Container
from compose.stack import Stack

_YOUNG = timedelta(seconds=10)
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
    before = start(stack, step, services)
    waiting = list(services)
    for _ in attempts(stack.settings.start_timeout):
        now = stack.containers()
        waiting = [name for name in services if name not in now or not now[name].well]
        hopeful = [name for name in waiting if name in now and not hopeless(now[name], before)]
        if not hopeful or (enough is not None and enough()):
            break
        step.update("waiting for " + ", ".join(hopeful))
    return waiting


def start(stack: Stack, step: Progress, services: Sequence[str]) -> dict[str, int]:
    """Start ``services``; how often each container, by its id, was restarted before.

    One that has gone round in restarts is begun anew: the engine lets more and more time pass between them, up to a
    minute, in which nothing shows whether it does better now.
    """
    known = stack.containers()
    looping = [name for name in services if name in known and _goes_round(known[name])]
    if looping:
        stack.compose.follow(step, "stop", *looping)
    stack.compose.follow(step, "up", "--detach", "--no-deps", *services)
    return {container.id: container.restarts for name, container in known.items() if name not in looping}


def _goes_round(container: Container) -> bool:
    """Between two restarts, or so shortly after one that it ended every time so far."""
    if container.status == "restarting":
        return True
    young = container.started is not None and datetime.now(UTC) - container.started < _YOUNG
    return container.restarts > RESTART_LIMIT and container.status == "running" and not container.well and young


def hopeless(container: Container, before: Mapping[str, int]) -> bool:
    """Whether a container that is awaited does not start at all; ``before`` is from `start`."""
    restarts = container.restarts - before.get(container.id, 0)
    return container.status in ("exited", "dead") or restarts > RESTART_LIMIT


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


def lowers_limits(stack: Stack) -> bool:
    """Whether the primary will start with less than it has, of what replicas must not undercut: then it goes first.

    A replica that starts with less than its primary had ends, until it has replayed that the primary has less too.
    """
    try:
        with connect(stack.superuser(stack.topology.primary)) as connection:
            return any(
                fetch_all(connection, "recovery_parameters", lambda running, wanted, **_: bool(wanted < running))
            )
    except PodsError:
        return False
