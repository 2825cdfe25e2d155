"""What begins on all hosts begins when all were added, and no host is forgotten while something of ours runs there."""

from dataclasses import replace
from pathlib import Path

import pytest

from cluster.config.hosts_file import parse_hosts
from cluster.errors import RefusedError, UsageError
from cluster.hosts_state import HostRecord, HostsState, Phase
from compose.home.hosts_state_file import load_state, save_state
from compose.home.paths import Home
from compose.operations.hosts.added_hosts import after_adding, check_added, check_finished, check_listed
from compose.stack import Stack
from tests.fix_settings import settings_of, topology_of

_FILE = """
[hosts.alpha]
ssh = "a@alpha"
address = "10.0.0.11"
[hosts.beta]
ssh = "a@beta"
address = "10.0.0.12"
[hosts.gamma]
ssh = "a@gamma"
address = "10.0.0.13"
[hosts.here]
ssh = "local"
address = "10.0.0.10"
roles = ["pooler"]
"""
_ALL = ("alpha", "beta", "gamma", "here")


def _stack(root: Path, *added: str, text: str = _FILE, phase: Phase = "none") -> Stack:
    settings = replace(settings_of(), hosts=parse_hosts(text))
    stack = Stack(Home(root), settings, topology_of(settings))
    records = tuple(HostRecord(name=name, address="10.0.0.9", home="/srv/x", host_key="k") for name in added)
    save_state(stack.home, HostsState(phase=phase, hosts=records))
    return stack


def test_all_that_are_in_the_file_were_added(tmp_path: Path) -> None:
    stack = _stack(tmp_path, *_ALL)
    check_added(stack)
    check_listed(stack)
    assert after_adding(stack) == "all hosts of config/hosts.toml are added; next: inv hosts.prepare"


@pytest.mark.parametrize("missing", _ALL)
def test_each_is_missed_this_machine_too(tmp_path: Path, missing: str) -> None:
    stack = _stack(tmp_path, *(name for name in _ALL if name != missing))
    with pytest.raises(RefusedError, match=f"host {missing} was not added yet") as refused:
        check_added(stack)
    assert refused.value.hint == f"run: inv hosts.add {missing}"
    assert after_adding(stack) == f"next: inv hosts.add {missing}"


def test_several_are_named_at_once(tmp_path: Path) -> None:
    with pytest.raises(RefusedError, match="hosts alpha, beta, here were not added yet"):
        check_added(_stack(tmp_path, "gamma"))


def test_what_was_written_down_after_it_was_prepared_waits(tmp_path: Path) -> None:
    """`hosts.add` is refused then: the hint must not send people there."""
    with pytest.raises(RefusedError, match="here was not added") as refused:
        check_added(_stack(tmp_path, "alpha", "beta", "gamma", phase="prepared"))
    assert "take it out of config/hosts.toml" in refused.value.hint


def test_one_that_was_taken_out_of_the_file_is_missed(tmp_path: Path) -> None:
    text = _FILE.split("[hosts.here]")[0]
    for check in (check_added, check_listed):
        with pytest.raises(RefusedError, match="here was added, and config"):
            check(_stack(tmp_path, *_ALL, text=text))


@pytest.mark.parametrize(
    ("before", "after", "words"),
    [
        ("[hosts.alpha]", '[hosts.omega]\nssh = "a@o"\naddress = "10.0.0.20"\n[hosts.alpha]', "an even number"),
        ('ssh = "a@alpha"', 'ssh = "a@alpha"\nroles = ["node"]', "a majority of that can lose none"),
    ],
)
def test_votes_that_decide_nothing_are_refused_before_anything_begins(
    tmp_path: Path, before: str, after: str, words: str
) -> None:
    with pytest.raises(RefusedError, match=words):
        check_added(_stack(tmp_path, *_ALL, text=_FILE.replace(before, after)))


def test_no_vote_at_all_is_for_replicas_on_other_hosts(tmp_path: Path) -> None:
    text = _FILE.replace('\naddress = "10.0.0.1', '\nroles = ["node"]\naddress = "10.0.0.1').replace(
        'roles = ["node"]\naddress = "10.0.0.10"', 'address = "10.0.0.10"'
    )
    stack = _stack(tmp_path, *_ALL, text=text)
    with pytest.raises(RefusedError, match="nothing fails over"):
        check_added(stack)
    assert "replica.add --host" in after_adding(stack)
    assert "replica.add --host" in after_adding(_stack(tmp_path, *_ALL[:3], text=text)), "this machine needs no adding"


def test_without_a_file_there_are_no_hosts(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="there are no hosts"):
        check_added(_stack(tmp_path, text=""))


def test_a_host_that_lacks_a_part_is_named_before_anything_is_held_back(tmp_path: Path) -> None:
    stack = _stack(tmp_path, *_ALL)
    with pytest.raises(RefusedError, match="host alpha was not added to the end") as refused:
        check_finished(stack)
    assert refused.value.hint == "run: inv hosts.add alpha"
    with pytest.raises(RefusedError, match="host here was not added"):
        check_finished(_finished(_stack(tmp_path, *_ALL[:3])))
    check_finished(_finished(_stack(tmp_path, *_ALL)))


def _finished(stack: Stack) -> Stack:
    state, hosts = load_state(stack.home), stack.settings.hosts
    whole = tuple(replace(each, roles=host.roles) for each in state.hosts if (host := hosts.find(each.name)))
    save_state(stack.home, replace(state, hosts=whole))
    return stack
