"""Data directories that are not what they were, and a control machine that is another: nothing is taken in silently.

An old copy, another cluster's data, an empty directory: the cluster keeps what was acknowledged, `inv status` says in
one line what is wrong with the member, and `inv replica.reclone` mends it. Times are printed and not asserted.
"""

import shutil
import subprocess
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from cluster.config.env_file import load_settings
from cluster.waiting import comes_true
from compose.operations.hosts.fleet import Fleet
from compose.stack import open_stack
from tests.fix_inv import Inv, Result
from tests.fix_wait import eventually
from tests.hosts.bed import LOCAL, USER, Bed
from tests.hosts.docker_command import docker
from tests.hosts.fix_bed import HostsCluster, one_that_moves, three_hosts
from tests.hosts.host import HOME, Host
from tests.hosts.journey import FAILOVER_SECONDS, healthy, leader_of, steady, timed, under_load

pytestmark = pytest.mark.hosts
LONG_LEASE = 60
"""Seconds: the container of a leader is back before it ends, on any machine."""
USUAL_LEASE = 20


COPIED = (".env", "config", "secrets", "data/topology.json", "data/hosts.json")
"""What docs/how-to/hosts.md has one keep of a control machine."""


@pytest.fixture(scope="module")
def rebuilt(tmp_path_factory: pytest.TempPathFactory, built: None) -> Iterator[HostsCluster]:
    """A cluster on a bed of its own: its control machine is lost in the end."""
    home = tmp_path_factory.mktemp("first")
    with three_hosts() as bed, one_that_moves(home, bed):
        made = HostsCluster(Inv(home, bed.environment), bed)
        yield made
        if made.inv.home != home:
            shutil.rmtree(home, ignore_errors=True)
            made.inv.home.rename(home)


@pytest.fixture
def cluster(rebuilt: HostsCluster) -> Iterator[HostsCluster]:
    """The cluster on its hosts, healthy before and after."""
    with steady(rebuilt):
        yield rebuilt


def _data(host: Host) -> str:
    return f"{HOME}/data/{host.name}"


def _replica(cluster: HostsCluster) -> Host:
    leader = leader_of(cluster)
    return next(host for name, host in cluster.bed.hosts.items() if name != leader)


