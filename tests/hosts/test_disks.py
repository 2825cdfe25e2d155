"""Disks that are full or slow, of a server and of a vote: nothing acknowledged is lost, and a line says what it is.

A small disk is a file system in memory; a slow one is the machine's, of which one container's writes are throttled.
"""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from cluster.waiting import comes_true
from compose.home.hosts_secrets import ETCD_ROOT, hosts_password
from tests.fix_wait import eventually
from tests.hosts.docker_command import docker
from tests.hosts.fix_bed import HostsCluster
from tests.hosts.host import HOME, Host
from tests.hosts.journey import FAILOVER_SECONDS, healthy, leader_of, steady, timed, under_load, voter_of

pytestmark = pytest.mark.hosts
BLKIO = Path("/sys/fs/cgroup/blkio")
SLOW = 20
"""Writes a second: a commit takes a quarter of a second, and a checkpoint for ever."""


MUCH_WAL = "SELECT count(pg_logical_emit_message(false, 'pods', repeat('x', 1 << 20))) FROM generate_series(1, 600)"
"""More than there are segments of before: a server writes over those first, and needs no room for it."""


@pytest.fixture
def cluster(moving: HostsCluster) -> Iterator[HostsCluster]:
    """The cluster on its hosts, healthy before and after."""
    with steady(moving):
        yield moving


@contextmanager
def small_disk(cluster: HostsCluster, host: Host, service: str, megabytes: int) -> Iterator[str]:
    """The data of a service on a file system of its own of this size: its directory, while the body runs."""
    container, directory = host.container(service), f"{HOME}/data/{service}"
    size = f"size={megabytes}m,mode=0700,uid=999,gid=999"
    host.sh(
        f"docker stop -t 60 {container}; mv {directory} {directory}.kept; mkdir {directory}; "
        f"mount -t tmpfs -o {size} pods-test {directory}; cp -a {directory}.kept/. {directory}; "
        f"docker start {container}"
    )
    eventually(lambda: healthy(cluster), FAILOVER_SECONDS, "healthy on the small disk", pause=2)
    try:
        yield directory
    finally:
        host.sh(
            f"docker stop -t 60 {container}; rm -f {directory}/ballast; rm -rf {directory}.kept; "
            f"cp -a {directory} {directory}.kept; umount {directory}; rmdir {directory}; "
            f"mv {directory}.kept {directory}; docker start {container}"
        )


def _replica(cluster: HostsCluster) -> Host:
    leader = leader_of(cluster)
    return next(host for name, host in cluster.bed.hosts.items() if name != leader)


def _said(cluster: HostsCluster) -> str:
    """What `inv status` has against the cluster."""
    text = cluster.inv("status").out
    return text[text.find("✗") :] if "✗" in text else ""


def test_the_leader_s_disk_is_full(cluster: HostsCluster) -> None:
    """Another leads. What Patroni rewinds on a full disk may be left half done: then the member is cloned anew."""
    host = _replica(cluster)
    with small_disk(cluster, host, host.name, 2000) as directory:
        cluster.inv.ok("switchover", "--to", host.name)
        with under_load(cluster) as ledger:
            ballast = host.fill(directory)
            cluster.inv("psql", "--superuser", "--node", host.name, "--command", MUCH_WAL)
            with timed("until the cluster did something about the full disk"):
                eventually(lambda: _said(cluster) != "", FAILOVER_SECONDS, "the status says something", pause=1)
                print(_said(cluster))
                eventually(lambda: leader_of(cluster) != host.name, FAILOVER_SECONDS, "another leads", pause=1)
            ledger.wait_for(50, FAILOVER_SECONDS)
            print(_said(cluster))
            host.sh(f"rm {ballast}")
            if not comes_true(lambda: healthy(cluster), timeout=60, pause=2):
                print(_said(cluster))
                with timed("replica.reclone, since the rewind was half done"):
                    cluster.inv.ok("replica.reclone", host.name, timeout=600)


