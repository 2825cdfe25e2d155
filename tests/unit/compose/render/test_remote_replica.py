"""A replica on another Docker host: what runs there, what stands for it here, who may come, and under which names."""

import subprocess
from dataclasses import replace
from pathlib import Path
from shutil import which
from typing import Any

import pytest

from cluster.config.docker_hosts import DockerHosts, Host
from cluster.config.settings import Settings
from cluster.endpoints import host_endpoint, network_endpoint
from cluster.errors import UsageError
from cluster.sizing import GB, Sizing
from cluster.topology import Topology, host_ports
from compose.home.certificate_names import faces_of
from compose.render.config_files import UserFiles, render_files
from compose.render.relay import relay_cfg
from compose.render.remote_replica import remote_project
from tests.fix_settings import CONCRETE, settings_of, topology_of
from tests.unit.compose.render.stack_samples import services_of, stack_of

HOSTS = DockerHosts(
    hosts=(
        Host(name="alpha", address="10.0.0.11"),
        Host(name="beta", address="10.0.0.12", ssh="deploy@beta", home="/srv/pods"),
    )
)
ALONE = settings_of()
SETTINGS = replace(ALONE, hosts=HOSTS)
BEFORE = topology_of(ALONE)
SMALL = Sizing(memory=2 * GB, disk=20 * GB, nodes=1)
TOPOLOGY = BEFORE.add("beta", host="beta", sizing=SMALL)
BETA = TOPOLOGY.node("beta")
PORT = host_ports(SETTINGS, TOPOLOGY)["beta"]


def _files(settings: Settings = SETTINGS, topology: Topology = TOPOLOGY) -> dict[str, str]:
    return render_files(settings, topology, CONCRETE, UserFiles(hba="# mine"))


def _parameter(name: str, node: str) -> str:
    lines = _files()[f"rendered/nodes/{node}/postgresql.conf"].splitlines()
    return next(line.split(" = ", 1)[1] for line in lines if line.startswith(f"{name} = "))


def test_no_service_here_changes_but_that_a_relay_is_there() -> None:
    before, now = services_of(SETTINGS, BEFORE), services_of(SETTINGS, TOPOLOGY)
    assert now.keys() - before.keys() == {"beta"}
    assert {name: now[name] for name in before} == before, "adding a host restarts nothing"


def test_the_relay_alone_has_a_way_out_and_listens_on_the_cluster_address_alone() -> None:
    relay = services_of(SETTINGS, TOPOLOGY)["beta"]
    assert relay["networks"] == ["hosts", "nodes"]
    assert [(port["host_ip"], port["published"]) for port in relay["ports"]] == [("10.0.0.11", str(PORT))]
    assert "secrets" not in relay
    assert relay["cap_drop"] == ["ALL"]
    assert relay["read_only"] is True
    networks = stack_of(SETTINGS, TOPOLOGY)["networks"]
    assert sorted(networks)[0] < "nodes", "the first by name is its way out"
    assert "hosts" not in stack_of(SETTINGS, BEFORE)["networks"]


def test_the_relay_leads_the_host_to_the_primary_and_all_of_this_cluster_to_the_node() -> None:
    text = relay_cfg(SETTINGS, TOPOLOGY, BETA)
    assert "use_backend primary if { src 10.0.0.12 }" in text
    assert "tcp-request connection reject unless { src 10.0.0.12 samenet }" in text
    assert "server primary primary:5432 " in text
    assert "server beta 10.0.0.12:5432" in text


def test_after_a_switchover_only_the_relay_leads_elsewhere() -> None:
    switched = replace(TOPOLOGY, primary="replica1")
    assert "server replica1 replica1:5432 " in relay_cfg(SETTINGS, switched, BETA)
    before, now = _files(), _files(topology=switched)
    there = [path for path in before if path.startswith("rendered/nodes/beta/")]
    assert there
    assert {path: now[path] for path in there} == {path: before[path] for path in there}, "nobody need reach the host"


