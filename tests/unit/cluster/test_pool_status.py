from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from cluster.observed.pooler import PoolsReading
from cluster.pool_status import PoolStatus, by_database, foremost, pool_statuses, rest
from tests.fix_settings import settings_of, with_databases
from tests.unit.health.status_samples import TOPOLOGY, view_of
from tests.unit.snapshot_samples import as_wanted, with_pool

SETTINGS = with_databases(settings_of(), 3)
VIEW = view_of(settings=SETTINGS)
WELL = as_wanted(TOPOLOGY, VIEW.pools)


def _status(name: str, clients: int = 0, *, healthy: bool = True) -> PoolStatus:
    return PoolStatus(name=name, database=name, target=("primary",), healthy=healthy, clients=clients)


def test_pools_come_by_database_in_the_order_of_their_declaration() -> None:
    found = by_database(pool_statuses(view_of(WELL, settings=SETTINGS)))
    assert [each.name for each in found] == ["appdb", "shop1", "shop2"]
    (first, *_) = found
    assert (first.writes, first.reads, len(first.pools)) == (("primary",), ("replica1", "replica2"), 5)
    assert not any(each.troubled for each in found)
    assert (first.waiting, first.size) == (0, sum(pool.size or 0 for pool in first.pools))


def test_a_pool_that_leads_elsewhere_is_paused_missing_or_kept_waiting_is_not_well() -> None:
    faults = (
        with_pool(WELL, "shop1_read", hosts=("primary",)),
        with_pool(WELL, "shop1_read", paused=True),
        with_pool(WELL, "shop1_read", disabled=True),
        with_pool(WELL, "shop1_read", clients_waiting=1, max_wait=60.0),
        replace(WELL, pooler=PoolsReading(pools=tuple(p for p in WELL.pooler.pools if p.name != "shop1_read"))),
    )
    for snapshot in faults:
        found = pool_statuses(view_of(snapshot, settings=SETTINGS))
        assert [pool.name for pool in found if pool.healthy is False] == ["shop1_read"]
        assert [each.name for each in by_database(found) if each.troubled] == ["shop1"]


def test_clients_that_wait_for_a_moment_are_worth_seeing_and_no_fault() -> None:
    found = pool_statuses(view_of(with_pool(WELL, "shop1", clients_waiting=1, max_wait=0.1), settings=SETTINGS))
    assert [(pool.name, pool.healthy) for pool in found if pool.troubled] == [("shop1", True)]


def test_of_a_pgbouncer_that_does_not_answer_nothing_is_known() -> None:
    silent = replace(WELL, pooler=PoolsReading(error="connection refused"))
    found = by_database(pool_statuses(view_of(silent, settings=SETTINGS)))
    assert {pool.healthy for each in found for pool in each.pools} == {None}
    assert [(each.clients, each.servers, each.troubled) for each in found] == [(None, None, False)] * 3


@given(st.lists(st.tuples(st.integers(0, 99), st.booleans()), max_size=30), st.integers(1, 9))
def test_trouble_is_shown_first_and_what_is_not_shown_is_counted(many: list[tuple[int, bool]], most: int) -> None:
    pools = [_status(f"d{n}", clients, healthy=well) for n, (clients, well) in enumerate(many)]
    shown = foremost(pools, most)
    assert len(shown) == min(most, len(pools))
    assert list(shown) == [pool for pool in pools if pool in shown], "in their order"
    hidden = [pool for pool in pools if pool not in shown]
    ill = [pool for pool in hidden if pool.troubled]
    assert not ill or all(pool.troubled for pool in shown)
    words = f"{len(ill)} of them not well" if ill else "all well"
    assert rest(pools, shown) == (f"and {len(hidden)} more, {words}" if hidden else "")


def test_the_busiest_are_shown_beside_the_first() -> None:
    pools = [_status(f"d{n}", n) for n in range(9)]
    assert [pool.name for pool in foremost(pools, 3)] == ["d0", "d7", "d8"]
