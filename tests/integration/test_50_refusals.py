"""Bad input: one clear line, the documented exit code, nothing changed."""

import json
import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from cluster.postgres.data_directory import PGDATA
from tests.fix_inv import Inv, Result
from tests.fix_ports import one_free_port
from tests.fix_stack import Cluster, new_project, write_env


def _tree(home: Path) -> dict[str, bytes]:
    """Every file of a home that PODS writes, but the data's own."""
    kept = [
        home / "compose.yaml",
        home / "data" / "topology.json",
        *(home / "rendered").rglob("*"),
        *(home / "secrets").rglob("*"),
    ]
    return {str(path): path.read_bytes() for path in kept if path.is_file()}


def _refused(result: Result, code: int, *words: str) -> None:
    assert result.code == code, result
    assert "Traceback" not in result.err, result
    complaint = [line for line in result.err.splitlines() if line.startswith("✗")]
    assert complaint, result
    for word in words:
        assert word in result.err, f"{word!r} is missing in: {result.err}"


@pytest.fixture
def fresh(tmp_path: Path, engine: None) -> Inv:
    """A home without a cluster."""
    write_env(tmp_path, new_project("fresh"))
    return Inv(tmp_path)


@pytest.mark.parametrize(
    ("line", "code", "words"),
    [
        ("PODS_PROT=1", 1, ["unknown setting PODS_PROT", ".env line"]),
        ("PODS_REPLICA=1", 1, ["did you mean PODS_REPLICA"]),
        ("PODS_MAX_CONNECTIONS=3", 1, ["PODS_MAX_CONNECTIONS='3'", "from 25"]),
        ("PODS_PRIMARY_PORT=70000", 1, ["PODS_PRIMARY_PORT", "65535"]),
        ("PODS_BIND=localhost", 1, ["PODS_BIND", "IPv4 address"]),
        ("PODS_PROJECT=../evil", 1, ["PODS_PROJECT"]),
        ("PODS_DATABASE=x; DROP TABLE y", 1, ["PODS_DATABASE"]),
        ("this is not a setting", 1, [".env line"]),
        ("PODS_BIND=203.0.113.7", 4, ["PODS_BIND=203.0.113.7", "not an address of this host"]),
    ],
)
def test_a_bad_setting(fresh: Inv, line: str, code: int, words: list[str]) -> None:
    with (fresh.home / ".env").open("a") as env:
        env.write(line + "\n")
    _refused(fresh("up"), code, *words)
    assert _tree(fresh.home) == {}


def test_settings_that_others_can_read_hold_no_key(fresh: Inv) -> None:
    env = fresh.home / ".env"
    env.write_text(env.read_text() + "AWS_SECRET_ACCESS_KEY=precious\n")
    env.chmod(0o644)
    result = fresh("up")
    _refused(
        result, 3, f"{env}, which holds AWS_SECRET_ACCESS_KEY, is open to other users (mode 0644)", f"chmod 600 {env}"
    )
    assert "precious" not in result.out + result.err
    assert _tree(fresh.home) == {}


def test_a_port_in_use_names_its_holder(fresh: Inv) -> None:
    port = one_free_port()
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", port))
        taken.listen()
        result = fresh("up", extra={"PODS_PGBOUNCER_PORT": str(port)})
    _refused(result, 4, f"port {port}, wanted for pgbouncer, is in use", f"pid {os.getpid()}", "PODS_PGBOUNCER_PORT")
    assert _tree(fresh.home) == {}


def test_no_engine(fresh: Inv) -> None:
    _refused(fresh("up", extra={"DOCKER_HOST": "unix:///nonexistent.sock"}), 4, "no Docker engine answers")
    assert _tree(fresh.home) == {}


def test_an_engine_this_user_may_not_use(engine: None) -> None:
    if os.geteuid() != 0:
        pytest.skip("becoming another user needs root")
    code = (
        "import os, docker, requests, encodings.idna, compose.engine.daemon as engine\n"
        "from cluster.errors import MachineError\n"
        "os.setgroups([]); os.setgid(65534); os.setuid(65534)\n"
        "try: engine.connect()\nexcept MachineError as e: print(e.exit_code, e)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, cwd=Path(__file__).parents[2]
    )
    assert "4 the Docker engine at" in done.stdout, done.stderr
    assert "refuses this user" in done.stdout


