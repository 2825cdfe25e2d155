"""Nobody gets in: secrets, rights, walls."""

import json
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import psycopg
import pytest
import yaml

from cluster.errors import MachineError
from cluster.postgres.connection import connect
from compose.home import passwords
from compose.render.seccomp import WITHOUT_IO_URING
from tests.fix_stack import Cluster


def _rendered(cluster: Cluster) -> dict[str, dict[str, Any]]:
    """Every service of the stack as it was rendered; one that comes tomorrow is among them."""
    found: dict[str, dict[str, Any]] = yaml.safe_load(cluster.home.compose_file.read_text())["services"]
    return found


def _lasting(cluster: Cluster) -> list[str]:
    """Those that run all the time; the others are a tool's, and start as they are rendered."""
    return [name for name, service in _rendered(cluster).items() if "profiles" not in service]


def _inspected(cluster: Cluster, service: str) -> dict[str, Any]:
    raw: dict[str, Any] = json.loads(cluster.docker("inspect", cluster.container(service)))[0]
    return raw


def _passwords(cluster: Cluster) -> list[str]:
    return list(cluster.stack.passwords.by_name.values())


def test_no_password_in_inspect_logs_processes_or_images(cluster: Cluster) -> None:
    said = [cluster.docker("inspect", cluster.container(service)) for service in _lasting(cluster)]
    said += [cluster.compose("logs"), (cluster.home.path / "compose.yaml").read_text()]
    said += [path.read_text() for path in cluster.home.rendered.rglob("*") if path.is_file()]
    for process in Path("/proc").glob("[0-9]*"):
        for file in ("cmdline", "environ"):
            try:
                said.append((process / file).read_bytes().replace(b"\0", b" ").decode(errors="replace"))
            except OSError:
                continue
    for service in _lasting(cluster):
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


def test_no_service_has_rights_beyond_its_work(cluster: Cluster) -> None:
    for service in _lasting(cluster):
        raw = _inspected(cluster, service)
        host = raw["HostConfig"]
        assert raw["Config"]["User"] not in ("", "root", "0", "0:0"), service
        assert host["CapDrop"] == ["ALL"], service
        assert not host["CapAdd"], service
        assert not host["Privileged"], service
        assert host["ReadonlyRootfs"], service
        assert any(option.startswith("no-new-privileges") for option in host["SecurityOpt"]), service
        assert host["RestartPolicy"]["Name"] == "unless-stopped", service
        assert host["LogConfig"]["Config"]["max-size"], service
        addresses = {b["HostIp"] for bindings in (host["PortBindings"] or {}).values() for b in bindings}
        assert addresses <= {"127.0.0.1"}, service
        status = cluster.docker("exec", cluster.container(service), "cat", "/proc/1/status")
        seen = {line.split(":")[0]: line.split()[1] for line in status.splitlines() if len(line.split()) > 1}
        assert (int(seen["CapEff"], 16), int(seen["CapBnd"], 16)) == (0, 0), service
        assert (seen["NoNewPrivs"], seen["Seccomp"]) == ("1", "2"), service


def test_every_service_has_an_end_of_what_it_may_take(cluster: Cluster) -> None:
    nodes = set(cluster.stack.topology.names)
    for service in _lasting(cluster):
        host = _inspected(cluster, service)["HostConfig"]
        assert host["PidsLimit"] > 0, service
        assert (host["Memory"] == 0) == (service in nodes), service
        assert all("size=" in options for options in host["Tmpfs"].values()), service
        assert host["OomScoreAdj"] >= (0 if service in {*nodes, "pgbouncer", "haproxy"} else 600), service


def test_a_service_writes_to_its_own_data_alone_and_none_but_the_gate_has_the_engine_s_socket(cluster: Cluster) -> None:
    for service in _lasting(cluster):
        raw = _inspected(cluster, service)
        binds = [mount for mount in raw["Mounts"] if mount["Type"] == "bind"]
        assert any("docker.sock" in mount["Source"] for mount in binds) == (service == "gate")
        for mount in binds:
            inside = Path(mount["Source"]).is_relative_to(cluster.home.data)
            assert inside or not mount["RW"], (service, mount["Source"])
        named = [text.split("=")[0] for text in raw["Config"]["Env"]]
        assert not [name for name in named if name.endswith(("PASSWORD", "SECRET", "KEY"))], service
        checks = json.dumps(raw["State"]["Health"]["Log"])
        assert "receiver" not in checks, f"{service}: a health check that says what is configured"


def test_a_tool_s_service_is_rendered_as_closed_as_the_others(cluster: Cluster) -> None:
    for name, service in _rendered(cluster).items():
        assert service["cap_drop"] == ["ALL"], name
        assert service["read_only"], name
        assert "no-new-privileges:true" in service["security_opt"], name
        assert service["pids_limit"] > 0, name
        assert not {"privileged", "cap_add", "devices", "pid", "ipc"} & service.keys(), name


def test_where_memory_runs_out_replicas_go_before_the_primary(cluster: Cluster) -> None:
    for node in cluster.status()["nodes"]:
        scores = cluster.docker("exec", cluster.container(node["name"]), "sh", "-c", SCORES).split()
        assert set(scores) == {"0" if node["role"] == "primary" else "300"}, node["name"]


