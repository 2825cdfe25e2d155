"""What etcd's gateway answers, read, and where Patroni's keys are."""

from hypothesis import given
from hypothesis import strategies as st

from cluster.http.etcd_api import config_key, end_of, prefix_of, read_store_members

# as 3.5.30 answered; the second was added and has not started yet
MEMBERS = {
    "header": {"cluster_id": "1"},
    "members": [
        {
            "ID": "3140738133691991106",
            "name": "etcd-beta",
            "peerURLs": ["https://etcd-beta:2380"],
            "clientURLs": ["https://etcd-beta:2379"],
        },
        {"ID": "12055452266295891740", "peerURLs": ["https://etcd-gamma:2380"]},
    ],
}


def test_a_member_that_never_started_is_told_by_its_missing_name() -> None:
    beta, gamma = read_store_members(MEMBERS)
    assert (beta.name, beta.number, beta.started) == ("etcd-beta", "3140738133691991106", True)
    assert (gamma.peer_urls, gamma.started) == (("https://etcd-gamma:2380",), False)


def test_a_learner_has_no_vote_though_it_started() -> None:
    voting = {"ID": "1", "name": "etcd-alpha", "peerURLs": []}
    found = read_store_members({"members": [voting, {**voting, "isLearner": True}, {"ID": "2", "isLearner": True}]})
    assert [each.votes for each in found] == [True, False, False]
    assert [each.learns for each in found] == [False, True, True]


def test_no_answer_is_no_member() -> None:
    assert read_store_members([]) == read_store_members({}) == ()


@given(st.text(alphabet="abcdefghijklmnopqrstuvwxyz0123456789_-", min_size=1), st.text())
def test_the_keys_of_a_cluster_and_no_others_are_between_prefix_and_end(scope: str, rest: str) -> None:
    prefix = prefix_of(scope)
    key = (prefix + rest).encode("utf-8", "surrogatepass")
    assert prefix.encode() <= key < end_of(prefix).encode()
    assert not prefix.encode() <= prefix_of(scope + "2").encode() < end_of(prefix).encode()
    assert config_key(scope).startswith(prefix)