def test_a_replica_s_disk_is_full(cluster: HostsCluster) -> None:
    """Commits go on with the other one."""
    host, leader = _replica(cluster), leader_of(cluster)
    with small_disk(cluster, host, host.name, 2000) as directory, under_load(cluster) as ledger:
        ballast = host.fill(directory)
        cluster.inv.ok("psql", "--superuser", "--node", leader, "--command", MUCH_WAL)
        ledger.wait_for(20, FAILOVER_SECONDS)
        eventually(lambda: _said(cluster) != "", FAILOVER_SECONDS, "the status says something", pause=1)
        print(_said(cluster))
        assert leader_of(cluster) == leader
        host.sh(f"rm {ballast}")


@contextmanager
def much_in_etcd(cluster: HostsCluster, host: Host) -> Iterator[None]:
    """A hundred megabytes, as Patroni writes in months: until etcd's room is used up it needs none of the disk."""
    container = host.container("etcd")
    password = f"{hosts_password(cluster.home, ETCD_ROOT)}\n".encode()
    put = '{ echo "$P"; head -c 1000000 /dev/zero | tr "\\0" x; } | pods-etcd ctl put /ballast > /dev/null || sleep 1'
    host.engine(
        "exec",
        "-i",
        container,
        "bash",
        "-c",
        f"read -r P; for i in {{1..100}}; do {put}; done",
        stdin=password,
    )
    yield
    host.engine("exec", "-i", container, "pods-etcd", "ctl", "del", "/ballast", stdin=password)


@pytest.mark.parametrize("which", ["of the leader of etcd", "of another"])
def test_a_vote_s_disk_is_full(cluster: HostsCluster, which: str) -> None:
    """A vote is lost and said; who leads goes on, and the vote is back when there is room."""
    leads = voter_of(cluster)
    name = leads if which == "of the leader of etcd" else next(each for each in cluster.bed.hosts if each != leads)
    host = cluster.bed[name]
    other = next(each for each in cluster.bed.hosts.values() if each != host)
    with small_disk(cluster, host, "etcd", 1000) as directory, under_load(cluster) as ledger:
        ballast = host.fill(directory)
        with much_in_etcd(cluster, other):
            eventually(lambda: "a vote is lost" in _said(cluster), 120, "the status says that a vote is lost", pause=1)
            print(_said(cluster))
            ledger.wait_for(50, FAILOVER_SECONDS)
        host.sh(f"rm {ballast}")


@contextmanager
def slow_disk(host: Host, service: str, writes: int) -> Iterator[None]:
    """So many writes a second for a service's container; what it reads is not slowed."""
    container = host.engine("inspect", "--format", "{{.Id}}", host.container(service)).strip()
    found = list(BLKIO.glob(f"**/*{container}*/blkio.throttle.write_iops_device"))
    if not found:
        pytest.skip("this kernel has no throttle for writes of one container (cgroup v1)")
    root = docker("info", "--format", "{{.DockerRootDir}}").strip()
    device = subprocess.run(["findmnt", "-no", "MAJ:MIN", "-T", root], capture_output=True, text=True, check=True)
    for path in found:
        path.write_text(f"{device.stdout.strip()} {writes}")
    try:
        yield
    finally:
        for path in found:
            path.write_text(f"{device.stdout.strip()} 0")


def test_the_leader_s_disk_is_slow(cluster: HostsCluster) -> None:
    """Commits are slow; nobody is demoted for that."""
    leader = leader_of(cluster)
    with under_load(cluster) as ledger, slow_disk(cluster.bed[leader], leader, SLOW):
        with timed("100 commits on the slow disk"):
            ledger.wait_for(100, FAILOVER_SECONDS)
        print(_said(cluster))
        assert leader_of(cluster) == leader


def test_the_disk_of_the_vote_that_leads_is_slow(cluster: HostsCluster) -> None:
    """Leases are renewed late, or another vote leads; nothing acknowledged is lost whoever leads in the end."""
    leads = voter_of(cluster)
    leader = leader_of(cluster)
    with under_load(cluster) as ledger, slow_disk(cluster.bed[leads], "etcd", SLOW):
        ledger.wait_for(300, FAILOVER_SECONDS)
        print(_said(cluster))
        print(f"who leads: {leader} before, {leader_of(cluster)} after")
