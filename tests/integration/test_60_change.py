"""Changing a running cluster: settings, the user's own files, certificates, passwords. Reloaded, not restarted."""

import shutil
import socket
import ssl
from datetime import timedelta
from pathlib import Path

import pytest

from cluster.errors import MachineError
from cluster.postgres.connection import connect
from cluster.waiting import wait_until
from compose.home import certificate_authority, certificates, passwords
from tests.fix_stack import Cluster

IDENTITY = ("primary", "replica1", "replica2", "pgbouncer")


def _ids(cluster: Cluster) -> dict[str, tuple[str, object]]:
    return {service: (c.id, c.started) for service, c in cluster.stack.containers().items()}


def _set(cluster: Cluster, name: str, value: str) -> str:
    """Change .env; returns its old text."""
    env = cluster.home.path / ".env"
    old = env.read_text()
    kept = [line for line in old.splitlines() if not line.startswith(f"{name}=")]
    env.write_text("\n".join([*kept, f"{name}={value}"]) + "\n")
    return old


def test_the_users_own_parameters_are_taken_up_by_a_reload(cluster: Cluster) -> None:
    before = _ids(cluster)
    cluster.home.user_config.mkdir(exist_ok=True)
    mine = cluster.home.user_config / "postgresql.conf"
    mine.write_text("work_mem = 11MB\nhot_standby = off\n")
    try:
        assert "user.conf" in cluster.inv.ok("config.render", "--diff").out
        assert "without effect: hot_standby" in cluster.inv.ok("config.check").err
        cluster.inv.ok("up")
        for node in ("primary", "replica1", "replica2"):
            assert cluster.query("SHOW work_mem", node) == [{"work_mem": "11MB"}]
        assert cluster.query("SHOW hot_standby", "replica1") == [{"hot_standby": "on"}]
    finally:
        shutil.rmtree(cluster.home.user_config)
    cluster.inv.ok("up")
    assert cluster.query("SHOW work_mem", "replica2")[0]["work_mem"] != "11MB"
    assert _ids(cluster) == before


def test_the_users_own_hba_lines_are_taken_up(cluster: Cluster) -> None:
    cluster.home.user_config.mkdir(exist_ok=True)
    (cluster.home.user_config / "pg_hba.conf").write_text("hostssl appdb app 192.0.2.0/24 scram-sha-256\n")
    try:
        cluster.inv.ok("up")
        rows = cluster.query("SELECT address FROM pg_hba_file_rules WHERE file_name LIKE '%user_hba.conf'", "replica1")
        assert [row["address"] for row in rows] == ["192.0.2.0"]
    finally:
        shutil.rmtree(cluster.home.user_config)
    cluster.inv.ok("up")


def test_pgbouncer_is_reloaded_not_restarted(cluster: Cluster) -> None:
    before = _ids(cluster)
    with connect(cluster.access()) as held:
        held.execute("SELECT 1")
        old = _set(cluster, "PODS_POOL_SIZE", "9")
        try:
            cluster.inv.ok("up")
            assert {pool["size"] for pool in cluster.status()["pools"]} == {9}
            assert held.execute("SELECT 2 AS n").fetchone() == {"n": 2}  # the client never noticed
        finally:
            (cluster.home.path / ".env").write_text(old)
    cluster.inv.ok("up")
    assert _ids(cluster) == before


def test_one_service_can_be_restarted_alone(cluster: Cluster) -> None:
    before = _ids(cluster)
    cluster.inv.ok("restart", "--node", "replica2")
    after = _ids(cluster)
    assert after["replica2"] != before["replica2"]
    assert {s: after[s] for s in ("primary", "replica1", "pgbouncer")} == {
        s: before[s] for s in ("primary", "replica1", "pgbouncer")
    }


def _served(host: str, port: int, ca: Path) -> bytes:
    """The certificate a server shows, through PostgreSQL's TLS negotiation."""
    import psycopg  # noqa: F401 - libpq must be loadable; the socket below speaks the first message itself

    context = ssl.create_default_context(cafile=str(ca))
    with socket.create_connection((host, port), 5) as raw:
        raw.sendall((8).to_bytes(4, "big") + (80877103).to_bytes(4, "big"))  # SSLRequest
        assert raw.recv(1) == b"S"
        with context.wrap_socket(raw, server_hostname="localhost") as tls:
            certificate = tls.getpeercert(binary_form=True)
            assert certificate is not None
            return certificate


