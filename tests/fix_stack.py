"""One real cluster for the integration tests: its own home, project and ports, through pytest-docker.

`inv up` makes it (pytest-docker's setup command then is plain `docker compose up --wait` on the rendered file, which
must find nothing left to do), pytest-docker takes it down. Without an engine the tests are skipped; under CI they fail.
"""

import json
import os
import secrets as tokens
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from cluster.config.env_file import load_settings
from cluster.documents import to_json
from cluster.http.pages import USER
from cluster.postgres.connection import Access, connect
from cluster.topology_file import load
from cluster.waiting import comes_true
from compose.home import passwords
from compose.home.paths import Home
from compose.report.status import status_report
from compose.stack import Stack
from tests.fix_images import images
from tests.fix_inv import Inv
from tests.fix_ports import free_ports
from tests.row_hashes import Hashes, row_hashes

if TYPE_CHECKING:
    from pytest_docker.plugin import Services

SMALL = {
    "PODS_SHARED_BUFFERS": "64MB",
    "PODS_MAX_WAL_SIZE": "256MB",
    "PODS_WAL_BUDGET": "1GB",
    "PODS_START_TIMEOUT": "60",
    "PODS_STOP_GRACE": "20",
}


PAGES = ("EXPORTER", "PROMETHEUS", "ALERTMANAGER", "GRAFANA", "HEALTH")
BARE = {"PODS_MONITORING": "off", "PODS_HEALTH": "off", "PODS_BACKUP": "off"}
"""Nodes and PgBouncer alone, for tests of what has nothing to do with who watches."""


def new_project(kind: str) -> str:
    """A project's name that no other test on this host has."""
    return f"pods-{kind}-{tokens.token_hex(3)}"


def write_env(home: Path, project: str, **settings: str) -> None:
    """A .env with its own project and ports."""
    ports = free_ports(20)
    chosen = {
        "PODS_PROJECT": project,
        "PODS_PGBOUNCER_PORT": str(ports[0]),
        "PODS_PRIMARY_PORT": str(ports[1]),
        **{f"PODS_{name}_PORT": str(port) for name, port in zip(PAGES, ports[2:], strict=False)},
        "PODS_REPLICA_PORT": str(ports[2 + len(PAGES)]),
        **SMALL,
        **settings,
    }
    (home / ".env").write_text("".join(f"{name}={value}\n" for name, value in chosen.items()))


