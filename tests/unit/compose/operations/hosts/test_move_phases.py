"""How far a move is decides what may be done, and what a crash left is taken back only before it was decided."""

from dataclasses import replace
from pathlib import Path

import pytest

from cluster.errors import RefusedError
from cluster.hosts_state import PHASES, Cut, HostsState, Phase
from cluster.postgres.data_directory import PGDATA
from cluster.standby_topology import moved_to, prepared_on
from compose.home.hosts_state_file import load_state, save_state
from compose.home.paths import Home
from compose.operations.hosts.cutover import take_back_undecided
from compose.operations.hosts.prepare import check_engine, check_phase
from compose.stack import Stack
from tests.fix_settings import topology_of
from tests.unit.cluster.test_standby_topology import HOSTS, SETTINGS

CUT = Cut(source="primary", lsn="", timeline=0)


@pytest.fixture
def stack(tmp_path: Path) -> Stack:
    return Stack(Home(tmp_path), SETTINGS, prepared_on(topology_of(SETTINGS), HOSTS))


def _signal(stack: Stack) -> Path:
    path = stack.home.node("primary") / PGDATA / "standby.signal"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("")
    return path


@pytest.mark.parametrize("phase", PHASES)
def test_what_does_not_fit_the_phase_is_refused_with_what_to_do(stack: Stack, phase: Phase) -> None:
    save_state(stack.home, HostsState(phase=phase))
    others = [each for each in PHASES if each != phase]
    check_phase(stack, phase)
    with pytest.raises(RefusedError, match=phase) as refused:
        check_phase(stack, *others)
    assert refused.value.hint


def test_a_cluster_that_moved_is_not_moved_again(stack: Stack) -> None:
    check_engine(stack)
    with pytest.raises(RefusedError, match="Patroni"):
        check_engine(stack.with_topology(moved_to(stack.topology, "alpha")))


def test_before_the_decision_the_old_primary_is_one_again(stack: Stack) -> None:
    signal = _signal(stack)
    save_state(stack.home, HostsState(phase="prepared", cut=CUT))
    assert "primary" in take_back_undecided(stack)
    assert not signal.exists()
    assert load_state(stack.home).cut is None
    assert take_back_undecided(stack) == ""


@pytest.mark.parametrize("phase", ["switching", "patroni"])
def test_after_the_decision_its_data_stays_a_standby_s(stack: Stack, phase: Phase) -> None:
    signal = _signal(stack)
    save_state(stack.home, HostsState(phase=phase, cut=replace(CUT, lsn="0/3000028", timeline=1)))
    assert take_back_undecided(stack) == ""
    assert signal.exists()
