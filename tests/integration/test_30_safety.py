"""Nobody gets in: secrets, rights, walls."""

import json
import subprocess
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest

from cluster.errors import MachineError
from cluster.postgres import connect
from compose import secrets
from compose.render.seccomp import WITHOUT_IO_URING
from tests.fix_stack import Cluster

SERVICES = ("primary", "replica1", "replica2", "pgbouncer")


def _passwords(cluster: Cluster) -> list[str]:
    return list(cluster.stack.passwords.by_name.values())


def test_no_password_in_inspect_logs_processes_or_images(cluster: Cluster) -> None:
    said = [cluster.docker("inspect", cluster.container(service)) for service in SERVICES]
    said += [cluster.compose("logs"), (cluster.home.path / "compose.yaml").read_text()]
    said += [path.read_text() for path in cluster.home.rendered.rglob("*") if path.is_file()]
    for process in Path("/proc").glob("[0-9]*"):
        for file in ("cmdline", "environ"):
            try:
                said.append((process / file).read_bytes().replace(b"\0", b" ").decode(errors="replace"))
            except OSError:
                continue
    for service in ("primary", "pgbouncer"):
        image = cluster.docker("inspect", "--format", "{{.Image}}", cluster.container(service)).strip()
        said += [cluster.docker("history", "--no-trunc", image), cluster.docker("inspect", image)]
    everything = "\n".join(said)
    for name, password in cluster.stack.passwords.by_name.items():
        assert password not in everything, f"the password {name} leaks"


def test_secret_files_are_closed_to_others(cluster: Cluster) -> None:
    assert cluster.home.secrets.stat().st_mode & 0o777 == 0o700
    private = [p for p in cluster.home.secrets.rglob("*") if p.is_file() and p.suffix != ".crt"]
    assert private
    assert {oct(path.stat().st_mode & 0o777) for path in private} == {"0o600"}


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_has_no_rights_beyond_its_work(cluster: Cluster, service: str) -> None:
    raw = json.loads(cluster.docker("inspect", cluster.container(service)))[0]
    host = raw["HostConfig"]
    assert raw["Config"]["User"] not in ("", "root", "0", "0:0")
    assert host["CapDrop"] == ["ALL"]
    assert not host["CapAdd"]
    assert not host["Privileged"]
    assert host["ReadonlyRootfs"]
    assert any(option.startswith("no-new-privileges") for option in host["SecurityOpt"])
    assert host["RestartPolicy"]["Name"] == "unless-stopped"
    assert host["LogConfig"]["Config"]["max-size"]
    assert "docker.sock" not in json.dumps(raw["Mounts"])
    assert all(b["HostIp"] == "127.0.0.1" for bindings in host["PortBindings"].values() for b in bindings)
    status = cluster.compose("exec", "-T", service, "grep", "-E", "CapEff|NoNewPrivs|Seccomp:", "/proc/self/status")
    assert status.split() == ["CapEff:", "0000000000000000", "NoNewPrivs:", "1", "Seccomp:", "2"]


