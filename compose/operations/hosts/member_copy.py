"""A member that copies the leader's data on its own host, and streams from then on."""

from cluster.errors import PodsError
from cluster.postgres.connection import Access, connect, fetch_one
from cluster.postgres.failures import translated
from cluster.waiting import wait_until
from compose.console import Progress
from compose.engine.hosts.host_engine import HostEngine
from compose.operations.hosts.fleet import Fleet
from compose.operations.hosts.host_payload import host_payload

_LEAST_SECONDS = 60.0
_BYTES_A_SECOND = 10e6


def copy_member(fleet: Fleet, engine: HostEngine, step: Progress, *, hint: str) -> None:
    """Start the member of a host, whose files let an empty directory copy, and wait until it streams.

    Raises:
        PodsError: it does not in time; ``hint`` says what to do then.
    """
    name, stack = engine.name, fleet.stack
    engine.ship(host_payload(stack, engine.host, clones=True))
    engine.follow(step, "up", "--detach", "--no-deps", name)
    wait_until(
        lambda: not_streaming(fleet, name),
        timeout=stack.settings.start_timeout + copy_seconds(stack.monitor(fleet.leader())),
        what=f"{name} does not stream",
        hint=f"{hint}; see docker logs on {name}",
        pause=0.5,
        progress=step.update,
    )


def copy_seconds(source: Access) -> float:
    """For a copy of all data of a server, at ten megabytes a second.

    Raises:
        PodsError: it does not answer.
    """
    with translated(), connect(source) as connection:
        size = fetch_one(connection, "database_size", lambda bytes: int(bytes)) or 0
    return _LEAST_SECONDS + size / _BYTES_A_SECOND


def not_streaming(fleet: Fleet, name: str) -> str:
    """Why the member is no replica that streams; "" where it is one."""
    try:
        found = next((each for each in fleet.members() if each.name == name), None)
    except PodsError as error:
        return error.message
    if found is None:
        return "its agent is not there yet"
    return "" if found.runs else f"it is {found.role}, {found.state}"
