"""`inv hosts.check`: reads hosts, also such that were not added yet, and says what keeps them from being used."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace

from cluster.config.docker_hosts import Host
from cluster.config.settings import Settings
from cluster.errors import PodsError, RefusedError
from cluster.hosts_state import HostRecord, HostsState
from compose.engine import daemon
from compose.engine.hosts.host_engine import HostEngine
from compose.engine.hosts.host_inspection import HostInspection, inspect_host
from compose.engine.hosts.host_keys import offered_key
from compose.engine.hosts.host_sessions import on_every, reach_hosts
from compose.home.hosts_state_file import load_state
from compose.home.paths import Home
from compose.operations.hosts.host_findings import HostFinding, findings

Readings = Mapping[str, "HostInspection | PodsError"]


@dataclass(frozen=True, slots=True, kw_only=True)
class HostsReport:
    """What was read of each host, what is wrong, and which hosts were added."""

    readings: Readings
    findings: tuple[HostFinding, ...]
    added: tuple[str, ...]

    @property
    def fatal(self) -> tuple[HostFinding, ...]:
        """What keeps hosts from being used."""
        return tuple(each for each in self.findings if each.fatal)

    def refuse(self, names: Collection[str] = (), *, but: Collection[str] = ()) -> None:
        """Nothing, where no host has anything fatal; of ``names`` alone, where there are some; ``but`` those subjects.

        Raises:
            RefusedError: the first that has.
        """
        for each in self.fatal:
            if (not names or each.host in names) and each.subject not in but:
                raise RefusedError(each.line, each.hint)


def check_hosts(home: Home, settings: Settings, names: Collection[str] | None = None) -> HostsReport:
    """Read the hosts of the file, or those of ``names``. Changes nothing.

    Raises:
        UsageError: there are none, or none of such a name.
    """
    state = load_state(home)
    chosen = settings.hosts.names if names is None else names
    known, unreached = _with_offered_keys(state, [each for each in settings.hosts.hosts if each.name in chosen])
    with reach_hosts(home, settings, chosen, state=known) as reached:
        readings = {**read_all(reached), **unreached}
    architecture = str(daemon.connect().info()["Architecture"])
    return HostsReport(
        readings=readings,
        findings=tuple(findings(settings.hosts, readings, architecture)),
        added=tuple(each.name for each in state.hosts),
    )


def examine_hosts(home: Home, settings: Settings) -> Iterator[tuple[bool, str, str]]:
    """What `inv doctor` says of the hosts that were added: whether it hurts, what it is, what to do."""
    names = [each.name for each in load_state(home).hosts if settings.hosts.find(each.name)]
    if not names:
        return
    try:
        report = check_hosts(home, settings, names)
    except PodsError as error:
        yield True, error.message, error.hint
        return
    for each in report.findings:
        yield each.fatal, each.line, each.hint
    if not report.findings:
        yield False, f"{', '.join(names)}: engine, clock, address, ports and disk are as they should be", ""


def read_all(reached: Mapping[str, "HostEngine | PodsError"]) -> "dict[str, HostInspection | PodsError]":
    """What each host is like; an error where it cannot be read."""
    engines = {name: each for name, each in reached.items() if isinstance(each, HostEngine)}
    read = on_every(engines, _read)
    return {name: read.get(name) or each for name, each in reached.items() if not isinstance(each, HostEngine)} | read


def _read(engine: HostEngine) -> "HostInspection | PodsError":
    try:
        return inspect_host(engine)
    except PodsError as error:
        return error


def _with_offered_keys(state: HostsState, hosts: Collection[Host]) -> tuple[HostsState, dict[str, PodsError]]:
    """The state as if each host was added with the key that it shows now: enough to see what it is like."""
    unreached: dict[str, PodsError] = {}
    for host in hosts:
        if state.find(host.name):
            continue
        try:
            key = "" if host.local else offered_key(host)
        except PodsError as error:
            unreached[host.name] = error
            continue
        state = state.with_host(HostRecord(name=host.name, address=host.address, home=host.home, host_key=key))
    return replace(state), unreached