SCORES = 'for p in /proc/[0-9]*; do [ "$(cat $p/comm)" != postgres ] || cat $p/oom_score_adj; done 2>/dev/null; true'
WATCH = {"exporter", "health", "prometheus", "alertmanager"}
SERVING = {"node", "pgbouncer", "haproxy"}
REACHED = {
    "node": SERVING,
    "pgbouncer": SERVING,
    "haproxy": SERVING,
    "exporter": {*SERVING, *WATCH},
    "health": {*SERVING, *WATCH},
    "backup": SERVING,
    "prometheus": WATCH,
    "alertmanager": WATCH,
    "gate": set[str](),
    "sandbox": set[str](),
}
"""What a service's networks let it knock at; who watches shares one, where each has a password of its own."""
PORTS = {
    **{"node": 5432, "pgbouncer": 6432, "haproxy": 5432},
    **{"exporter": 9187, "health": 8080, "prometheus": 9090, "alertmanager": 9093},
}
KNOCK = """
for door in "$@"; do
    (timeout 2 bash -c "exec 3<> /dev/tcp/${door%:*}/${door#*:}" 2> /dev/null && echo "$door") &
done
wait
"""


def _doors(cluster: Cluster) -> dict[str, tuple[str, str]]:
    """Every address of every service, in each network, with its port: whose it is, and of what kind that is."""
    found = {}
    for service in _lasting(cluster):
        kind = "node" if service in cluster.stack.topology.names else service
        for network in _inspected(cluster, service)["NetworkSettings"]["Networks"].values():
            if network["IPAddress"] and kind in PORTS:
                found[f"{network['IPAddress']}:{PORTS[kind]}"] = (service, kind)
    return found


def test_from_each_container_only_what_it_needs_is_reached(cluster: Cluster) -> None:
    doors = _doors(cluster)
    for service in _lasting(cluster):
        kind = "node" if service in cluster.stack.topology.names else service
        others = [door for door, (owner, _) in doors.items() if owner != service]
        opened = cluster.docker("exec", cluster.container(service), "bash", "-c", KNOCK, "bash", *others).split()
        assert {doors[door][1] for door in opened} == REACHED[kind] - ({kind} - {"node"}), service


def test_only_who_sends_somewhere_has_a_way_out(cluster: Cluster) -> None:
    project, leads = cluster.stack.topology.project, []
    for name in yaml.safe_load(cluster.home.compose_file.read_text())["networks"]:
        made = json.loads(cluster.docker("network", "inspect", f"{project}_{name}"))[0]
        if made["Options"].get("com.docker.network.bridge.enable_ip_masquerade", "true") == "true":
            leads.append(name)
    assert leads == ["egress"]
    for service in _lasting(cluster):
        if service not in ("gate", "sandbox", "alertmanager"):
            assert "egress" not in _rendered(cluster)[service]["networks"], service
            asked = ["exec", cluster.container(service), "bash", "-c", "getent hosts debian.org || echo nobody"]
            assert cluster.docker(*asked).split() == ["nobody"], service


def test_io_uring_runs_under_a_profile_that_still_blocks_the_dangerous_calls(cluster: Cluster) -> None:
    for node in cluster.status()["nodes"]:
        started = cluster.docker("inspect", "--format", "{{.State.StartedAt}}", cluster.container(node["name"])).strip()
        since = cluster.compose(
            "logs", f"--since={started}", node["name"]
        )  # before, the machine may have had too little
        warned = "io_method is worker instead of io_uring" in since
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
        "WHERE a.client_addr IS NOT NULL AND a.state IS DISTINCT FROM 'starting'"  # TLS comes first, then the login
    )
    assert {row["application_name"] for row in rows if row["usename"] == "replicator"} == {"replica1", "replica2"}
    assert all(row["ssl"] for row in rows)
    assert "sslmode=verify-full" in cluster.query("SHOW primary_conninfo", "replica1")[0]["primary_conninfo"]


def test_no_line_trusts_anybody(cluster: Cluster) -> None:
    rows = cluster.query("SELECT auth_method, error FROM pg_hba_file_rules")
    assert {row["auth_method"] for row in rows} == {"scram-sha-256", "reject"}
    assert all(row["error"] is None for row in rows)


@pytest.mark.parametrize("secret", [passwords.SUPERUSER, passwords.REPLICATION, passwords.AUTH_QUERY])
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
    access = replace(cluster.access("primary", passwords.MONITOR, "appdb"))
    with connect(access) as connection:
        assert connection.execute("SELECT count(*) AS n FROM pg_stat_activity").fetchone()
        with pytest.raises(psycopg.Error):
            connection.execute("SET default_transaction_read_only = off; CREATE TABLE public.never (n int)")


def test_the_lookup_gives_no_verifier_of_the_clusters_roles(cluster: Cluster) -> None:
    access = cluster.access("primary", passwords.AUTH_QUERY, "postgres")
    with connect(access) as connection:
        rows = connection.execute(
            "SELECT r, (pods.user_lookup(r)).username FROM unnest(ARRAY['postgres','replicator','monitor','pooler']) r"
        ).fetchall()
        assert rows == []
        assert connection.execute("SELECT username FROM pods.user_lookup('app')").fetchall() == [{"username": "app"}]
    with (
        pytest.raises(MachineError, match="no pg_hba"),
        connect(cluster.access("primary", passwords.APP, "postgres")),
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
