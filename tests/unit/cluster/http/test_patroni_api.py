"""What Patroni's members answer over a connection, and whom the others follow."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cluster.errors import MachineError, RefusedError
from cluster.hosts.patroni_documents import parse_agent, parse_listing
from cluster.http import patroni_api
from cluster.http.mutual_tls import Answer, Identity, Peer
from cluster.http.patroni_api import PatroniApi, leader_of

_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)
NOWHERE = Path("nowhere")
PEER = Peer(
    title="Patroni on alpha",
    address="192.0.2.1",
    port=8008,
    identity=Identity(ca=NOWHERE, certificate=NOWHERE, key=NOWHERE),
)

# as 4.1.5 answered on a standby cluster of two
CLUSTER = {
    "members": [
        {"name": "alpha", "role": "standby_leader", "state": "streaming", "host": "alpha", "port": 5432, "timeline": 1},
        {"name": "beta", "role": "replica", "state": "starting", "timeline": 1, "lag": "unknown"},
    ],
    "scope": "pods",
}


def _answering(monkeypatch: pytest.MonkeyPatch, document: Any) -> PatroniApi:
    text = document if isinstance(document, bytes) else json.dumps(document).encode()
    monkeypatch.setattr(patroni_api, "call", lambda *_: Answer(200, text))
    return PatroniApi(PEER)


def test_members_are_read_with_what_is_known_of_them(monkeypatch: pytest.MonkeyPatch) -> None:
    alpha, beta = _answering(monkeypatch, CLUSTER).members()
    assert (alpha.leads, alpha.runs, alpha.timeline, alpha.lag) == (True, True, 1, None)
    assert (beta.leads, beta.runs, beta.lag) == (False, False, None)
    assert leader_of((beta, alpha)) == alpha


def test_a_cluster_without_a_leader_names_its_members() -> None:
    with pytest.raises(RefusedError, match=r"beta \(replica, starting\)"):
        leader_of(parse_listing(json.dumps(CLUSTER)).members[1:])


@pytest.mark.parametrize(
    ("role", "state", "takes"),
    [("primary", "running", True), ("primary", "starting", False), ("standby_leader", "running", False)],
)
def test_only_a_running_primary_takes_writes(role: str, state: str, takes: bool) -> None:
    assert parse_agent(json.dumps({"role": role, "state": state})).primary is takes


@given(_JSON)
def test_what_is_no_such_document_is_an_error_that_names_the_host(found: Any) -> None:
    with pytest.MonkeyPatch.context() as monkeypatch:
        api = _answering(monkeypatch, found)
        for ask in (api.members, api.status):
            with pytest.raises(MachineError, match="Patroni on alpha"):
                ask()
