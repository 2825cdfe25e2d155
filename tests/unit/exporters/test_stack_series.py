"""However many pools and users of pools there are: the page is bounded, sums are those of all, trouble has a name."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporters.declarations import Family, Row
from exporters.metrics import pgbouncer
from exporters.metrics.cardinality import OTHER
from exporters.metrics.stack_series import MOST_POOLS, TARGETS, PoolOwner, StackSeries

KINDS = ("", "_write", "_read")
WELL: Mapping[str, Any] = {"client_maxwait_seconds": 0.0}
FAMILIES = {family.source: family for family in (pgbouncer.POOLS, pgbouncer.TOTALS, pgbouncer.DATABASES, TARGETS)}


def _owners(databases: int) -> dict[str, PoolOwner]:
    return {
        f"d{number}{kind}": PoolOwner(database=f"d{number}", user=f"u{number}")
        for number in range(databases)
        for kind in KINDS
    }


def _row(family: Family, values: Mapping[str, Any]) -> Row:
    return {**{metric.column: 1 for metric in family.metrics}, **values}


def _rows(databases: int, queries: Mapping[str, float] | None = None) -> dict[str, list[Row]]:
    """What PgBouncer says of so many databases, each with a pool of every kind and one user."""
    busy, owners = queries or {}, _owners(databases)
    return {
        "pools": [_row(pgbouncer.POOLS, {"database": p, "user": o.user, **WELL}) for p, o in owners.items()],
        "totals": [
            _row(pgbouncer.TOTALS, {"database": p, "queries_pooled_total": busy.get(o.database, 0)})
            for p, o in owners.items()
        ],
        "databases": [
            _row(pgbouncer.DATABASES, {"name": p, "host": "primary", "port": "5432", "database": o.database,
                                       "force_user": "", "pool_mode": "", "paused": 0, "disabled": 0})
            for p, o in owners.items()
        ],
        "desired_pools": [_row(TARGETS, {"pool": p, "access": "write", "node": "primary"}) for p in owners],
    }  # fmt: skip


def _names(rows: Sequence[Row], label: str = "database") -> set[str]:
    return {row[label] for row in rows}


def _changed(rows: dict[str, list[Row]], source: str, label: str, name: str, **values: Any) -> dict[str, list[Row]]:
    changed = [{**row, **values} if row[label] == name else row for row in rows[source]]
    return {**rows, source: changed}


def test_pools_of_the_first_and_of_the_busiest_databases_have_names_and_the_rest_are_one() -> None:
    found = StackSeries().bounded(_rows(9, {"d4": 50.0, "d5": 90.0}), _owners(9), "d0", 3)
    shown = {f"{name}{kind}" for name in ("d0", "d4", "d5") for kind in KINDS} | {OTHER}
    for source, label in (
        ("pools", "database"),
        ("totals", "database"),
        ("databases", "name"),
        ("desired_pools", "pool"),
    ):
        assert _names(found[source], label) == shown, source
    (rest,) = [row for row in found["pools"] if row["database"] == OTHER]
    assert (rest["user"], rest["client_active_connections"]) == (OTHER, 18)
    assert {"what": "databases", "not_shown": 6} in found["not_shown"]


@given(
    values=st.lists(
        st.tuples(st.integers(0, 99), st.integers(0, 9), st.booleans(), st.booleans()), min_size=1, max_size=8
    ),
    most=st.integers(1, 8),
)
def test_no_number_of_series_takes_anything_from_the_sums_the_worst_and_what_leads_astray(
    values: list[tuple[int, int, bool, bool]], most: int
) -> None:
    rows = _rows(len(values))
    for number, (clients, waited, paused, astray) in enumerate(values):
        name, waits = f"d{number}_read", {"client_active_connections": clients, "client_maxwait_seconds": waited}
        rows = _changed(rows, "pools", "database", name, **waits)
        rows = _changed(rows, "databases", "name", name, paused=int(paused), pool_size=clients)
        rows = _changed(rows, "desired_pools", "pool", name, target=int(not astray))
    found = StackSeries().bounded(rows, _owners(len(values)), "d0", most)
    assert len(_names(found["totals"])) <= most * len(KINDS) + 1
    extremes: dict[str, Callable[[list[float]], float]] = {"max": max, "min": min, "sum": sum}
    for source, family in FAMILIES.items():
        for metric in family.metrics:
            before, after = ([float(row[metric.column]) for row in each[source]] for each in (rows, found))
            if metric.kind == "gauge":  # a counter of the rest counts from when it was first seen
                assert extremes[metric.rest](after) == extremes[metric.rest](before), metric.column


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(1, 50)), max_size=20))
def test_what_pools_of_the_rest_do_is_counted_to_the_last_query(looks: list[tuple[int, int]]) -> None:
    series, queries, owners, before = StackSeries(), {"d0": 9e9}, _owners(6), None
    for number, more in looks:
        queries[f"d{number}"] = queries.get(f"d{number}", 0) + more
        rows = series.bounded(_rows(6, queries), owners, "d0", 1)["totals"]
        now = {row["database"]: row["queries_pooled_total"] for row in rows}
        if before is not None:
            grown = sum(now[name] - before[name] for name in now)
            assert grown == more * len(KINDS)
        before = now


@pytest.mark.parametrize(
    ("source", "label", "fault"),
    [
        ("pools", "database", {"client_maxwait_seconds": 2.0}),
        ("databases", "name", {"paused": 1}),
        ("databases", "name", {"disabled": 1}),
        ("desired_pools", "pool", {"target": 0}),
    ],
)
def test_a_pool_in_trouble_has_a_name_before_it_is_busy(source: str, label: str, fault: dict[str, float]) -> None:
    busy = {"d1": 100.0, "d2": 90.0}
    rows = _changed(_rows(9, busy), source, label, "d7_read", **fault)
    found = StackSeries().bounded(rows, _owners(9), "d0", 2)
    assert "d7_read" in _names(found[source], label)
    assert "d1_read" not in _names(found[source], label)


def test_while_all_are_paused_the_same_pools_have_names_as_before() -> None:
    series, rows, owners = StackSeries(), _rows(9, {f"d{n}": float(n) for n in range(9)}), _owners(9)
    before = _names(series.bounded(rows, owners, "d0", 4)["totals"])
    rows["databases"] = [{**row, "paused": 1} for row in rows["databases"]]
    assert _names(series.bounded(rows, owners, "d0", 4)["totals"]) == before


def test_a_pool_that_clients_made_is_a_database_by_itself() -> None:
    rows = _rows(2)
    rows["totals"].append(_row(pgbouncer.TOTALS, {"database": "test_1", "queries_pooled_total": 500}))
    assert "test_1" in _names(StackSeries().bounded(rows, _owners(2), "d0", 2)["totals"])


def test_users_of_pools_beyond_the_room_are_one_of_each_pool() -> None:
    rows: list[Row] = [
        {"database": "d0", "user": f"u{n}", "client_waiting_connections": 1, "client_maxwait_seconds": n / 1000}
        for n in range(700)
    ]
    found = StackSeries().bounded({"pools": rows}, _owners(1), "d0", 1)["pools"]
    (rest,) = [row for row in found if row["user"] == OTHER]
    assert (len(found), rest["client_waiting_connections"], rest["database"]) == (401, 300, "d0")


def test_of_hundreds_of_databases_no_more_pools_have_names_than_there_is_room_for() -> None:
    found = StackSeries().bounded(_rows(500), _owners(500), "d0", 200)
    for source in ("pools", "totals", "databases", "desired_pools"):
        assert len(found[source]) <= MOST_POOLS + 1