@dataclass
class Cluster:
    """A running cluster and the ways into it."""

    inv: Inv

    @property
    def home(self) -> Home:
        """Its home."""
        return Home(self.inv.home)

    @property
    def stack(self) -> Stack:
        """The cluster as PODS sees it now."""
        topology = load(self.home.topology)
        assert topology is not None
        return Stack(self.home, load_settings(self.home.path, {}), topology)

    def access(self, service: str = "pgbouncer", secret: str = passwords.APP, database: str = "appdb_write") -> Access:
        """How to log in from this host, with a session as any client has it."""
        return replace(self.stack.access(service, secret, database), pinned=False)

    def login(self, service: str) -> tuple[str, str]:
        """User and password of Prometheus, Alertmanager or the exporter."""
        return USER, self.stack.passwords[service]

    def query(
        self, sql: str, service: str = "primary", secret: str = passwords.SUPERUSER, database: str = "appdb"
    ) -> list[dict[str, Any]]:
        """Rows of ``sql`` on one server; an empty list for a statement without rows."""
        with connect(self.access(service, secret, database)) as connection:
            cursor = connection.execute(sql.encode())
            return cursor.fetchall() if cursor.description else []

    def status(self) -> dict[str, Any]:
        """What `inv status --json` prints, made in this process: a command for each look would cost minutes in all."""
        report: dict[str, Any] = json.loads(json.dumps(to_json(status_report(self.stack))))
        return report

    def check_healthy(self) -> None:
        """Fail if a test left it otherwise, so that a fault is found where it was made.

        The engine asks a container that was paused or stopped for its health some seconds later.
        """
        reasons: list[str] = []

        def healthy() -> bool:
            reasons[:] = self.status()["reasons"]
            return not reasons

        assert comes_true(healthy, timeout=60), f"the test left the cluster unhealthy: {reasons}"

    def node(self, name: str) -> dict[str, Any]:
        """One node of the status."""
        return next(node for node in self.status()["nodes"] if node["name"] == name)

    def compose(self, *arguments: str, stdin: str = "") -> str:
        """Plain `docker compose` in the cluster's home, as a user would type it."""
        done = subprocess.run(
            ["docker", "compose", *arguments],
            cwd=self.home.path,
            input=stdin,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def client(self, program: str, *arguments: str) -> str:
        """Run a PostgreSQL program (pgbench, psql) in the client container."""
        run = ["--profile", "tools", "run", "--rm", "--no-deps", "-T", "--entrypoint", program, "psql"]
        return self.compose(*run, *arguments)

    def container(self, service: str) -> str:
        """Id of a service's container."""
        return self.stack.containers()[service].id

    def docker(self, *arguments: str) -> str:
        """Plain docker."""
        done = subprocess.run(["docker", *arguments], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def main_pid(self, service: str) -> int:
        """The host's pid of the postmaster (or PgBouncer) itself, a child of the container's init."""
        init = int(self.docker("inspect", "--format", "{{.State.Pid}}", self.container(service)))
        children = Path(f"/proc/{init}/task/{init}/children").read_text().split()
        return int(children[0])

    def hashes(self, node: str) -> Hashes:
        """Content of every table of the application on ``node``."""
        tables = self.query(
            "SELECT format('%I.%I', schemaname, tablename) AS name FROM pg_tables "
            "WHERE schemaname NOT IN ('pg_catalog', 'information_schema', 'pods') ORDER BY 1",
            node,
        )
        return row_hashes(lambda sql: self.query(sql, node), (row["name"] for row in tables))

    def wait_replayed(self) -> None:
        """Until every replica has replayed what the primary has now."""
        from cluster.waiting import wait_until

        target = self.query("SELECT pg_current_wal_lsn()::text AS lsn", self.stack.topology.primary)[0]["lsn"]
        for node in self.stack.topology.replicas:
            wait_until(
                lambda name=node.name: self._not_replayed(name, target),  # type: ignore[misc]
                timeout=60,
                what=f"{node.name} did not replay {target}",
                hint="see its log",
            )

    def _not_replayed(self, node: str, target: str) -> str:
        sql = f"SELECT pg_last_wal_replay_lsn() >= '{target}'::pg_lsn AS done, pg_last_wal_replay_lsn()::text AS lsn"
        row = self.query(sql, node)[0]
        return "" if row["done"] else str(row["lsn"])

    def same_everywhere(self) -> Hashes:
        """Hashes of all tables, which must be equal on all nodes."""
        self.wait_replayed()
        expected = self.hashes(self.stack.topology.primary)
        for node in self.stack.topology.replicas:
            assert self.hashes(node.name) == expected, node.name
        return expected


def purge(inv: Inv) -> None:
    """Take a cluster away, and what a failed test left of it."""
    project = load_settings(inv.home, {}).project
    inv("down", "--purge", "--yes")
    label = f"label=com.docker.compose.project={project}"
    left = subprocess.run(["docker", "ps", "-aq", "--filter", label], capture_output=True, text=True, check=True)
    for container in left.stdout.split():
        subprocess.run(["docker", "rm", "-f", container], check=False, capture_output=True)


def pytest_addoption(parser: pytest.Parser) -> None:
    """`--keep-stack` leaves the cluster running for a look."""
    parser.addoption("--keep-stack", action="store_true", help="leave the integration cluster running")


@pytest.fixture(scope="session")
def engine() -> None:
    """Without an engine: skipped at home, failed under CI."""
    done = subprocess.run(["docker", "info"], capture_output=True, text=True, check=False)
    if done.returncode:
        reason = f"no Docker engine: {done.stderr.strip()}"
        pytest.fail(reason) if os.environ.get("CI") else pytest.skip(reason)


@pytest.fixture(scope="session")
def built(engine: None) -> None:
    """The images are there, so that workers do not build them side by side."""
    images()


@pytest.fixture(scope="session")
def home(tmp_path_factory: pytest.TempPathFactory, built: None) -> Path:
    """The shared cluster's home."""
    path = tmp_path_factory.mktemp("cluster")
    write_env(path, new_project("test"))
    return path


@pytest.fixture(scope="session")
def docker_compose_project_name(home: Path) -> str:
    """The project of the shared cluster."""
    return load_settings(home, {}).project


@pytest.fixture(scope="session")
def docker_compose_file(home: Path, request: pytest.FixtureRequest) -> Iterator[str]:
    """The rendered Compose file; `inv up` makes it, and the cluster."""
    inv = Inv(home)
    try:
        inv.ok("up", timeout=900)
        yield str(home / "compose.yaml")
    finally:
        if not request.config.getoption("--keep-stack"):
            inv("down", "--purge", "--yes")


@pytest.fixture(scope="session")
def docker_setup() -> list[str]:
    """Plain Compose must find the stack complete."""
    return ["up --detach --wait"]


@pytest.fixture(scope="session")
def docker_cleanup(request: pytest.FixtureRequest) -> list[str]:
    """Leave nothing behind."""
    return [] if request.config.getoption("--keep-stack") else ["down --volumes --remove-orphans"]


@pytest.fixture(scope="session")
def shared(home: Path, docker_services: "Services") -> Cluster:
    """The cluster that tests share; each leaves it healthy."""
    return Cluster(Inv(home))


@pytest.fixture
def cluster(shared: Cluster) -> Iterator[Cluster]:
    """The shared cluster, checked after the test."""
    yield shared
    shared.check_healthy()


@pytest.fixture
def lone(tmp_path: Path, built: None) -> Iterator[Cluster]:
    """A cluster of the test's own, not yet up, with one replica."""
    write_env(tmp_path, new_project("lone"), PODS_REPLICAS="1", **BARE)
    inv = Inv(tmp_path)
    yield Cluster(inv)
    purge(inv)
