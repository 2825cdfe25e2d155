"""What `up` remembers of services that do not start: what is so after the last attempt, and nothing older."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, cast

import pytest

from cluster.endpoints import POOLER
from cluster.errors import MachineError
from cluster.naming import slot_of
from compose.console import Console
from compose.engine.compose_cli import Compose
from compose.engine.containers import Container
from compose.home.paths import Home
from compose.operations.convergence.services import replace_changed, start_missing
from compose.operations.convergence.state import Convergence
from compose.operations.provision import Provisioned
from compose.operations.start import not_running
from compose.operations.steps import perform
from compose.stack import Stack
from tests.fix_settings import settings_of, topology_of

SETTINGS = settings_of()
TOPOLOGY = topology_of(SETTINGS)


def _container(service: str, definition: str, health: str = "healthy") -> Container:
    return Container(
        service=service,
        name=f"pods-{service}-1",
        id=f"id-of-{service}",
        status="running",
        health=health,
        exit_code=0,
        restarts=0,
        oom_killed=False,
        started=None,
        definition=definition,
        one_off=False,
        directory="",
    )


@dataclass
class _Host:
    """The containers there are. Each start ends in the next of ``outcomes``: None where a service has no container."""

    now: dict[str, Container] = field(default_factory=dict)
    outcomes: list[Mapping[str, Container | None]] = field(default_factory=list)
    started: list[tuple[str, ...]] = field(default_factory=list)

    def follow(self, _: object, *arguments: str) -> str:
        self.started.append(arguments[3:])
        for service, container in self.outcomes.pop(0).items():
            self.now.pop(service, None)
            if container is not None:
                self.now[service] = container
        return ""


class _SilentEngine:
    """No container ever wrote a line."""

    @property
    def api(self) -> "_SilentEngine":
        return self

    def logs(self, _: str, *, tail: int, timestamps: bool = False, since: int | None = None) -> bytes:
        assert since is None
        return b"" * tail if timestamps else b""


@dataclass(frozen=True)
class _HostedStack(Stack):
    host: _Host = field(default_factory=_Host)

    @property
    def compose(self) -> Compose:
        return cast("Compose", self.host)

    def containers(self) -> dict[str, Container]:
        return dict(self.host.now)


@pytest.fixture
def host() -> _Host:
    """No container runs."""
    return _Host()


@pytest.fixture
def run(bare_home: Home, console: Console, host: _Host) -> Convergence:
    """A run of `up` that found everything well."""
    engine: Any = _SilentEngine()
    stack = _HostedStack(bare_home, SETTINGS, TOPOLOGY, engine, host=host)
    made = Convergence(stack, console, {})
    host.now.update(_well(made, made.services))
    made.before = stack.containers()
    return made


def _provisioned() -> Provisioned:
    lost = frozenset({slot_of("replica1")})
    return Provisioned(made=[], lost_slots=lost, excess=(), unsettled=None, pooled_defaults="")


def _well(run: Convergence, services: Iterable[str]) -> dict[str, Container]:
    return {service: _container(service, run.definitions[service]) for service in services}


@pytest.mark.parametrize("service", ["replica1", "prometheus"])
def test_a_service_that_came_up_after_all_has_not_failed(run: Convergence, host: _Host, service: str) -> None:
    run.before = {**run.before, service: replace(run.before[service], definition="of an earlier version")}
    host.outcomes = [{service: None}, _well(run, [service])]
    for phase in (replace_changed, start_missing):
        perform(phase(run), run.console)
    assert host.started == [(service,), (service,)]
    assert (run.failed_replicas, run.failed_services) == ([], [])


def test_a_service_that_failed_twice_is_one(run: Convergence, host: _Host) -> None:
    for service in ("replica1", "prometheus"):
        run.before = {**run.before, service: replace(run.before[service], definition="of an earlier version")}
    host.outcomes = [{"replica1": None}, {"prometheus": None}, {}]
    for phase in (replace_changed, start_missing):
        perform(phase(run), run.console)
    assert (run.failed_replicas, run.failed_services) == (["replica1"], ["prometheus"])


def test_a_replica_whose_wal_is_gone_does_not_end_the_waiting_for_the_others(run: Convergence, host: _Host) -> None:
    run.provisioned = _provisioned()
    host.now.clear()
    starting = {name: _container(name, run.definitions[name], "starting") for name in ("replica1", POOLER)}
    host.outcomes = [{**_well(run, run.services), **starting}, _well(run, [POOLER])]
    perform(start_missing(run), run.console)
    assert host.started == [tuple(run.services), (POOLER,)]
    assert list(run.failed) == ["replica1"]


def test_a_replica_whose_wal_is_gone_is_not_waited_for_where_it_is_the_only_one(run: Convergence, host: _Host) -> None:
    run.provisioned = _provisioned()
    del host.now["replica1"]
    host.outcomes = [{"replica1": _container("replica1", run.definitions["replica1"], "starting")}]
    perform(start_missing(run), run.console)
    assert list(run.failed) == ["replica1"]


def test_nothing_goes_on_without_the_pooler(run: Convergence, host: _Host) -> None:
    del host.now[POOLER]
    host.outcomes = [{}]
    with pytest.raises(MachineError, match=r"pgbouncer does not run: it has no container"):
        perform(start_missing(run), run.console)


def test_every_service_that_does_not_run_is_named(run: Convergence, host: _Host) -> None:
    host.now.clear()
    error = not_running(run.stack, "exporter", "grafana")
    assert error.message == "exporter does not run: it has no container; grafana does not run: it has no container"
    assert error.hint == "see inv logs --service exporter, inv logs --service grafana"


def test_a_replica_on_its_way_out_is_not_started(run: Convergence) -> None:
    run.stack = run.stack.with_topology(TOPOLOGY.with_state("replica1", "leaving"))
    assert run.services[:3] == ["replica2", "primary", POOLER]