@pytest.mark.skipif(not which("haproxy"), reason="there is no HAProxy here")
def test_haproxy_takes_the_relay_s_file(tmp_path: Path) -> None:
    path = tmp_path / "haproxy.cfg"
    path.write_text(relay_cfg(SETTINGS, TOPOLOGY, BETA).replace(" samenet", " 172.18.0.0/16"))
    checked = subprocess.run(["haproxy", "-c", "-f", str(path)], capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stderr


def test_the_replica_finds_the_primary_at_its_relay_by_a_name_that_every_certificate_has() -> None:
    conninfo = _parameter("primary_conninfo", "beta")
    assert f"host=haproxy port={PORT} " in conninfo
    assert "sslmode=verify-full" in conninfo
    service = remote_project(SETTINGS, TOPOLOGY, BETA, CONCRETE)["services"]["beta"]
    assert service["extra_hosts"] == ["haproxy:10.0.0.11"]
    faces = faces_of(SETTINGS, TOPOLOGY)
    assert all("haproxy" in faces[name] for name in TOPOLOGY.names)
    assert "host=primary port=5432 " in _parameter("primary_conninfo", "replica1")


def test_the_replica_s_certificate_is_good_for_its_name_and_its_address() -> None:
    assert {"beta", "10.0.0.12"} <= {*faces_of(SETTINGS, TOPOLOGY)["beta"]}
    assert host_endpoint(SETTINGS, TOPOLOGY, "beta") == ("10.0.0.12", 5432)
    assert network_endpoint("beta") == ("beta", 5432)


def test_what_runs_there_is_one_node_as_hardened_as_those_here_and_published_on_one_address() -> None:
    project = remote_project(SETTINGS, TOPOLOGY, BETA, CONCRETE)
    assert project["name"] == f"{TOPOLOGY.project}-beta"
    assert [*project["services"]] == ["beta"]
    assert {*project["secrets"]} == {"replication_password", "monitor_password"}
    there: Any = project["services"]["beta"]
    here = services_of(SETTINGS, TOPOLOGY)["replica1"]
    for key in ("image", "read_only", "cap_drop", "security_opt", "tmpfs", "stop_signal", "healthcheck", "init"):
        assert there[key] == here[key], key
    assert there["ports"] == [
        {"mode": "ingress", "host_ip": "10.0.0.12", "published": "5432", "target": 5432, "protocol": "tcp"}
    ]


def test_its_memory_is_that_of_its_host_and_its_limits_are_the_primary_s() -> None:
    assert _parameter("shared_buffers", "beta") == "384MB"
    assert _parameter("shared_buffers", "primary") != "384MB"
    for name in ("max_connections", "max_wal_senders", "max_replication_slots"):
        assert _parameter(name, "beta") == _parameter(name, "primary"), f"a standby must not have less: {name}"


def test_there_services_of_this_machine_come_in_and_no_superuser_does() -> None:
    text = _files()["rendered/nodes/beta/pg_hba.conf"]
    rows = [line.split("#")[0].split() for line in text.splitlines() if line.startswith("host")]
    accepted = [row for row in rows if row[4] != "reject"]
    roles = [row for row in accepted if row[2] != "all"]
    assert {row[3] for row in roles} == {"10.0.0.11/32"}
    assert {row[3] for row in accepted} == {"10.0.0.11/32", *SETTINGS.clients}
    assert all(row[0] == "hostssl" for row in accepted)
    for role in ("postgres", "replicator", "archiver", "monitor", "pooler"):
        first = next(row for row in rows if role in row[2].split(",") or row[2] == "all")
        assert (first[4] == "reject") is (role == "postgres"), role


def test_a_host_that_does_not_say_where_it_is_reached_has_no_replicas_elsewhere() -> None:
    nowhere = replace(SETTINGS, hosts=DockerHosts(hosts=HOSTS.hosts[1:]))
    with pytest.raises(UsageError, match="by which address other hosts reach this machine"):
        _files(settings=nowhere)


def test_where_patroni_decides_there_are_no_relays() -> None:
    patroni = replace(TOPOLOGY, engine="patroni")
    assert "beta" not in services_of(SETTINGS, patroni)
    assert not any("relays" in path for path in _files(topology=patroni))
