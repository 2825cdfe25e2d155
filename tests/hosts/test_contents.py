"""What a host has of the cluster after the move, and what it must not have: files, environment, ports, rights."""

import base64
import http.client
import json
import ssl
from typing import Any

import pytest

from compose.home import passwords
from compose.home.hosts_secrets import ETCD_ROOT
from tests.hosts.bed import LOCAL
from tests.hosts.fix_bed import HostsCluster
from tests.hosts.host import HOME, Host
from tests.hosts.journey import moved

pytestmark = pytest.mark.hosts
_PORTS = {"5432", "6432", "8008", "2379", "2380"}
_NEVER = ("superuser_password", "app_password", "etcd_root_password", "archive_password", "backup_key")
"""Secrets of the control machine alone."""


@pytest.fixture(scope="module")
def cluster(moving: HostsCluster) -> HostsCluster:
    """The cluster on its hosts."""
    moved(moving)
    return moving


@pytest.fixture(params=["alpha", "beta", "gamma"])
def host(request: pytest.FixtureRequest, cluster: HostsCluster) -> Host:
    """Each of them."""
    return cluster.bed[str(request.param)]


def inspected(host: Host) -> list[dict[str, Any]]:
    """`docker inspect` of every container there."""
    found: list[dict[str, Any]] = json.loads(host.engine("inspect", *host.engine("ps", "--all", "--quiet").split()))
    assert len(found) == 4, [each["Name"] for each in found]  # etcd, node, PgBouncer, guide
    return found


def test_no_file_has_what_only_the_control_machine_may_have(cluster: HostsCluster, host: Host) -> None:
    """Neither an authority's key nor the superuser's password, under whatever name: contents are searched too."""
    secrets = cluster.home.path / "secrets"
    keys = [*secrets.rglob("ca.key"), *secrets.rglob("*-ca.key")]
    assert len(keys) == 2, keys
    for key in keys:
        lines = key.read_text().splitlines()
        assert found(host, max(lines, key=len)) == "", f"{key.name} is on {host.name}"
    for name in _NEVER:
        path = secrets / name
        if path.exists() and name != "app_password":
            assert found(host, path.read_text().strip()) == "", f"{name} is on {host.name}"
        assert host.sh(f"find {HOME} -name {name}") == ""


def found(host: Host, text: str) -> str:
    """Files of the host's home with the text in them."""
    return host.run("grep", "-rlF", "--", text, HOME, check=False)


def test_a_host_has_its_own_secrets_alone(cluster: HostsCluster, host: Host) -> None:
    """No other host's key; what there is, only uid 999 and root may read."""
    others = [name for name in (*cluster.bed.hosts, LOCAL) if name != host.name]
    for key in (cluster.home.path / "secrets").rglob("*.key"):
        if any(name in (key.parent.name, key.parent.name.removeprefix("pgbouncer-")) for name in others):
            body = key.read_text().splitlines()[1]
            assert found(host, body) == "", f"{key} is on {host.name}"
    modes = host.sh(f"find {HOME}/secrets -type f -printf '%m %U\\n' | sort -u").splitlines()
    assert modes == ["600 999"]
    assert host.sh(f"stat -c '%a %u' {HOME}/secrets").split() == ["700", "0"]
    open_files = f"find {HOME} -path {HOME}/data -prune -o -type f -perm /022 -print"
    assert host.sh(open_files) == ""


def test_containers_have_neither_root_nor_rights(host: Host) -> None:
    """As on one host: no capability, no new privileges, nothing of the engine, their own files read-only."""
    for each in inspected(host):
        name, made = each["Name"], each["HostConfig"]
        assert each["Config"]["User"] == "999:999", name
        assert made["CapDrop"] == ["ALL"], name
        assert not made["CapAdd"], name
        assert not made["Privileged"], name
        assert made["ReadonlyRootfs"], name
        assert any(option.startswith("no-new-privileges") for option in made["SecurityOpt"]), name
        assert (made["PidMode"], made["UsernsMode"], made["Devices"] or []) == ("", "", []), name
        assert made["NetworkMode"] not in ("host", "bridge"), name
        assert made["PidsLimit"], name
        assert made["Memory"] or each["Config"]["Labels"]["com.docker.compose.service"] == host.name, name
        sources = [mount["Source"] for mount in each["Mounts"] if mount["Type"] == "bind"]
        assert all(source.startswith(f"{HOME}/") for source in sources), sources


def test_nobody_reads_a_secret_in_what_docker_shows(cluster: HostsCluster, host: Host) -> None:
    """Neither environment nor arguments, neither labels nor the log."""
    secrets = cluster.home.path / "secrets"
    values = {path.name: path.read_text().strip() for path in secrets.glob("*_password")}
    assert passwords.password_file(cluster.home, ETCD_ROOT).name in values
    for each in inspected(host):
        shown = json.dumps(each) + host.run("sh", "-c", f"docker logs {each['Id']} 2>&1")
        leaked = [name for name, value in values.items() if value in shown or _encoded(value) in shown]
        assert leaked == [], each["Name"]


def _encoded(value: str) -> str:
    return base64.b64encode(value.encode()).decode()


def test_the_server_s_environment_has_no_password(host: Host) -> None:
    """Patroni takes those out that it was started with; whoever reads the server's finds none."""
    pids = host.pids(host.name, "postgres")
    assert pids
    for pid in pids:
        environment = host.sh(f"tr '\\0' '\\n' < /proc/{pid}/environ || :")
        assert "PASSWORD" not in environment, environment


def test_ports_are_open_on_the_cluster_address_alone(cluster: HostsCluster, host: Host) -> None:
    published = {
        (binding["HostIp"], binding["HostPort"])
        for each in inspected(host)
        for bindings in (each["NetworkSettings"]["Ports"] or {}).values()
        for binding in bindings or []
    }
    assert published == {(cluster.bed.address(host.name), port) for port in _PORTS}


def test_who_has_no_certificate_gets_nothing_from_etcd_and_orders_no_agent(host: Host) -> None:
    """From a machine of the network: etcd ends the handshake, Patroni shows its state and takes no order."""
    for port in (2379, 2380):
        with pytest.raises((ssl.SSLError, ConnectionError, http.client.RemoteDisconnected)):
            answered(host, port, "GET", "/version")
    assert answered(host, 8008, "GET", "/patroni") == 200
    assert answered(host, 8008, "POST", "/restart") in (401, 403)
    assert answered(host, 8008, "PATCH", "/config") in (401, 403)


def answered(host: Host, port: int, method: str, path: str) -> int:
    """What who has no key of ours is answered."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    connection = http.client.HTTPSConnection(host.address, port, timeout=10, context=context)
    try:
        connection.request(method, path, "{}")
        return connection.getresponse().status
    finally:
        connection.close()
