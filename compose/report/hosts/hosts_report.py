"""What `inv hosts.status` reads: agents, votes and containers of every Docker host."""

from cluster.errors import PodsError
from cluster.hosts.hosts_status import hosts_status
from compose.engine.hosts.host_engine import HostEngine
from compose.engine.hosts.host_sessions import reach_hosts
from compose.home.hosts_state_file import load_state
from compose.report.hosts.host_table import (
    HEAD,
    HostContainersStatus,
    HostsOverview,
    container_head,
    container_rows,
    host_rows,
    summary,
)
from compose.report.hosts.silent_members import with_host_faults
from compose.report.status import print_reasons, table
from compose.stack import Stack


def hosts_report(stack: Stack) -> HostsOverview:
    """Observe every host; in a cluster whose primary PODS decides, nobody is asked about votes and members."""
    state = load_state(stack.home)
    snapshot, reading = stack.observe()
    with reach_hosts(stack.home, stack.settings, stack.settings.hosts.names, state=state) as reached:
        containers = tuple(_containers(name, engine) for name, engine in reached.items())
    explained = with_host_faults(stack, snapshot, reading) if reading else snapshot
    verdict = stack.view(explained, hosts=reading).verdict
    silent = tuple(f"the engine of {each.name} does not answer: {each.error}" for each in containers if each.error)
    return HostsOverview(
        engine=stack.topology.engine,
        phase=state.phase,
        hosts=hosts_status(stack.settings.hosts, reading or stack.read_hosts()),
        containers=containers,
        reasons=(*verdict.reasons, *silent),
        notes=verdict.notes,
    )


def print_hosts(report: HostsOverview) -> None:
    """Data for people; before anything was prepared there are no votes and members to speak of."""
    if report.phase != "none":
        table(HEAD, host_rows(report.hosts), summary(report.hosts))
    table(container_head(report.containers), container_rows(report.containers))
    print_reasons(report.reasons, report.notes)


def _containers(name: str, engine: HostEngine | PodsError) -> HostContainersStatus:
    if isinstance(engine, PodsError):
        return HostContainersStatus(name=name, error=engine.message)
    try:
        found = engine.containers()
    except PodsError as error:
        return HostContainersStatus(name=name, error=error.message)
    states = {service: each.health or each.status for service, each in found.items() if each.status == "running"}
    return HostContainersStatus(
        name=name, services={service: states.get(service, each.status) for service, each in found.items()}
    )
