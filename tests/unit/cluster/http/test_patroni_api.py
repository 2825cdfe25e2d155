"""What Patroni's members say, read."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cluster.errors import RefusedError
from cluster.http.patroni_api import leader_of, read_members, read_status
from cluster.postgres.lsn import Lsn

_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)

# as 4.1.5 answered on a standby cluster of two
CLUSTER = {
    "members": [
        {
            "name": "alpha",
            "role": "standby_leader",
            "state": "streaming",
            "api_url": "https://alpha:8008/patroni",
            "host": "alpha",
            "port": 5432,
            "timeline": 1,
        },
        {"name": "beta", "role": "replica", "state": "starting", "timeline": 1, "lag": "unknown"},
    ],
    "scope": "pods",
}
STATUS = {
    "state": "running",
    "postmaster_start_time": "2026-11-28 02:31:00.000000+00:00",
    "role": "replica",
    "server_version": 180006,
    "xlog": {"received_location": 67109000, "replayed_location": 67108864, "replayed_timestamp": None, "paused": False},
    "timeline": 1,
    "pending_restart": True,
    "database_system_identifier": "7577",
    "patroni": {"version": "4.1.5", "scope": "pods", "name": "beta"},
}


def test_members_are_read_with_what_is_known_of_them() -> None:
    alpha, beta = read_members(CLUSTER)
    assert (alpha.leads, alpha.runs, alpha.timeline, alpha.lag) == (True, True, 1, None)
    assert (beta.leads, beta.runs, beta.lag) == (False, False, None)
    assert leader_of((beta, alpha)) == alpha


def test_a_cluster_without_a_leader_names_its_members() -> None:
    with pytest.raises(RefusedError, match=r"beta \(replica, starting\)"):
        leader_of(read_members(CLUSTER)[1:])


def test_a_standby_says_how_far_it_is() -> None:
    found = read_status(STATUS)
    assert (found.received, found.replayed) == (Lsn.parse("0/4000088"), Lsn.parse("0/4000000"))
    assert found.pending_restart
    assert not found.takes_writes


@pytest.mark.parametrize(
    ("role", "state", "takes"),
    [("primary", "running", True), ("primary", "starting", False), ("standby_leader", "running", False)],
)
def test_only_a_running_primary_takes_writes(role: str, state: str, takes: bool) -> None:
    assert read_status({"role": role, "state": state}).takes_writes is takes


@given(_JSON)
def test_whatever_is_answered_is_read_without_a_fault(found: Any) -> None:
    assert isinstance(read_members(found), tuple)
    assert not read_status(found).takes_writes or found["state"] == "running"
