"""Docker hosts as a table: each situation of a real cluster in lines that a terminal holds."""

import pytest

from cluster.documents import to_json
from cluster.hosts.hosts_status import hosts_status
from compose.report.hosts.host_table import (
    HEAD,
    HostContainersStatus,
    container_head,
    container_rows,
    host_rows,
    summary,
)
from tests.fix_hosts import NAMES, SITUATIONS, THREE, reading


@pytest.mark.parametrize("situation", SITUATIONS)
def test_every_host_has_a_line_in_every_situation(situation: str) -> None:
    status = hosts_status(THREE, reading(situation))
    rows = host_rows(status)
    assert [row[0] for row in rows] == list(NAMES)
    assert {len(row) for row in rows} == {len(HEAD)}
    assert to_json(status)["hosts"][0]["name"] == "alpha"


def test_a_cluster_that_is_well() -> None:
    status = hosts_status(THREE, reading("well"))
    assert summary(status) == "3 of 3 votes, 2 needed; leader alpha"
    assert [row[3:8] for row in host_rows(status)] == [
        ["counts", "leader", "running", 1, "–"],
        ["counts, leads", "quorum_standby", "streaming", 1, "0 B"],
        ["counts", "quorum_standby", "streaming", 1, "0 B"],
    ]


def test_what_is_out_of_the_ordinary_is_in_the_line_below() -> None:
    assert summary(hosts_status(THREE, reading("votes_lost"))).endswith("failsafe on alpha, beta, gamma")
    assert summary(hosts_status(THREE, reading("paused"))).endswith("Patroni is paused")
    assert "leader nobody" in summary(hosts_status(THREE, reading("unlocked")))


def test_what_runs_on_each_host() -> None:
    found = (
        HostContainersStatus(name="alpha", services={"alpha": "healthy", "etcd": "healthy", "pgbouncer": "healthy"}),
        HostContainersStatus(name="beta", error="host beta does not answer"),
        HostContainersStatus(name="gamma", services={"etcd": "exited"}),
    )
    assert container_head(found) == ["host", "engine", "node", "etcd", "pgbouncer"]
    assert container_rows(found) == [
        ["alpha", "answers", "healthy", "healthy", "healthy"],
        ["beta", "host beta does not answer", None, None, None],
        ["gamma", "answers", None, "exited", None],
    ]
