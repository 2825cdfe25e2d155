"""What one run of `up` knows of the cluster: its containers as they were, their wanted definitions, what went wrong."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from cluster.endpoints import POOLER, PROXY
from cluster.errors import PodsError
from cluster.naming import slot_of
from cluster.postgres.data_directory import read_data_directory
from cluster.sizing import derive
from compose.console import Console
from compose.engine.containers import Container
from compose.engine.host import host_facts_of
from compose.engine.published_ports import listens_elsewhere
from compose.operations.preflight import DataState
from compose.operations.provision import Provisioned
from compose.operations.start import not_running
from compose.render.compose_file import definitions
from compose.stack import Stack


@dataclass
class Convergence:
    """One run of `up` after its preparations.

    Args:
        stack: the cluster; replaced as its topology changes on the way.
        console: shows the steps.
        data: what each node's directory held before.
        careful: the first node that does not come back ends the run, before the next is touched.
    """

    stack: Stack
    console: Console
    data: Mapping[str, DataState]
    careful: bool = False
    alone: bool = False
    """Other Docker hosts are left as they are."""
    before: Mapping[str, Container] = field(init=False)
    """Containers by service, as they were at the beginning."""
    definitions: Mapping[str, str] = field(init=False)
    """Hash of each service's wanted definition."""
    provisioned: Provisioned | None = None
    """Result of the last look inside the primary; None before the first."""
    undeclared: PodsError | None = None
    """Why something that is declared could not be made."""
    failed: Sequence[str] = ()
    """Services that the last attempt left not well."""
    absent: dict[str, PodsError] = field(default_factory=dict)
    """Replicas on hosts that do not answer, or that could not be brought to what they shall be; and why."""

    def __post_init__(self) -> None:
        self.before = self.stack.containers()
        self.definitions = _definitions(self.stack)

    def adopt(self, stack: Stack) -> None:
        """Go on with the cluster as an operation within this run left it: another node may be the primary."""
        self.stack = stack
        self.definitions = _definitions(stack)
        self.data = {
            **self.data,
            **{name: read_data_directory(stack.home.node(name)) for name in stack.topology.local_names},
        }

    @property
    def primary(self) -> str:
        """Name of the node that shall be the primary."""
        return self.stack.topology.primary

    @property
    def staying(self) -> list[str]:
        """Replicas that are not leaving."""
        return [node.name for node in self.stack.topology.replicas if node.state != "leaving"]

    @property
    def staying_here(self) -> list[str]:
        """Those of them whose data is here."""
        return [name for name in self.staying if name in self.stack.topology.local_names]

    @property
    def services(self) -> list[str]:
        """Every service that shall run, what others need last."""
        leaving = self.stack.topology.in_state("leaving")
        return [name for name in self.stack.services if name not in leaving]

    @property
    def failed_replicas(self) -> list[str]:
        """Replicas that did not start."""
        return [name for name in self.failed if name in self.staying_here]

    @property
    def failed_services(self) -> list[str]:
        """Optional services and relays that did not start: the cluster serves without them."""
        optional = (*self.stack.optional_services, *(node.name for node in self.stack.topology.remote_nodes))
        return [name for name in self.failed if name in optional]

    @property
    def lost(self) -> list[str]:
        """Replicas whose slot outgrew the WAL budget; what they need next is gone."""
        lost = self.provisioned.lost_slots if self.provisioned else frozenset()
        return [name for name in self.staying_here if slot_of(name) in lost]

    def forget_lost(self, name: str) -> None:
        """The replica has a new slot, and was cloned from where that begins."""
        if self.provisioned is not None:
            lost = self.provisioned.lost_slots - {slot_of(name)}
            self.provisioned = replace(self.provisioned, lost_slots=lost)

    def was_well(self, service: str) -> bool:
        """Whether the service ran, and was healthy, at the beginning."""
        return service in self.before and self.before[service].well

    def is_behind(self, service: str) -> bool:
        """Whether the service runs with another definition than it shall have."""
        running = self.before.get(service)
        return running is not None and running.status == "running" and running.definition != self.definitions[service]

    def moves(self, service: str) -> bool:
        """Whether the service is not yet reached where it shall be: its container, as it was at the beginning."""
        settings, topology = self.stack.settings, self.stack.topology
        return service in self.before and listens_elsewhere(settings, topology, self.before[service])

    def as_wanted(self, service: str, now: Mapping[str, Container]) -> bool:
        """Whether the service is well in ``now``, and its container of the wanted definition."""
        return service in now and now[service].well and now[service].definition == self.definitions[service]

    def report(self, failed: Sequence[str]) -> None:
        """Without primary, PgBouncer or HAProxy nothing goes on; a replica may need a new clone, later.

        Raises:
            MachineError: one of them is among ``failed``.
        """
        for service in failed:
            failure = not_running(self.stack, service)
            if service in (self.primary, POOLER, PROXY):
                raise failure
            self.console.warn(failure.message)


def _definitions(stack: Stack) -> dict[str, str]:
    settings, topology = stack.settings, stack.topology
    return definitions(
        settings, topology, derive(settings, topology.sizing), host_facts_of(stack.home, settings, topology)
    )
