from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

import pytest
from docker.errors import NotFound

from compose.engine import containers
from compose.engine.containers import Container, of_project, remove_leftovers

RUNNING: dict[str, Any] = {
    "Id": "0123",
    "Name": "/pods-primary-1",
    "RestartCount": 0,
    "State": {
        "Status": "running",
        "Running": True,
        "ExitCode": 0,
        "OOMKilled": False,
        "StartedAt": "2026-03-01T10:20:30.123456789Z",
        "Health": {"Status": "healthy"},
    },
    "Config": {
        "Labels": {
            "com.docker.compose.project": "pods",
            "com.docker.compose.service": "primary",
            "com.docker.compose.oneoff": "False",
            "com.docker.compose.project.working_dir": "/srv/pods",
            "pods.definition": "abcd",
        }
    },
    "HostConfig": {"PortBindings": {"5432/tcp": [{"HostIp": "", "HostPort": "5440"}], "9/udp": None}},
}


@dataclass
class _Api:
    """What an engine knows of its containers."""

    known: dict[str, dict[str, Any]]
    logged: bytes = b""
    gone: set[str] = field(default_factory=set)
    removed: list[str] = field(default_factory=list)
    filters: dict[str, str] = field(default_factory=dict)

    def containers(self, *, all: bool, filters: dict[str, str]) -> list[dict[str, str]]:
        assert all, "stopped ones are containers too"
        self.filters = filters
        return [{"Id": key} for key in self.known]

    def inspect_container(self, key: str) -> dict[str, Any]:
        if key in self.gone:
            raise NotFound("no such container")
        return self.known[key]

    def remove_container(self, key: str, *, force: bool) -> None:
        if key in self.gone:
            raise NotFound("no such container")
        self.removed.append(key)

    def logs(self, key: str, *, tail: int) -> bytes:
        return self.logged


@dataclass
class _Engine:
    api: _Api


def _read(*raw: dict[str, Any], **api: Any) -> tuple[Any, list[Container]]:
    client: Any = _Engine(_Api({row["Id"]: row for row in raw}, **api))
    return client, of_project(client, "pods")


def test_a_running_container_is_what_docker_says() -> None:
    client, found = _read(RUNNING)
    assert client.api.filters == {"label": "com.docker.compose.project=pods"}
    assert found == [
        Container(
            service="primary",
            name="pods-primary-1",
            id="0123",
            status="running",
            health="healthy",
            exit_code=0,
            restarts=0,
            oom_killed=False,
            started=datetime(2026, 3, 1, 10, 20, 30, tzinfo=UTC),
            definition="abcd",
            one_off=False,
            directory="/srv/pods",
            published=frozenset({("0.0.0.0", 5440)}),
        )
    ]


def test_a_container_that_does_not_run_did_not_start_at_any_time() -> None:
    state = {
        "Status": "created",
        "Running": False,
        "ExitCode": 0,
        "OOMKilled": False,
        "StartedAt": "0001-01-01T00:00:00Z",
    }
    (container,) = _read({**RUNNING, "State": state})[1]
    assert container.started is None
    assert container.health == ""


def test_a_container_without_our_labels_is_read_all_the_same() -> None:
    (container,) = _read({**RUNNING, "Config": {"Labels": {}}})[1]
    assert (container.service, container.definition, container.directory, container.one_off) == ("", "", "", False)


def test_a_container_that_ended_meanwhile_is_not_there() -> None:
    assert _read(RUNNING, gone={"0123"})[1] == []


CONTAINER = _read(RUNNING)[1][0]


@pytest.mark.parametrize(
    ("status", "health", "well"),
    [
        ("running", "healthy", True),
        ("running", "", True),
        ("running", "starting", False),
        ("running", "unhealthy", False),
        ("restarting", "healthy", False),
        ("paused", "healthy", False),
        ("exited", "", False),
    ],
)
def test_a_container_is_well_when_it_runs_and_nobody_says_otherwise(status: str, health: str, well: bool) -> None:
    assert replace(CONTAINER, status=status, health=health).well is well


def test_what_an_interrupted_operation_left_is_removed_and_nothing_else() -> None:
    client, _ = _read(RUNNING, gone={"ended"})
    left = [
        CONTAINER,
        replace(CONTAINER, id="clone", name="pods-replica1-run-1", service="replica1", one_off=True),
        replace(CONTAINER, id="ended", name="pods-replica2-run-1", service="replica2", one_off=True),
        replace(CONTAINER, id="psql", name="pods-psql-run-1", service="psql", one_off=True),
        replace(CONTAINER, id="into", name="pods-backup-run-1", service="backup", one_off=True),
        replace(CONTAINER, id="in place", name="pods-restore", service="backup", one_off=True),
    ]
    assert remove_leftovers(client, left) == ["pods-replica1-run-1", "pods-restore"]
    assert client.api.removed == ["clone", "in place"]


@pytest.mark.parametrize(
    ("logged", "line"),
    [
        (b"LOG:  starting\nFATAL:  out of room\nLOG:  shut down\n\n", "FATAL:  out of room"),
        (b"LOG:  starting\npods-node: this is a replica\n", "pods-node: this is a replica"),
        (b"LOG:  starting\nLOG:  ready\n", "LOG:  ready"),
        (b"\xff\xfe\n", "\N{REPLACEMENT CHARACTER}" * 2),
        (b"", "it said nothing"),
    ],
)
def test_the_last_line_that_explains_something_is_told(logged: bytes, line: str) -> None:
    client, (container,) = _read(RUNNING, logged=logged)
    assert containers.last_log_line(client, container) == line
