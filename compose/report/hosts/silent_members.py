"""Why a member does not answer: what its container on its host says. A host that is gone itself is not waited for."""

from collections.abc import Mapping
from dataclasses import replace

from cluster.errors import PodsError
from cluster.hosts.hosts_reading import HostsReading
from cluster.observed.snapshot import Snapshot
from compose.engine.containers import SdkReader
from compose.engine.hosts.host_engine import HostEngine
from compose.engine.hosts.host_sessions import reach_hosts
from compose.report.container_faults import container_fault
from compose.stack import Stack


def with_host_faults(stack: Stack, snapshot: Snapshot, hosts: HostsReading | None) -> Snapshot:
    """The snapshot, where the error of each member that does not answer is what is wrong with its container."""
    if hosts is None:
        return snapshot
    silent = [name for name, reading in snapshot.nodes.items() if reading.facts is None and not reading.speaks]
    known = [name for name in silent if _lives(hosts, name)]
    faults = _faults(stack, [name for name in known if stack.settings.hosts.find(name) is not None])
    nodes = {
        name: replace(reading, error=faults[name]) if faults.get(name) else reading
        for name, reading in snapshot.nodes.items()
    }
    return replace(snapshot, nodes=nodes)


def _lives(hosts: HostsReading, name: str) -> bool:
    """Whether its vote answers, where it has one."""
    host = hosts.hosts.get(name)
    return host is not None and (not host.votes or host.vote is not None)


def _faults(stack: Stack, names: list[str]) -> Mapping[str, str]:
    if not names:
        return {}
    try:
        with reach_hosts(stack.home, stack.settings, names) as reached:
            return {name: _fault(each) for name, each in reached.items() if isinstance(each, HostEngine)}
    except PodsError:
        return {}


def _fault(engine: HostEngine) -> str:
    try:
        reader = SdkReader(engine.client, engine.compose_project)
        return container_fault(reader.containers().get(engine.name), reader.last_log_line)
    except PodsError:
        return ""