def test_io_uring_runs_under_a_profile_that_still_blocks_the_dangerous_calls(cluster: Cluster) -> None:
    for node in cluster.status()["nodes"]:
        warned = "io_method is worker instead of io_uring" in cluster.compose("logs", node["name"])
        assert (node["io_method"], warned) in (("io_uring", False), ("worker", True))
    refused = subprocess.run(
        ["docker", "exec", cluster.container("primary"), "unshare", "--user", "true"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert "Operation not permitted" in refused.stderr


_RING = """
import ctypes, errno, socket
libc = ctypes.CDLL(None, use_errno=True)
for call in (425, 426, 427):
    refused = libc.syscall(call, 4, ctypes.create_string_buffer(256), 0, 0, 0, 0) == -1
    print(errno.errorcode[ctypes.get_errno()] if refused else "allowed")
try:
    socket.socket(socket.AF_VSOCK, socket.SOCK_STREAM)
except OSError as error:
    print(errno.errorcode[error.errno])
"""
"""io_uring_setup, _enter and _register, and a socket to the hypervisor."""


def test_without_io_uring_no_ring_opens_what_the_profile_refuses(cluster: Cluster) -> None:
    image = cluster.docker("inspect", "--format", "{{.Config.Image}}", cluster.container("health")).strip()
    locked = ["--rm", "--network", "none", "--cap-drop", "ALL", "--user", "999:999", "--entrypoint", "python3"]
    found = cluster.docker("run", *locked, "--security-opt", f"seccomp={WITHOUT_IO_URING}", image, "-c", _RING)
    assert found.split() == ["EPERM"] * 4


def test_images_hold_no_compiler(cluster: Cluster) -> None:
    found = cluster.compose("exec", "-T", "primary", "sh", "-c", "command -v cc gcc g++ clang ld make || true")
    assert found.strip() == ""


def test_without_tls_nobody_talks(cluster: Cluster) -> None:
    access = cluster.access()
    for port, database in ((access.port, "appdb"), (cluster.stack.settings.primary_port, "appdb")):
        with pytest.raises(psycopg.OperationalError):
            psycopg.connect(
                host=access.host, port=port, user="app", password=access.password, dbname=database, sslmode="disable"
            )


def test_replication_and_pooling_run_over_verified_tls(cluster: Cluster) -> None:
    rows = cluster.query(
        "SELECT a.usename, a.application_name, s.ssl FROM pg_stat_activity a JOIN pg_stat_ssl s USING (pid) "
        "WHERE a.client_addr IS NOT NULL"
    )
    assert {row["application_name"] for row in rows if row["usename"] == "replicator"} == {"replica1", "replica2"}
    assert all(row["ssl"] for row in rows)
    assert "sslmode=verify-full" in cluster.query("SHOW primary_conninfo", "replica1")[0]["primary_conninfo"]


def test_no_line_trusts_anybody(cluster: Cluster) -> None:
    rows = cluster.query("SELECT auth_method, error FROM pg_hba_file_rules")
    assert {row["auth_method"] for row in rows} == {"scram-sha-256", "reject"}
    assert all(row["error"] is None for row in rows)


@pytest.mark.parametrize("secret", [secrets.SUPERUSER, secrets.REPLICATION, secrets.POOLER])
def test_the_clusters_own_roles_do_not_pass_through_the_pools(cluster: Cluster, secret: str) -> None:
    access = cluster.access("pgbouncer", secret, "appdb_write")
    with pytest.raises((MachineError, psycopg.Error)), connect(access) as connection:
        connection.execute("CREATE TABLE never (n int)")


def test_no_service_is_superuser(cluster: Cluster) -> None:
    rows = cluster.query("SELECT rolname FROM pg_roles WHERE rolcanlogin AND rolsuper")
    assert [row["rolname"] for row in rows] == ["postgres"]
    rows = cluster.query("SELECT usename FROM pg_stat_activity WHERE usesysid = 10 AND backend_type = 'client backend'")
    assert len(rows) == 1  # this very query; no service


def test_the_monitor_sees_and_changes_nothing(cluster: Cluster) -> None:
    access = replace(cluster.access("primary", secrets.MONITOR, "appdb"))
    with connect(access) as connection:
        assert connection.execute("SELECT count(*) AS n FROM pg_stat_activity").fetchone()
        with pytest.raises(psycopg.Error):
            connection.execute("SET default_transaction_read_only = off; CREATE TABLE public.never (n int)")


def test_the_lookup_gives_no_verifier_of_the_clusters_roles(cluster: Cluster) -> None:
    access = cluster.access("primary", secrets.POOLER, "postgres")
    with connect(access) as connection:
        rows = connection.execute(
            "SELECT r, (pods.user_lookup(r)).username FROM unnest(ARRAY['postgres','replicator','monitor','pooler']) r"
        ).fetchall()
        assert rows == []
        assert connection.execute("SELECT username FROM pods.user_lookup('app')").fetchall() == [{"username": "app"}]
    with (
        pytest.raises(MachineError, match="no pg_hba"),
        connect(cluster.access("primary", secrets.APP, "postgres")),
    ):
        raise AssertionError("an application came to where verifiers are asked for")


def test_checksums_locale_and_wal_are_as_promised(cluster: Cluster) -> None:
    wanted = {
        "data_checksums": "on", "summarize_wal": "on", "password_encryption": "scram-sha-256",
        "ssl": "on", "fsync": "on", "full_page_writes": "on", "server_encoding": "UTF8",
    }  # fmt: skip
    for node in ("primary", "replica1"):
        rows = cluster.query(
            f"SELECT name, setting FROM pg_settings WHERE name IN ({','.join(map(repr, wanted))})", node
        )
        assert {row["name"]: row["setting"] for row in rows} == wanted
    rows = cluster.query("SELECT datlocprovider::text AS p, datlocale AS l FROM pg_database WHERE datname = 'appdb'")
    assert rows == [{"p": "b", "l": "C.UTF-8"}]
    kept = cluster.query("SELECT setting::int AS mb FROM pg_settings WHERE name = 'max_slot_wal_keep_size'")[0]["mb"]
    assert kept == 1024