def test_a_registry_that_refuses(fresh: Inv) -> None:
    port = one_free_port()
    result = fresh("up", extra={"PODS_IMAGES": "registry", "PODS_REGISTRY": f"127.0.0.1:{port}/library/"})
    _refused(result, 4, f"the registry does not give 127.0.0.1:{port}/library/postgres:18", "PODS_REGISTRY")
    assert not (fresh.home / "compose.yaml").exists()


def test_a_full_disk(fresh: Inv) -> None:
    if os.geteuid() != 0:
        pytest.skip("mounting needs root")
    data = fresh.home / "data"
    data.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64m,mode=0755", "tmpfs", str(data)], check=True)
    try:
        _refused(fresh("up"), 4, "free and", "are needed")
        assert _tree(fresh.home) == {}
    finally:
        subprocess.run(["umount", str(data)], check=True)


def test_data_that_no_topology_knows(fresh: Inv) -> None:
    (fresh.home / "data" / "primary" / PGDATA).mkdir(parents=True)
    _refused(fresh("up"), 3, "holds data, but there is no topology.json")
    assert _tree(fresh.home) == {}


def test_tasks_without_a_cluster_say_so(fresh: Inv) -> None:
    for task in ("status", "psql", "logs", "restart", "certs.renew"):
        _refused(fresh(task), 3, "there is no cluster in", "run: inv up")


class TestAgainstARunningCluster:
    """Each leaves the cluster as it was, running."""

    @pytest.fixture(autouse=True)
    def unchanged(self, cluster: Cluster) -> object:
        before = _tree(cluster.home.path)
        ids = {s: (c.id, c.started) for s, c in cluster.stack.containers().items()}
        yield
        assert _tree(cluster.home.path) == before
        assert {s: (c.id, c.started) for s, c in cluster.stack.containers().items()} == ids

    def test_another_project_name(self, cluster: Cluster) -> None:
        _refused(cluster.inv("up", extra={"PODS_PROJECT": "other"}), 3, "PODS_PROJECT is 'other'")

    def test_an_address_of_another_host(self, cluster: Cluster) -> None:
        _refused(cluster.inv("up", extra={"PODS_BIND": "203.0.113.7"}), 4, "not an address of this host")

    def test_another_image_source(self, cluster: Cluster) -> None:
        other = "registry" if cluster.stack.topology.image_source == "debian" else "debian"
        _refused(cluster.inv("up", extra={"PODS_IMAGES": other}), 3, "this cluster's images stand on")

    def test_a_second_home_with_the_same_project(self, cluster: Cluster, tmp_path: Path) -> None:
        write_env(tmp_path, cluster.stack.topology.project)
        _refused(Inv(tmp_path)("up"), 3, "runs from", str(cluster.home.path))

    def test_a_corrupt_topology_is_kept_and_copied(self, cluster: Cluster) -> None:
        path = cluster.home.topology
        good = path.read_text()
        for bad in (
            good[:-30],
            "",
            "[]",
            good.replace("replica2", "replica1"),
            good.replace('"format": 1', '"format": 9'),
        ):
            path.write_text(bad)
            try:
                _refused(cluster.inv("up"), 3, "is corrupt", "rendered/services/topology.json")
                assert path.read_text() == bad
                copy = path.with_suffix(".corrupt.json")
                assert copy.read_text() == bad
                copy.unlink()
            finally:
                path.write_text(good)

    def test_a_missing_secret(self, cluster: Cluster) -> None:
        path = cluster.home.secrets / "pooler_password"
        aside = path.rename(path.with_suffix(".aside"))
        try:
            _refused(cluster.inv("up"), 3, "pooler_password is missing")
        finally:
            aside.rename(path)

    def test_a_secret_open_to_others(self, cluster: Cluster) -> None:
        path = cluster.home.secrets / "app_password"
        path.chmod(0o644)
        try:
            _refused(cluster.inv("up"), 3, "app_password is open to other users (mode 0644)", "chmod 600")
        finally:
            path.chmod(0o600)

    def test_data_of_another_owner(self, cluster: Cluster) -> None:
        if os.geteuid() != 0:
            pytest.skip("giving files away needs root")
        path = cluster.home.node("replica1")
        owner = path.stat().st_uid
        os.chown(path, 4242, -1)
        try:
            _refused(cluster.inv("up"), 3, "belongs to uid 4242", "chown")
        finally:
            os.chown(path, owner, -1)

    def test_data_of_another_major_version(self, cluster: Cluster) -> None:
        path = cluster.home.node("replica1") / PGDATA / "PG_VERSION"
        good = path.read_text()
        path.write_text("17\n")
        try:
            _refused(cluster.inv("up"), 3, "PostgreSQL 17")
        finally:
            path.write_text(good)

    def test_purging_without_confirmation(self, cluster: Cluster) -> None:
        _refused(cluster.inv("down", "--purge"), 3, "nothing was deleted")

    def test_unknown_names(self, cluster: Cluster) -> None:
        _refused(cluster.inv("psql", "--node", "replica9"), 3, "there is no node 'replica9'", "replica1")
        _refused(cluster.inv("psql", "--pool", "nope"), 1, "there is no pool 'nope'")
        _refused(cluster.inv("psql", "--superuser"), 1, "does not go through PgBouncer")
        _refused(cluster.inv("logs", "--service", "nope"), 3, "there is no service 'nope'")
        _refused(cluster.inv("restart", "--node", "nope"), 3, "there is no service 'nope'")

    def test_a_mistake_in_the_users_own_parameters(self, cluster: Cluster) -> None:
        cluster.home.user_config.mkdir(exist_ok=True)
        mine = cluster.home.user_config / "postgresql.conf"
        for text, word in (
            ("wrok_mem = 4MB\n", "wrok_mem"),
            ("work_mem = banana\n", "work_mem"),
            ("nonsense\n", "postgresql.conf"),
        ):
            mine.write_text(text)
            try:
                _refused(cluster.inv("up"), 1, "PostgreSQL does not start with config/", word)
            finally:
                mine.unlink()

    def test_a_mistake_in_the_users_own_hba_lines(self, cluster: Cluster) -> None:
        cluster.home.user_config.mkdir(exist_ok=True)
        mine = cluster.home.user_config / "pg_hba.conf"
        mine.write_text("hostssl appdb app 10.0.0.0/99 scram-sha-256\n")
        try:
            _refused(cluster.inv("up"), 1, "PostgreSQL does not start with config/", "config/pg_hba.conf")
        finally:
            mine.unlink()