def test_renewed_certificates_are_served_without_a_restart(cluster: Cluster) -> None:
    settings, ca = cluster.stack.settings, cluster.home.ca
    ports = (settings.primary_port, settings.replica_port, settings.pgbouncer_port)
    ids, before = _ids(cluster), [_served("127.0.0.1", port, ca) for port in ports]
    with connect(cluster.access()) as held:
        cluster.inv.ok("certs.renew")
        assert held.execute("SELECT 1 AS n").fetchone() == {"n": 1}
    after = [_served("127.0.0.1", port, ca) for port in ports]
    assert all(old != new for old, new in zip(before, after, strict=True))
    assert _ids(cluster) == ids


def test_a_password_changed_in_its_file_is_taken_up(cluster: Cluster) -> None:
    path = cluster.home.secrets / "app_password"
    path.write_text("another-password-of-the-user\n")
    assert "password of app" in cluster.inv.ok("up").err
    with connect(cluster.access("primary", passwords.APP, "appdb")) as connection:
        connection.execute("SELECT 1")
    assert "app" in cluster.inv.ok("psql", "--command", "SELECT current_user").out


def test_two_clusters_side_by_side(cluster: Cluster, lone: Cluster) -> None:
    lone.inv.ok("up")
    lone.query("CREATE TABLE only_here AS SELECT 1 AS n")
    assert lone.stack.topology.system_identifier != cluster.stack.topology.system_identifier
    assert "only_here" not in str(cluster.hashes("primary"))
    lone.inv.ok("down", "--purge", "--yes")


def _own_address() -> str:
    """An address of this host that is not loopback; nothing is sent."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.connect(("192.0.2.1", 9))
        return str(probe.getsockname()[0])


@pytest.mark.chaos
def test_one_address_of_this_host_serves_a_new_cluster_and_a_running_one(lone: Cluster) -> None:
    """Connections through it arrive as from that address, and not as from the cluster's own network."""
    address = _own_address()
    for bind in (address, "127.0.0.1", address):
        _set(lone, "PODS_BIND", bind)
        if lone.home.topology.exists():  # until `up` comes, it is seen where it is
            waiting = lone.inv("status")
            assert waiting.code == 0, waiting
            assert "wait for inv up" in waiting.out
        printed = lone.inv.ok("up").out
        assert f"@{bind}:{lone.stack.settings.pgbouncer_port}/appdb?" in printed
        assert "is healthy" in lone.inv.ok("status").out
        assert lone.access("primary").host == bind
        for service, database in (("pgbouncer", "appdb_write"), ("primary", "appdb"), ("replica1", "appdb")):
            assert lone.query("SELECT 1 AS n", service, passwords.APP, database) == [{"n": 1}]


def test_passwords_of_services_changed_while_the_cluster_is_down_are_taken_up(cluster: Cluster) -> None:
    cluster.inv.ok("down")
    for name in ("monitor", "replication", "pooler"):
        (cluster.home.secrets / f"{name}_password").write_text(f"another-password-of-{name}\n")
    assert "password of monitor" in cluster.inv.ok("up").err
    cluster.same_everywhere()


def test_a_cluster_without_replicas_comes_up_and_reads_from_its_primary(lone: Cluster) -> None:
    with (lone.home.path / ".env").open("a") as env:
        env.write("PODS_REPLICAS=0\n")
    lone.inv.ok("up")
    report = lone.status()
    assert report["healthy"]
    assert [node["name"] for node in report["nodes"]] == ["primary"]
    assert {pool["name"]: pool["target"] for pool in report["pools"]}["appdb_read"] == ["primary"]
    lone.inv.ok("replica.add")
    assert lone.status()["pools"][2]["target"] == ["replica1"]


@pytest.mark.parametrize("cure", ["certs.renew", "up"])
def test_certificates_that_have_ended_are_renewed_by_one_command_without_a_restart(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch, cure: str
) -> None:
    before = _ids(cluster)
    stack = cluster.stack
    monkeypatch.setattr(certificate_authority, "LIFE", -timedelta(minutes=1))
    certificates.ensure_all(stack.home, stack.settings, stack.topology, renew=True)
    for service in IDENTITY:
        stack.client.api.kill(cluster.container(service), "HUP")
    wait_until(lambda: "" if _refused(cluster) else "let in", timeout=10, what="the primary shows the old one", hint="")
    assert any("certificates end and are past" in note for note in cluster.status()["notes"])
    cluster.inv.ok(cure)
    assert cluster.query("SELECT 1 AS one") == [{"one": 1}]
    wait_until(lambda: "; ".join(cluster.status()["reasons"]), timeout=60, what="not well again", hint="")
    assert not any("certificate" in note for note in cluster.status()["notes"])
    assert {name: _ids(cluster)[name] for name in IDENTITY} == {name: before[name] for name in IDENTITY}


def _refused(cluster: Cluster) -> bool:
    try:
        cluster.query("SELECT 1")
    except MachineError as error:
        return "certificate" in error.message
    return False
