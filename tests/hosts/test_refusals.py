"""Wrong use of hosts: one line that says what and which, and nothing half done."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from compose.home.paths import Home
from tests.fix_inv import Inv, Result
from tests.fix_stack import Cluster, purge
from tests.fix_wait import eventually
from tests.hosts.bed import LOCAL, USER, Bed
from tests.hosts.fix_bed import HostsCluster, hosts_cluster
from tests.hosts.host import HOME

pytestmark = pytest.mark.hosts
WITHOUT_VOTE = ("node", "pooler")


@pytest.fixture(scope="module")
def wrong(tmp_path_factory: pytest.TempPathFactory, bed: Bed, built: None) -> Iterator[HostsCluster]:
    """A cluster that runs, beside hosts of which none is added."""
    made = hosts_cluster(tmp_path_factory.mktemp("wrong"), bed)
    made.inv.ok("up", timeout=900)
    yield made
    purge(made.inv)


@pytest.fixture
def cluster(wrong: HostsCluster) -> Iterator[HostsCluster]:
    """The same, with all hosts in its file; afterwards no host has anything of it, and it is healthy."""
    wrong.bed.write_hosts(wrong.home.path)
    yield wrong
    wrong.bed.write_hosts(wrong.home.path)
    for host in wrong.bed.hosts.values():
        assert host.sh(f"ls -A {HOME}") == "", f"left on {host.name}"
    wrong.check_healthy()


def _refused(result: Result, *words: str) -> None:
    assert result.code not in (0, 70), result
    assert "Traceback" not in result.err, result
    # a step that failed is shown with the time it took, before the line that says why
    complaints = [line for line in result.err.splitlines() if line.startswith("✗") and not line.endswith(" s)")]
    assert len(complaints) == 1, result
    for word in words:
        assert word in result.err, f"{word!r} is missing in: {result.err}"


def test_two_votes(cluster: HostsCluster) -> None:
    cluster.bed.write_hosts(cluster.home.path, gamma=WITHOUT_VOTE)
    _refused(cluster.inv("hosts.check"), "2 hosts have the role etcd")


def test_an_even_number_of_votes(cluster: HostsCluster) -> None:
    cluster.bed.write_hosts(cluster.home.path, *cluster.bed.hosts, LOCAL)
    _refused(cluster.inv("hosts.check"), "4 hosts have the role etcd")


def test_hosts_with_one_address(cluster: HostsCluster) -> None:
    path = cluster.bed.write_hosts(cluster.home.path)
    address = cluster.bed.address
    path.write_text(path.read_text().replace(f'address = "{address("beta")}"', f'address = "{address("alpha")}"'))
    _refused(cluster.inv("hosts.check"), "alpha and beta have one address")
    _refused(cluster.inv("status"), "alpha and beta have one address")


def test_an_address_that_is_not_the_host_s(cluster: HostsCluster) -> None:
    path = cluster.bed.write_hosts(cluster.home.path)
    other = cluster.bed.address("beta").rpartition(".")[0] + ".99"
    path.write_text(path.read_text().replace(f'address = "{cluster.bed.address("beta")}"', f'address = "{other}"'))
    _refused(cluster.inv("hosts.check"), "host beta", f"{other} is on none of its interfaces")


def test_foreign_data(cluster: HostsCluster) -> None:
    beta = cluster.bed["beta"]
    beta.sh(f"mkdir -p {HOME}/data/beta && echo 18 > {HOME}/data/beta/PG_VERSION")
    try:
        before = beta.sh(f"find {HOME} -type f | xargs sha256sum")
        _refused(cluster.inv("hosts.add", "beta", "--yes"), "beta")
        assert beta.sh(f"find {HOME} -type f | xargs sha256sum") == before
    finally:
        beta.sh(f"rm -rf {HOME}/data")


def test_a_port_that_another_program_has(cluster: HostsCluster) -> None:
    beta = cluster.bed["beta"]
    image = beta.engine("images", "--format", "{{.Repository}}:{{.Tag}}").split()[0]
    stranger = beta.engine("run", "--detach", "--publish=0.0.0.0:5432:5432", "--entrypoint=sleep", image, "1000")
    try:
        _refused(cluster.inv("hosts.add", "beta", "--yes"), "host beta", "port 5432")
    finally:
        beta.engine("rm", "--force", stranger)


def test_a_port_of_ours_that_is_open_to_others(cluster: HostsCluster) -> None:
    """A container of the host's own project, which somebody made by hand on all addresses."""
    beta = cluster.bed["beta"]
    image = beta.engine("images", "--format", "{{.Repository}}:{{.Tag}}").split()[0]
    project = f"{cluster.status()['project']}-beta"
    labels = [f"--label=com.docker.compose.{key}={value}" for key, value in (("project", project), ("service", "beta"))]
    opened = beta.engine("run", "--detach", "--publish=5432:5432", *labels, "--entrypoint=sleep", image, "1000")
    try:
        _refused(cluster.inv("hosts.check"), "host beta", "port 5432 is open on 0.0.0.0")
    finally:
        beta.engine("rm", "--force", opened)


