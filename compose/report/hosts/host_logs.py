"""`inv logs` of a node on another host: Patroni from its engine, and the server from what is kept of it there."""

from collections.abc import Iterator
from heapq import merge

from cluster.errors import RefusedError, UsageError
from cluster.log_entries import LONGEST, LogEntry, container_entry, is_audit, server_entry
from cluster.standby_topology import nodes_elsewhere
from compose.engine.hosts.host_engine import HostEngine
from compose.engine.hosts.host_sessions import open_hosts
from compose.engine.hosts.shipped_files import MOUNTED
from compose.home.kept_logs import unix_time
from compose.report.logs import MOST_LINES, LogRequest
from compose.stack import Stack

_SCRIPT = f"""
cd {MOUNTED}/data/logs/"$1" 2> /dev/null || exit 0
ls -tr | grep '[.]json$' | while read -r file; do cat "$file"; done | tail -n "$2"
"""
"""The files that pods-logs keeps, the oldest first."""


def is_on_host(stack: Stack, service: str | None) -> bool:
    """Whether a service is a node on another Docker host, of which its engine alone knows."""
    return any(each.name == service for each in nodes_elsewhere(stack.topology))


def host_log_entries(stack: Stack, request: LogRequest, *, follow: bool) -> list[LogEntry]:
    """What was asked for, in the order of its times.

    Raises:
        UsageError: it shall be followed.
        PodsError: the host cannot be reached, or has no such container.
    """
    name = request.service
    host = next(each.host for each in nodes_elsewhere(stack.topology) if each.name == name)
    if follow:
        raise UsageError(f"{name} is on host {host}, and logs from there are not followed", "leave out --follow")
    with open_hosts(stack.home, stack.settings, [host]) as engines:
        agent = [] if request.audit else list(_of_container(engines[host], request))
        server = [each for each in _of_server(engines[host], request) if _wanted(each, request)]
    found = list(merge(agent, server, key=lambda entry: unix_time(entry.time) or 0.0))
    return found if request.since is not None else found[-request.lines :]


def _of_container(engine: HostEngine, request: LogRequest) -> Iterator[LogEntry]:
    container = engine.containers().get(request.service)
    if container is None:
        raise RefusedError(f"host {engine.name} has no container of {request.service}", "run: inv up")
    tail = request.lines if request.since is None else MOST_LINES
    since = None if request.since is None else int(request.since)
    text = engine.client.api.logs(container.id, tail=tail, timestamps=True, since=since)
    yield from (container_entry(request.service, line[:LONGEST]) for line in text.splitlines() if line)


def _of_server(engine: HostEngine, request: LogRequest) -> Iterator[LogEntry]:
    most = request.lines if request.since is None and not request.audit else MOST_LINES
    text = engine.run(engine.image, ["-c", _SCRIPT, "sh", request.service, str(most)], entrypoint="bash")
    for line in text.splitlines():
        if is_audit(line) == request.audit:
            yield server_entry(request.service, line[:LONGEST])


def _wanted(entry: LogEntry, request: LogRequest) -> bool:
    written = unix_time(entry.time)
    return request.since is None or (written is not None and written >= request.since)
