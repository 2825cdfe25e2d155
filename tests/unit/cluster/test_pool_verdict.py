"""However many pools something is wrong with: a few reasons, the same each time, that name some and count all."""

from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cluster.observed.snapshot import Snapshot
from cluster.pgbouncer import Pool
from cluster.pool_verdict import pool_reasons, some
from cluster.pools import pools
from cluster.verdict import judge
from tests.fix_settings import settings_of, topology_of, with_databases
from tests.unit.snapshot_samples import as_wanted, pool

SETTINGS = with_databases(settings_of(), 50)
TOPOLOGY = topology_of(SETTINGS)
POOLS = pools(SETTINGS, TOPOLOGY)
WELL = as_wanted(TOPOLOGY, POOLS)
LONGEST = 5.0


def _spoiled(spoil: Callable[[Pool], Pool | None], snapshot: Snapshot = WELL) -> Snapshot:
    changed = tuple(found for each in snapshot.pooler.pools if (found := spoil(each)) is not None)
    return replace(snapshot, pooler=replace(snapshot.pooler, pools=changed))


def test_fifty_databases_that_are_well_are_no_reason() -> None:
    assert len(POOLS) == 250
    assert judge(TOPOLOGY, WELL, POOLS).healthy


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (lambda _: None, "PgBouncer lacks 250 pools: appdb, appdb_read, appdb_read1 and 247 more → run: inv up"),
        (
            lambda each: replace(each, hosts=("elsewhere",)),
            "PgBouncer leads 250 pools wrong: appdb, appdb_read, appdb_read1 and 247 more → run: inv up",
        ),
        (
            lambda each: replace(each, paused=True, disabled=True),
            "250 pools are paused: appdb, appdb_read, appdb_read1 and 247 more → run: inv up",
        ),
        (
            lambda each: replace(each, disabled=True),
            "250 pools are disabled: appdb, appdb_read, appdb_read1 and 247 more → run: inv up",
        ),
        (
            lambda each: replace(each, clients_waiting=2, max_wait=9.0),
            "500 clients wait in 250 pools, the longest for 9.0 s: appdb, appdb_read, appdb_read1 and 247 more "
            "→ end long transactions, or raise PODS_POOL_SIZE, then inv up",
        ),
    ],
)
def test_what_is_wrong_with_all_pools_is_one_reason(spoil: Callable[[Pool], Pool | None], reason: str) -> None:
    assert list(pool_reasons(_spoiled(spoil), POOLS, LONGEST)) == [reason]


def test_pools_that_nobody_asked_for_are_one_reason() -> None:
    more = tuple(pool(f"stray{n}", ("primary",)) for n in range(9))
    found = replace(WELL, pooler=replace(WELL.pooler, pools=(*WELL.pooler.pools, *more)))
    (reason,) = pool_reasons(found, POOLS, LONGEST)
    assert reason.startswith("PgBouncer has 9 pools that nobody asked for: stray0, stray1, stray2 and 6 more")


def test_the_pools_of_one_database_have_a_reason_each() -> None:
    found = _spoiled(lambda each: replace(each, paused=each.name.startswith("shop7")))
    assert [reason.split(" → ")[0] for reason in pool_reasons(found, POOLS, LONGEST)] == [
        f"pool shop7{kind} is paused" for kind in ("", "_read", "_read1", "_read2", "_write")
    ]


def test_who_is_out_of_the_pools_of_all_readers_is_one_note() -> None:
    out = _spoiled(lambda each: replace(each, hosts=("replica2",)) if each.name.endswith("_read") else each)
    verdict = judge(TOPOLOGY, out, POOLS)
    assert verdict.healthy
    (note,) = verdict.notes
    assert note.startswith("replica1 is out of appdb_read, shop1_read, shop2_read and 47 more → it is well")


@given(st.lists(st.tuples(st.sampled_from(sorted(POOLS)), st.integers(0, 5))))
def test_reasons_are_few_whatever_is_wrong(faults: list[tuple[str, int]]) -> None:
    kinds: dict[str, int] = dict(faults)

    def spoil(each: Pool) -> Pool | None:
        ill = (
            each,
            replace(each, hosts=()),
            replace(each, paused=True),
            replace(each, disabled=True),
            replace(each, clients_waiting=1, max_wait=60.0),
        )
        kind = kinds.get(each.name, 0)
        return ill[kind] if kind < len(ill) else None

    reasons = list(pool_reasons(_spoiled(spoil), POOLS, LONGEST))
    assert len(reasons) <= 5 * 5
    assert bool(reasons) == any(kinds.values())


@pytest.mark.parametrize(
    ("names", "text"), [((), ""), (("a", "b", "c"), "a, b, c"), (("a", "b", "c", "d"), "a, b, c and 1 more")]
)
def test_names_in_a_line(names: tuple[str, ...], text: str) -> None:
    assert some(names) == text
