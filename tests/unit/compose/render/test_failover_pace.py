"""Times of Patroni and of etcd: they fit together, and another pace is taken up by containers that have it."""

from dataclasses import replace

import pytest
import yaml

from cluster.config.docker_hosts import DockerHosts, Host
from compose.render.compose_file import DEFINITION_LABEL
from compose.render.config_files import UserFiles
from compose.render.hosts.failover_pace import PACES, Pace
from compose.render.hosts.host_files import host_files
from tests.fix_settings import CONCRETE, settings_of, topology_of

HOSTS = DockerHosts(hosts=tuple(Host(name=n, address=f"10.0.0.1{i}") for i, n in enumerate(("alpha", "beta", "gamma"))))


@pytest.mark.parametrize("pace", PACES.values(), ids=list(PACES))
def test_a_lease_outlives_an_election_of_votes_and_what_the_agent_tries_meanwhile(pace: Pace) -> None:
    longest = 2 * pace.election / 1000
    assert pace.ttl >= pace.loop_wait + 2 * pace.retry_timeout
    assert longest < pace.loop_wait + pace.retry_timeout, "a primary must not be given up for an election of votes"
    assert longest < pace.guard


def test_only_another_pace_makes_the_containers_of_etcd_anew() -> None:
    def rendered(pace: str) -> tuple[dict[str, int], dict[str, str]]:
        settings = replace(settings_of(failover_pace=pace), hosts=HOSTS)
        files = host_files(settings, topology_of(settings), HOSTS, HOSTS.hosts[0], CONCRETE, UserFiles())
        services = yaml.safe_load(files["compose.yaml"])["services"]
        etcd = yaml.safe_load(files["rendered/etcd/etcd.yml"])
        times = {key: etcd[key] for key in ("heartbeat-interval", "election-timeout")}
        return times, {name: each["labels"][DEFINITION_LABEL] for name, each in services.items()}

    fast, norm, wide = map(rendered, PACES)
    assert fast[0] == {"heartbeat-interval": 200, "election-timeout": 2000}
    assert norm == wide
    assert norm[0] == {"heartbeat-interval": 500, "election-timeout": 5000}
    assert {name for name in fast[1] if fast[1][name] != norm[1][name]} == {"etcd"}
