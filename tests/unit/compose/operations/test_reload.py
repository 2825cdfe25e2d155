"""Prometheus and Alertmanager take changed files up without a restart."""

import os
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pytest

from compose.engine.containers import Container
from compose.home.paths import Home
from compose.operations.reload import reload_optional
from compose.stack import Stack
from tests.fix_settings import settings_of, topology_of
from tests.unit.compose.container_samples import container

STARTED = datetime(2026, 11, 23, 4, 0, tzinfo=UTC)


@dataclass
class _Api:
    signals: list[tuple[str, str]] = field(default_factory=list)

    def exec_create(self, container: str, command: list[str]) -> dict[str, str]:
        assert command[:2] == ["sh", "-c"]
        kill, _, signal, first = command[2].split()
        assert (kill, first) == ("kill", "1")
        self.signals.append((container, signal))
        return {"Id": "id"}

    def exec_start(self, _: str) -> bytes:
        return b""

    def exec_inspect(self, _: str) -> dict[str, int]:
        return {"ExitCode": 0}

    def restart(self, container: str, timeout: int) -> None:
        assert timeout >= 60, "a base backup must have time to end"
        self.signals.append((container, "restart"))


@dataclass
class _Engine:
    api: _Api


def _container(service: str, started: datetime | None = STARTED) -> Container:
    return container(service, started=started)


def _rendered(home: Home, service: str, age: float) -> None:
    """Files of a watcher, the newest of them ``age`` seconds older than its container; directories are no files."""
    for depth, name in enumerate(("rules/alerts.yml", f"{service}.yml")):
        path = home.rendered / service / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
        moment = STARTED.timestamp() - age - 100 * depth
        os.utime(path, (moment, moment))


@pytest.fixture
def api() -> _Api:
    """What the engine was told."""
    return _Api()


@pytest.fixture
def stack(bare_home: Home, api: _Api) -> Stack:
    """A cluster whose engine only listens."""
    engine: Any = _Engine(api)
    return Stack(bare_home, settings_of(), topology_of(settings_of()), engine)


@pytest.mark.parametrize("service", ["prometheus", "alertmanager"])
def test_a_file_newer_than_the_container_is_taken_up(stack: Stack, api: _Api, service: str) -> None:
    _rendered(stack.home, service, age=-1)
    assert reload_optional(stack, service, _container(service))
    assert api.signals == [(f"id-of-{service}", "HUP")]


@pytest.mark.parametrize("service", ["prometheus", "alertmanager"])
def test_what_the_container_started_with_is_no_reason(stack: Stack, api: _Api, service: str) -> None:
    _rendered(stack.home, service, age=1)
    assert not reload_optional(stack, service, _container(service))
    assert api.signals == []


@pytest.mark.parametrize("service", ["exporter", "gate", "health", "grafana"])
def test_who_looks_at_the_files_itself_is_told_nothing(stack: Stack, api: _Api, service: str) -> None:
    _rendered(stack.home, service, age=-1)
    assert not reload_optional(stack, service, _container(service))
    assert api.signals == []


@pytest.mark.parametrize(("age", "told"), [(-10, [("id-of-backup", "restart")]), (10, [])])
def test_the_backup_service_is_restarted_for_new_keys_of_a_store(
    stack: Stack, api: _Api, age: float, told: list[tuple[str, str]]
) -> None:
    stack.home.secrets.mkdir(exist_ok=True)
    key = stack.home.secrets / "s3_secret_key"
    key.touch()
    os.utime(key, (STARTED.timestamp() - age, STARTED.timestamp() - age))
    assert reload_optional(stack, "backup", _container("backup")) is bool(told)
    assert api.signals == told


def test_one_that_does_not_run_will_read_them_when_it_starts(stack: Stack, api: _Api) -> None:
    _rendered(stack.home, "prometheus", age=-1)
    assert not reload_optional(stack, "prometheus", _container("prometheus", started=None))
    assert api.signals == []
