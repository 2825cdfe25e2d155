from dataclasses import asdict, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cluster.pools import pools
from cluster.sizing import GB, MB, Derived, Sizing, derive, pool_size
from cluster.topology import Topology
from tests.fix_settings import SIZING, settings_of
from tests.unit.strategies import sizings

KEPT = 8
"""superuser_reserved_connections (3) and reserved_connections (5)."""

connection_limits = st.integers(25, 10_000)


def _sizes(derived: Derived) -> dict[str, int]:
    return {name: value for name, value in asdict(derived).items() if name != "pool_size"}


@given(sizings, connection_limits)
def test_every_derived_size_is_positive_and_whole_mb(sizing: Sizing, limit: int) -> None:
    for name, size in _sizes(derive(settings_of(max_connections=str(limit)), sizing)).items():
        assert size > 0, name
        assert size % MB == 0, name


@given(sizings)
def test_shared_buffers_of_all_nodes_leave_the_host_a_quarter_unless_at_the_floor(sizing: Sizing) -> None:
    derived = derive(settings_of(), sizing)
    assert derived.shared_buffers == 64 * MB or derived.shared_buffers * sizing.nodes <= sizing.memory * 0.75


@given(sizings)
def test_the_planner_never_believes_in_less_cache_than_shared_buffers(sizing: Sizing) -> None:
    derived = derive(settings_of(), sizing)
    assert derived.effective_cache_size >= derived.shared_buffers


@given(sizings)
def test_wal_never_fills_the_disk_unless_at_the_floor(sizing: Sizing) -> None:
    derived = derive(settings_of(), sizing)
    assert derived.wal_budget == 512 * MB or derived.wal_budget <= sizing.disk / 5
    assert derived.max_wal_size == 256 * MB or derived.max_wal_size <= sizing.disk / 40


@given(sizings, st.integers(0, 1 << 40), st.integers(1, 30))
def test_more_memory_never_means_less_and_more_nodes_never_means_more(sizing: Sizing, more: int, nodes: int) -> None:
    base = derive(settings_of(), sizing)
    richer = derive(settings_of(), replace(sizing, memory=sizing.memory + more))
    shared = derive(settings_of(), replace(sizing, nodes=sizing.nodes + nodes))
    for name in ("shared_buffers", "effective_cache_size", "work_mem", "maintenance_work_mem", "shm_size"):
        assert getattr(richer, name) >= getattr(base, name), name
        assert getattr(shared, name) <= getattr(base, name), name


def test_a_host_of_16_gb_shared_by_three_nodes() -> None:
    assert derive(settings_of(), SIZING) == Derived(
        shared_buffers=1 * GB,
        effective_cache_size=3 * GB,
        work_mem=10 * MB,
        maintenance_work_mem=256 * MB,
        max_wal_size=5 * GB,
        wal_budget=40 * GB,
        shm_size=1 * GB,
        pool_size=23,
    )


@pytest.mark.parametrize("name", ["shared_buffers", "work_mem", "maintenance_work_mem", "max_wal_size", "wal_budget"])
def test_an_explicit_size_wins(name: str) -> None:
    assert getattr(derive(settings_of(**{name: "777MB"}), SIZING), name) == 777 * MB


def test_an_explicit_pool_size_wins() -> None:
    assert derive(settings_of(pool_size="3"), SIZING).pool_size == 3


@given(connection_limits)
def test_two_full_pools_leave_room_for_administrators_and_direct_clients(limit: int) -> None:
    assert 2 * pool_size(limit) + KEPT < limit


def _most_connections(limit: int, replicas: int) -> int:
    """Connections PgBouncer may hold to the busiest node: each pool one more than its size, to look passwords up."""
    settings = settings_of(max_connections=str(limit), replicas=str(replicas))
    topology = Topology.first(settings, SIZING)
    per_pool = derive(settings, SIZING).pool_size + 1
    leading = [sum(node in hosts for hosts in pools(settings, topology).values()) for node in topology.names]
    return max(leading) * per_pool


@given(connection_limits, st.integers(1, 4))
def test_the_full_pools_of_a_node_fit_into_it(limit: int, replicas: int) -> None:
    assert _most_connections(limit, replicas) + KEPT <= limit


@given(connection_limits)
def test_the_full_pools_of_a_primary_without_replicas_fit_into_it(limit: int) -> None:
    """Its third pool is the one for reads."""
    assert _most_connections(limit, 0) + KEPT <= limit


@given(connection_limits)
def test_a_pool_serves_at_least_four(limit: int) -> None:
    assert pool_size(limit) >= 4