def test_a_primary_whose_data_is_gone_is_never_made_anew(lone: Cluster) -> None:
    lone.inv.ok("up")
    lone.query("CREATE TABLE precious AS SELECT 1 AS n")
    lone.wait_replayed()
    lone.inv.ok("down")
    primary = lone.home.node("primary")
    aside = primary.rename(lone.home.path / "taken")
    primary.mkdir()
    _refused(lone.inv("up"), 3, "the primary's data", "is gone", "replicas hold a copy")
    assert list(primary.iterdir()) == []
    lone.compose("up", "--detach", "primary")  # plain Compose must not make a new cluster either
    assert "no data in" in lone.compose("logs", "primary")
    assert list(primary.iterdir()) == []
    lone.compose("rm", "--stop", "--force", "primary")
    shutil.rmtree(primary)
    aside.rename(primary)
    lone.inv.ok("up")
    assert lone.query("SELECT n FROM precious") == [{"n": 1}]
    lone.inv.ok("down", "--purge", "--yes")
    assert not lone.home.topology.exists()
    assert not lone.home.node("primary").exists()
    assert not lone.home.secrets.exists()


def test_another_clusters_data_is_refused(lone: Cluster, shared: Cluster) -> None:
    lone.inv.ok("up")
    lone.inv.ok("down")
    topology = json.loads(lone.home.topology.read_text())
    topology["system_identifier"] = shared.stack.topology.system_identifier
    lone.home.topology.write_text(json.dumps(topology))
    _refused(lone.inv("up"), 3, "holds another cluster's data")
