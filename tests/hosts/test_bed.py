"""The bed itself: what it breaks is broken, and what it mends works again. Else no test on it says anything."""

import time

import pytest

from tests.fix_wait import eventually
from tests.hosts import bed as beds
from tests.hosts.bed import Bed
from tests.hosts.docker_command import docker
from tests.hosts.host import Host, partitioned

pytestmark = pytest.mark.hosts


def _reaches(source: Host, target: Host) -> bool:
    script = f"timeout 2 bash -c '</dev/tcp/{target.address}/22' && echo yes"
    return source.run("sh", "-c", script, check=False) == "yes"


def _service(host: Host) -> str:
    """A container there that runs two processes called sleep."""
    image = host.engine("images", "--format", "{{.Repository}}:{{.Tag}}").split()[0]
    label = "com.docker.compose.service=sleeper"
    script = "sleep 1000 & exec sleep 1001"
    host.engine("rm", "--force", "sleeper", check=False)
    run = ["run", "--detach", "--name=sleeper", "--restart=unless-stopped", f"--label={label}", "--entrypoint=sh"]
    return host.engine(*run, image, "-c", script)


def test_each_host_has_an_engine_of_its_own_and_lets_the_user_in(bed: Bed) -> None:
    ids = set()
    for name in bed.hosts:
        done = bed.ssh(name, "docker", "info", "--format", "{{.ID}}")
        assert done.returncode == 0, done.stderr
        ids.add(done.stdout)
    assert len(ids) == len(bed.hosts)
    assert bed["alpha"].engine("images", "--quiet") == "", "its images are the product's to bring"


def test_a_host_that_lost_its_power_comes_back_with_its_containers(bed: Bed) -> None:
    beta = bed["beta"]
    _service(beta)
    beta.kill()
    assert not beta.runs
    assert bed.ssh("beta", "true").returncode != 0
    beta.start()
    eventually(lambda: beta.pids("sleeper", "sleep 1001"), 30, "the container is started again")
    beta.stop()
    beta.start()
    eventually(lambda: beta.pids("sleeper", "sleep 1001"), 30, "the container is started again")


def test_one_process_hangs_and_its_neighbour_does_not(bed: Bed) -> None:
    beta = bed["beta"]
    _service(beta)
    with beta.hung("sleeper", "sleep 1000") as found:
        states = {pattern: _state(beta, beta.pids("sleeper", pattern)[0]) for pattern in ("sleep 1000", "sleep 1001")}
        assert states == {"sleep 1000": "T", "sleep 1001": "S"}
    assert _state(beta, found[0]) == "S"
    beta.engine("rm", "--force", "sleeper")


def _state(host: Host, pid: int) -> str:
    return host.run("ps", "-o", "stat=", "-p", str(pid))[0]


def test_a_frozen_host_freezes_its_containers_too(bed: Bed) -> None:
    beta = bed["beta"]
    image = beta.engine("images", "--format", "{{.Repository}}:{{.Tag}}").split()[0]
    beta.engine("rm", "--force", "counter", check=False)
    script = "while :; do date +%s%N > /tmp/now.new; mv /tmp/now.new /tmp/now; done"
    beta.engine("run", "--detach", "--name=counter", "--entrypoint=sh", image, "-c", script)
    now = f"/proc/{beta.engine('inspect', '--format', '{{.State.Pid}}', 'counter')}/root/tmp/now"
    eventually(lambda: beta.run("cat", now, check=False), 10, "it counts")
    with beta.frozen():
        assert bed.ssh("beta", "true").returncode != 0, "nor does its network"
        first = beta.run("cat", now)
        time.sleep(0.5)
        assert beta.run("cat", now) == first
    eventually(lambda: beta.run("cat", now) != first, 10, "it goes on")
    assert bed.ssh("beta", "true").returncode == 0
    beta.engine("rm", "--force", "counter")


def test_partitions_have_directions_and_end(bed: Bed) -> None:
    alpha, beta, gamma = bed.hosts.values()
    alpha.block(beta)
    assert not _reaches(alpha, beta), "the answer does not arrive"
    assert _reaches(alpha, gamma)
    assert _reaches(beta, gamma)
    alpha.unblock()
    assert _reaches(alpha, beta)
    with partitioned((alpha,), (beta, gamma)):
        assert (_reaches(alpha, beta), _reaches(gamma, alpha), _reaches(beta, gamma)) == (False, False, True)
        assert bed.ssh("alpha", "true").returncode == 0, "the control machine sees both sides"
    assert _reaches(gamma, alpha)
    with beta.unplugged():
        assert bed.ssh("beta", "true").returncode != 0
    assert _reaches(alpha, beta)


def test_sshd_may_refuse_to_forward(bed: Bed) -> None:
    beta = bed["beta"]
    beta.sshd("AllowStreamLocalForwarding no", "DisableForwarding yes")
    shown = beta.run("sshd", "-T").lower()
    beta.sshd()
    assert "disableforwarding yes" in shown
    assert "disableforwarding no" in beta.run("sshd", "-T").lower()


def test_what_a_killed_run_left_is_taken_away_and_what_runs_is_not(bed: Bed) -> None:
    left = docker("create", f"--label={beds.LABEL}=0000dead", beds.IMAGE)
    beds.sweep()
    assert left[:12] not in docker("ps", "--all", "--quiet")
    assert all(host.runs for host in bed.hosts.values())