@pytest.fixture
def long_lease(cluster: HostsCluster, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A lease that outlives the restart of a container."""
    for name, value in cluster.inv.environ.items():
        monkeypatch.setenv(name, value)
    fleet = Fleet(open_stack(), {})
    fleet.agents[leader_of(cluster)].patch({"ttl": LONG_LEASE})
    eventually(lambda: _ttl(fleet, cluster) == LONG_LEASE, 60, "the lease is long", pause=1)
    yield
    fleet.agents[leader_of(cluster)].patch({"ttl": USUAL_LEASE})


def _ttl(fleet: Fleet, cluster: HostsCluster) -> object:
    return fleet.agents[leader_of(cluster)].config().get("ttl")


def test_a_leader_that_went_back_to_an_old_copy_is_not_promoted(cluster: HostsCluster, long_lease: None) -> None:
    """Its container is back while the lease is in its name, as a VM from a snapshot may be: others are elected."""
    name = leader_of(cluster)
    host = cluster.bed[name]
    container, data = host.container(name), _data(host)
    with under_load(cluster) as ledger:
        host.sh(f"docker pause {container}; cp -a {data}/18 {data}/.copy; docker unpause {container}")
        ledger.wait_for(200, FAILOVER_SECONDS)
        host.sh(
            f"docker kill {container}; mv {data}/18 {data}/.newer; mv {data}/.copy {data}/18; docker start {container}"
        )
        ledger.wait_for(50, FAILOVER_SECONDS)
        assert leader_of(cluster) != name
    assert "this data is not that of the leader" in host.sh(f"docker logs {container} 2>&1 | grep pods-lease || :")
    host.sh(f"rm -rf {data}/.newer")


EMPTY = "mkdir 18"
_ALONE = "docker run --rm -i --network=none --user=999 --tmpfs=/run/pods:mode=1777"
FOREIGN = f"{_ALONE} -v {{data}}:/var/lib/postgresql {{image}} init"


@pytest.mark.parametrize(
    ("script", "words"), [(EMPTY, "no data in"), (FOREIGN, "another cluster")], ids=["empty", "foreign"]
)
@pytest.mark.parametrize("which", ["replica", "leader"])
def test_wrong_data_is_not_taken_in(cluster: HostsCluster, which: str, script: str, words: str) -> None:
    """Where it was the leader's another leads; either way its container says what is wrong, and what to do."""
    host = _replica(cluster) if which == "replica" else cluster.bed[leader_of(cluster)]
    container, data = host.container(host.name), _data(host)
    image = host.engine("inspect", "--format", "{{.Config.Image}}", container).strip()
    with under_load(cluster) as ledger:
        host.sh(
            f"docker kill {container}; cd {data}; mv 18 .before; echo secret | {script.format(data=data, image=image)}"
        )
        host.sh(f"chown 999:999 {data}/18; docker start {container}")
        ledger.wait_for(50, FAILOVER_SECONDS)
        assert leader_of(cluster) != host.name
        eventually(lambda: words in cluster.inv("status").out, FAILOVER_SECONDS, "the status says so", pause=2)
        said = [line for line in cluster.inv("status").out.splitlines() if words in line]
        print(said)
        assert len(said) == 1
        assert f"inv replica.reclone {host.name}" in cluster.inv("status").out
        with timed("replica.reclone"):
            cluster.inv.ok("replica.reclone", host.name, timeout=600)
    host.sh(f"rm -rf {data}/.before {data}/.aside")


def test_an_old_copy_whose_wal_nobody_has_is_cloned_anew(cluster: HostsCluster) -> None:
    """It cannot catch up; the line says so, and the remedy is the same."""
    host = _replica(cluster)
    container, data = host.container(host.name), _data(host)
    with under_load(cluster) as ledger:
        host.sh(f"docker stop -t 60 {container}; cp -a {data}/18 {data}/.copy; docker start {container}")
        eventually(lambda: healthy(cluster), FAILOVER_SECONDS, "it streams again", pause=2)
        for _ in range(3):
            ledger.wait_for(20, FAILOVER_SECONDS)
            for words in ("SELECT pg_switch_wal()", "CHECKPOINT"):
                cluster.inv.ok("psql", "--superuser", "--node", leader_of(cluster), "--command", words)
        host.sh(f"docker stop -t 60 {container}; mv {data}/18 {data}/.before; mv {data}/.copy {data}/18")
        host.sh(f"docker start {container}")
        eventually(lambda: not healthy(cluster), 60, "something is said")
        ledger.wait_for(50, FAILOVER_SECONDS)
        print(cluster.inv("status").out[-900:])
        cluster.inv.ok("replica.reclone", host.name, timeout=600)
    host.sh(f"rm -rf {data}/.before {data}/.aside")


def test_who_leads_is_not_cloned_anew(cluster: HostsCluster) -> None:
    leader = leader_of(cluster)
    refused = cluster.inv("replica.reclone", leader)
    assert refused.code == 3
    assert "inv switchover" in refused.err
    assert cluster.inv("replica.reclone", "nobody").code == 1


@contextmanager
def _engine_of(bed: Bed, name: str, folder: Path) -> Iterator[str]:
    """Another machine's engine, where nothing of the cluster's own runs: that of a host, by a socket here."""
    socket = folder / "engine.sock"
    known = ["-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null"]
    address = f"{USER}@{bed.address(name)}"
    command = ["ssh", "-q", "-N", "-i", str(bed.key), *known, "-L", f"{socket}:/var/run/docker.sock", address]
    forward = subprocess.Popen(command, stdin=subprocess.DEVNULL)
    try:
        assert comes_true(socket.exists, timeout=30)
        yield f"unix://{socket}"
    finally:
        forward.terminate()
        forward.wait(10)


def _is_refused(result: Result, *words: str) -> None:
    assert result.code == 3, result
    assert "Traceback" not in result.err
    lines = [line for line in result.err.splitlines() if line.startswith("✗")]
    assert len(lines) == 1, result
    for word in words:
        assert word in result.err, result


def test_two_control_machines(cluster: HostsCluster, tmp_path: Path) -> None:
    """A copy of the home elsewhere has all secrets: it is refused by name, whatever it wants; here only one works."""
    second = tmp_path / "second"
    shutil.copytree(cluster.inv.home, second, symlinks=True, ignore=shutil.ignore_patterns("primary", "replica*"))
    with _engine_of(cluster.bed, "gamma", tmp_path) as engine, under_load(cluster) as ledger:
        other = Inv(second, {**cluster.bed.environment, "DOCKER_HOST": engine})
        first = cluster.inv.start("switchover")
        eventually(
            lambda: "switchover" in (cluster.inv.home / "data" / ".lock").read_text(), 60, "it began", pause=0.05
        )
        _is_refused(cluster.inv("restart"), "another operation is under way: inv switchover")
        for words in (("switchover",), ("restart",), ("role.add", "eve"), ("config.apply",), ("hosts.sync",)):
            _is_refused(other(*words), "is controlled from", str(cluster.inv.home), "--take-over")
        assert first.wait(FAILOVER_SECONDS) == 0
        ledger.wait_for(20, FAILOVER_SECONDS)


def _keep_copy(home: Path, where: Path) -> Path:
    path = where / "pods-home.tar.gz"
    with tarfile.open(path, "w:gz") as tar:
        for name in COPIED:
            tar.add(home / name, name)
    return path


def _come_back(cluster: HostsCluster, copy: Path, home: Path) -> None:
    """An empty home on a machine of which the old one is gone, with what runs there and what it was as a host."""
    lost = cluster.inv.home
    home.mkdir()
    with tarfile.open(copy) as tar:
        tar.extractall(home, filter="fully_trusted")
    cluster.inv.home = home
    project = load_settings(home, {}).project
    for each in (project, f"{project}-{LOCAL}"):
        for left in docker("ps", "--all", "--quiet", "--filter", f"label=com.docker.compose.project={each}").split():
            docker("rm", "--force", "--volumes", left)
    shutil.rmtree(lost)
    shutil.rmtree(lost.with_name(f"{lost.name}-host"), ignore_errors=True)


def _take_over(cluster: HostsCluster) -> None:
    for name in cluster.bed.hosts:
        cluster.inv.ok("hosts.add", name, "--take-over", "--yes", timeout=600)
    cluster.inv.ok("hosts.add", LOCAL, "--take-over", "--yes", timeout=600)


def test_the_control_machine_is_rebuilt_from_its_copy(cluster: HostsCluster, tmp_path: Path) -> None:
    """As docs/how-to/hosts.md has it, while programs write."""
    copy = _keep_copy(cluster.inv.home, tmp_path)
    with timed("the control machine is back"):
        _come_back(cluster, copy, cluster.inv.home.with_name("second"))
        with under_load(cluster) as ledger:
            _is_refused(cluster.inv("up", timeout=900), "is controlled from", "--take-over")
            _take_over(cluster)
            cluster.inv.ok("up", timeout=900)
            cluster.inv.ok("hosts.status")
            cluster.inv.ok("switchover")
            ledger.wait_for(20, FAILOVER_SECONDS)


def _without(hosts: str, name: str) -> str:
    """config/hosts.toml without a host."""
    return "".join(f"[hosts.{part}" for part in hosts.split("[hosts.")[1:] if not part.startswith(f"{name}]"))


def test_a_copy_from_before_a_host_came(cluster: HostsCluster, tmp_path: Path) -> None:
    """Nothing is done to a cluster with a host that this home does not know; a password of then is in force again."""
    name = next(name for name in cluster.bed.hosts if name != leader_of(cluster))
    cluster.inv.ok("role.add", "carol")
    cluster.inv.ok("hosts.remove", name, "--yes", timeout=600)
    rest = [each for each in cluster.bed.hosts if each != name]
    file = cluster.home.user_config / "hosts.toml"
    known = file.read_text()
    file.write_text(_without(known, name))
    cluster.inv.ok("up", timeout=900)
    copy = _keep_copy(cluster.inv.home, tmp_path)
    before = (cluster.home.secrets / "roles" / "carol").read_text()
    file.write_text(known)
    cluster.inv.ok("hosts.add", name, "--yes", timeout=600)
    cluster.inv.ok("role.rotate", "carol")
    cluster.inv.ok("role.rotate", "carol", "--finish", "--yes")
    _come_back(cluster, copy, cluster.inv.home.with_name("third"))
    _is_refused(cluster.inv("up", timeout=900), "is controlled from")
    for each in rest:
        cluster.inv.ok("hosts.add", each, "--take-over", "--yes", timeout=600)
    cluster.inv.ok("hosts.add", LOCAL, "--take-over", "--yes", timeout=600)
    _is_refused(cluster.inv("up", timeout=600), "this home knows of no such host", "hosts.add NAME --take-over")
    (cluster.home.user_config / "hosts.toml").write_text(known)
    cluster.inv.ok("hosts.add", name, "--take-over", "--yes", timeout=600)
    cluster.inv.ok("up", timeout=900)
    assert (cluster.home.secrets / "roles" / "carol").read_text() == before
    print(cluster.inv("role.list").out)