def test_ssh_that_refuses_to_forward(cluster: HostsCluster) -> None:
    beta = cluster.bed["beta"]
    beta.sshd("DisableForwarding yes")
    try:
        for task in (("hosts.check",), ("hosts.add", "beta", "--yes")):
            _refused(cluster.inv(*task), "beta", "forward")
    finally:
        beta.sshd()


def test_a_user_who_may_not_use_the_engine(cluster: HostsCluster) -> None:
    beta = cluster.bed["beta"]
    beta.sh("chgrp root /var/run/docker.sock")
    try:
        _refused(cluster.inv("hosts.add", "beta", "--yes"), "beta")
    finally:
        beta.sh("chgrp docker /var/run/docker.sock")


def test_a_host_that_is_off(cluster: HostsCluster) -> None:
    gamma = cluster.bed["gamma"]
    gamma.stop()
    try:
        _refused(cluster.inv("hosts.add", "gamma", "--yes"), "gamma")
    finally:
        gamma.start()


def test_a_host_that_vanishes_while_it_is_added(cluster: HostsCluster) -> None:
    """It loses its power while it gets images. Nothing is written down; the next try makes it ready, and undoes it."""
    alpha = cluster.bed["alpha"]
    adding = cluster.inv.start("hosts.add", "alpha", "--yes")
    loading = "find /var/lib/docker/tmp /var/lib/docker/overlay2 -mindepth 1 -maxdepth 1 | grep -v /l$"
    eventually(lambda: alpha.sh(f"{loading} || :") or adding.poll() is not None, 120, "images arrive")
    assert adding.poll() is None
    alpha.kill()
    assert adding.wait(120) not in (0, 70)
    assert "alpha" not in _records(cluster.home)
    alpha.start()
    cluster.inv.ok("hosts.add", "alpha", "--yes", timeout=600)
    assert "alpha" in _records(cluster.home)
    cluster.inv.ok("hosts.remove", "alpha", "--purge", "--yes")
    assert "alpha" not in _records(cluster.home)


def _records(home: Home) -> str:
    path = home.path / "data" / "hosts.json"
    return path.read_text() if path.exists() else ""


def test_two_control_machines(cluster: HostsCluster, tmp_path: Path) -> None:
    """A copy of the home, as somebody makes who sets up a second administrator's machine."""
    cluster.inv.ok("hosts.add", "beta", "--yes", timeout=600)
    try:
        second = tmp_path / "second"
        ignored = shutil.ignore_patterns("primary", "replica*")
        shutil.copytree(cluster.home.path, second, symlinks=True, ignore=ignored)
        for task in (("hosts.add", "beta", "--yes"), ("hosts.sync",), ("hosts.remove", "beta", "--yes")):
            _refused(Inv(second, cluster.bed.environment)(*task))
        cluster.inv.ok("hosts.sync")
    finally:
        cluster.inv.ok("hosts.remove", "beta", "--purge", "--yes")


def test_another_key_than_the_one_that_was_pinned(cluster: HostsCluster) -> None:
    beta = cluster.bed["beta"]
    cluster.inv.ok("hosts.add", "beta", "--yes", timeout=600)
    try:
        beta.sh("mkdir -p /root/kept && mv /etc/ssh/ssh_host_* /root/kept/ && ssh-keygen -A && pkill -HUP -o -x sshd")
        _refused(cluster.inv("hosts.sync"), "beta")
        _refused(cluster.inv("hosts.add", "beta", "--yes"), "beta", "--new-key")
    finally:
        beta.sh("rm /etc/ssh/ssh_host_* && mv /root/kept/* /etc/ssh/ && pkill -HUP -o -x sshd")
        cluster.inv.ok("hosts.remove", "beta", "--purge", "--yes")


def test_no_secret_of_the_control_machine_is_on_a_host(cluster: HostsCluster) -> None:
    """What authorities sign with stays here, also while a host is the cluster's."""
    beta = cluster.bed["beta"]
    cluster.inv.ok("hosts.add", "beta", "--yes", timeout=600)
    try:
        assert "ca.key" not in beta.sh(f"find {HOME}")
        assert USER in beta.sh("getent group docker")
    finally:
        cluster.inv.ok("hosts.remove", "beta", "--purge", "--yes")


def test_the_cluster_itself_was_never_touched(cluster: HostsCluster) -> None:
    status = Cluster(cluster.inv).status()
    assert status["reasons"] == []
