"""What `inv connect` prints for several hosts, run by every driver; then the same while the first host is dead.

Packages of npm and Debian are downloaded for it, as for `nox -s drivers`.
"""

import time
from pathlib import Path

import pytest

from tests.fix_connect import RUN, Answers, Printed, answers, answers_of
from tests.fix_downloaded_drivers import PACKAGED
from tests.fix_images import image
from tests.fix_wait import eventually
from tests.hosts.fix_bed import HostsCluster
from tests.hosts.journey import FAILOVER_SECONDS, healthy, leader_of, moved

pytestmark = pytest.mark.hosts
FORMS = sorted(RUN.keys() - {"env"})
"""That of the shell is one of several here: its comments differ."""
KNOW_ONE = PACKAGED
"""Drivers that take one host, as what is printed for them says."""


@pytest.fixture
def cluster(moving: HostsCluster) -> HostsCluster:
    """On its hosts."""
    moved(moving)
    return moving


def _text(cluster: HostsCluster, form: str) -> str:
    return cluster.inv.ok("connect", "--as", form).out


def _judge(found: Answers) -> None:
    """Writes reach whoever leads; reads any node; a session of its own, where the form has one, the leader again."""
    roles, writes, direct = {role for role, _ in found}, found[0][1], found[2:]
    assert len(found) >= 2
    assert roles == {"app"}
    assert not writes
    assert all(not recovery for _, recovery in direct)


@pytest.mark.parametrize("form", FORMS)
def test_a_form_for_several_hosts_runs_as_it_is_printed(
    cluster: HostsCluster, form: str, debian: None, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    folder = request.getfixturevalue("packages") if form in PACKAGED else tmp_path
    _judge(answers_of(cluster, _text(cluster, form), form, folder))


def test_a_shell_has_all_hosts_in_its_variables(cluster: HostsCluster, tmp_path: Path) -> None:
    printed = Printed(_text(cluster, "env"), tmp_path, cluster)
    assert all(cluster.bed.address(name) in printed.text for name in cluster.bed.hosts)
    printed.write("env.sh")
    script = printed.write("script", "set -e\n. ./env.sh\npsql -Atc 'SELECT current_user, pg_is_in_recovery()'\n")
    assert answers(printed.contained(image(), "bash", script.name)) == [("app", False)]


def test_every_driver_that_knows_several_hosts_comes_past_a_dead_one(
    cluster: HostsCluster, debian: None, tmp_path: Path
) -> None:
    """The first of the list has lost its power, and packets to it get no answer."""
    first = cluster.bed["alpha"]
    texts = {form: _text(cluster, form) for form in FORMS if form not in {*KNOW_ONE, "compose"}}
    servers_of_jdbc = (cluster.home.secrets / "app.jdbc").read_text()
    first.kill()
    try:
        eventually(lambda: leader_of(cluster) != "alpha", FAILOVER_SECONDS, "another leads")
        for form, text in texts.items():
            assert cluster.bed.address("alpha") in text + servers_of_jdbc
            folder = tmp_path / form
            folder.mkdir()
            began = time.monotonic()
            _judge(answers_of(cluster, text, form, folder))
            print(f"{form}: {time.monotonic() - began:.1f} s")
    finally:
        first.start()
    eventually(lambda: healthy(cluster), FAILOVER_SECONDS, "healthy again", pause=2)
