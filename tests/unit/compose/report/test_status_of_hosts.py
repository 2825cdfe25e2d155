"""A node on a Docker host is not one of this machine's containers: what is said where it does not answer."""

from dataclasses import dataclass, field, replace

from cluster.config.settings import Settings
from cluster.errors import MachineError
from cluster.hosts.hosts_reading import HostsReading
from cluster.observed.snapshot import Snapshot
from cluster.pools import pools
from cluster.remedies import split_remedy
from cluster.topology import Node, Topology
from compose.engine.containers import Container, ContainerReader
from compose.home.paths import Home
from compose.report.status import StatusReport, status_report
from compose.stack import Stack
from tests.fix_hosts import NAMES, THREE, reading
from tests.fix_settings import settings_of, topology_of
from tests.unit.compose.container_samples import container
from tests.unit.snapshot_samples import as_wanted, silent, slot, with_node

SETTINGS: Settings = replace(settings_of(backup="off"), hosts=THREE)


def _on_hosts(primary: str) -> Topology:
    nodes = tuple(Node(name=name, ordinal=at, host=name) for at, name in enumerate(NAMES, 1))
    return replace(topology_of(SETTINGS), nodes=nodes, primary=primary, engine="patroni")


TOPOLOGY = _on_hosts(reading("host_frozen").leader or "")
WELL = with_node(
    as_wanted(TOPOLOGY, pools(SETTINGS, TOPOLOGY)),
    TOPOLOGY.primary,
    slots=tuple(slot(node.name) for node in TOPOLOGY.replicas),
)


@dataclass(frozen=True)
class _Running:
    found: dict[str, Container]

    def containers(self) -> dict[str, Container]:
        return self.found

    def last_log_line(self, container: Container) -> str:
        return container.service


@dataclass(frozen=True)
class _OnHosts(Stack):
    """A cluster on hosts; its services here run, or this machine's engine does not answer."""

    seen: Snapshot = WELL
    hosts: HostsReading = field(default_factory=HostsReading)
    engine_answers: bool = True

    @property
    def container_reader(self) -> ContainerReader:
        if not self.engine_answers:
            raise MachineError("no engine answers", "start it")
        return _Running({name: container(name) for name in self.services})

    def snapshot(self, deadline: float = 0) -> Snapshot:
        return self.seen

    def read_hosts(self) -> HostsReading:
        return self.hosts


def _report(home: Home, snapshot: Snapshot, situation: str, *, engine_answers: bool = True) -> StatusReport:
    stack = _OnHosts(home, SETTINGS, TOPOLOGY, seen=snapshot, hosts=reading(situation), engine_answers=engine_answers)
    return status_report(stack)


def test_a_host_that_is_down_is_said_and_what_to_do_fits(bare_home: Home) -> None:
    report = _report(bare_home, silent(WELL, "gamma", "timeout expired"), "host_frozen")
    (node,) = [each for each in report.nodes if each.name == "gamma"]
    assert node.state == "not answering"
    (problem, remedy) = split_remedy(node.reasons[0])
    assert problem == ("gamma (replica) does not answer, nor does anything else on its host: no answer within 2 s")
    assert remedy == "start it: its node follows by itself; if it is lost for good: inv hosts.remove gamma --gone"
    assert not [reason for reason in report.reasons if "container" in reason]


def test_a_server_that_is_down_alone_is_told_with_its_own_words(bare_home: Home) -> None:
    report = _report(bare_home, silent(WELL, "gamma", "connection refused"), "well")
    (node,) = [each for each in report.nodes if each.name == "gamma"]
    assert split_remedy(node.reasons[0])[0] == "gamma (replica) does not answer: connection refused"


def test_the_engine_here_has_nothing_to_say_of_them(bare_home: Home) -> None:
    report = _report(bare_home, silent(WELL, "gamma"), "host_frozen", engine_answers=False)
    assert any("no engine answers" in note for note in report.notes)
