"""The containers behind a status: which service does not run, and why a server that does not answer does not."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from cluster.endpoints import POOLER, PROXY
from cluster.errors import MachineError
from cluster.observed.snapshot import Snapshot
from cluster.remedies import with_remedy
from compose.engine.containers import Container, ContainerReader
from compose.report.container_faults import container_fault
from compose.stack import Stack


@dataclass(frozen=True, slots=True, kw_only=True)
class SeenContainers:
    """Containers by service, and whom to ask for their last words; notes where the engine does not answer."""

    found: Mapping[str, Container]
    reader: ContainerReader | None = None
    notes: tuple[str, ...] = ()

    def starts(self, service: str) -> bool:
        """Whether it runs and its check has not said anything yet."""
        found = self.found.get(service)
        return found is not None and (found.status, found.health) == ("running", "starting")

    def fault(self, service: str) -> str:
        """What is wrong with a service's container; "" where nothing is, or nothing is known."""
        return container_fault(self.found.get(service), self.reader.last_log_line) if self.reader else ""


def read_containers(stack: Stack, snapshot: Snapshot) -> SeenContainers:
    """What the engine says; it is needed only where PostgreSQL does not answer for itself."""
    silent = any(reading.facts is None for name, reading in snapshot.nodes.items() if name in stack.services)
    try:
        reader = stack.container_reader
        return SeenContainers(found=reader.containers(), reader=reader)
    except MachineError as error:
        if silent or stack.topology.copies:
            raise
        note = with_remedy(
            f"nothing is known of the services beside the nodes: {error.message}", error.hint or "start it"
        )
        return SeenContainers(found={}, notes=(note,))


def explained(stack: Stack, snapshot: Snapshot, seen: SeenContainers) -> Snapshot:
    """Where a server does not answer because its container does not run, that is said, and why.

    Of a node that is Patroni's nothing is known of that: its container is on its host.
    """
    here = {name for name, reading in snapshot.nodes.items() if reading.facts is None and name in stack.services}
    nodes = {
        name: replace(reading, error=fault) if name in here and (fault := seen.fault(name)) else reading
        for name, reading in snapshot.nodes.items()
    }
    pooler = snapshot.pooler
    if pooler.error and (fault := seen.fault(POOLER)):
        pooler = replace(pooler, error=fault)
    port = snapshot.port
    if port is not None and port.error and (fault := seen.fault(PROXY)):
        port = replace(port, error=fault)
    return replace(snapshot, nodes=nodes, pooler=pooler, port=port)


def down_services(stack: Stack, seen: SeenContainers) -> dict[str, str]:
    """The services beside nodes and PgBouncer that are not well, and why; one that starts right now has time."""
    settled = [name for name in stack.optional_services if not seen.starts(name)]
    return {name: fault for name in settled if (fault := seen.fault(name))}
