"""However much of anything there is: the page stays below Prometheus' limit, nothing is lost, and series stay."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cluster.config.mounted import ClusterConfig
from cluster.config.server_settings import MOST_REPLICAS
from cluster.pools import pools_of_databases
from compose.render.prometheus_yml import SAMPLE_LIMIT
from exporters.collectors.container_stats import GateReading
from exporters.collectors.pgbouncer_console import ConsoleReading
from exporters.collectors.statistics import Statistics
from exporters.declarations import Row
from exporters.metrics.cardinality import OTHER, TopN
from exporters.metrics.postgres import COLLECTORS, SOURCES
from exporters.metrics.probe import node_metrics
from exporters.metrics.series import MOST_DATABASES, STATEMENTS, NodeSeries
from exporters.metrics.stack import stack_metrics
from exporters.metrics.stack_series import MOST_POOLS
from exporters.scrape import Scraper
from tests.fix_settings import settings_of, topology_of, with_databases
from tests.unit.exporters.exposition import Samples, read_back, samples_in, value_of
from tests.unit.sql_columns import columns_of

ROOM = 0.8 * SAMPLE_LIMIT
"""Above this an alert fires."""
STATES = (
    "active", "idle", "idle in transaction", "idle in transaction (aborted)", "fastpath function call", "disabled"
)  # fmt: skip
MODES = 9
IO_ROWS = 100
"""More than pg_stat_io of PostgreSQL 18 has."""


def _row(source: str, **values: Any) -> Row:
    return dict.fromkeys(columns_of(source), 1) | values


def _rows(databases: int, sessions: int = 0, slots: int = 0, standbys: int = 0) -> dict[str, tuple[Row, ...]]:
    """What a node answers whose owners made so many of each; the later a database was made, the larger it is."""
    names = [f"t{number}" for number in range(databases)]
    rows: dict[str, tuple[Row, ...]] = {source.name: (_row(source.name),) for source in SOURCES}
    clients = tuple(
        _session(f"t{n % max(databases, 1)}", STATES[n % 6], f"r{n}", f"app{n}", 1) for n in range(sessions)
    )
    return rows | {
        "metrics_databases": tuple(
            _row("metrics_databases", datname=name, datid=str(n), connection_limit=-1) for n, name in enumerate(names)
        ),
        "metrics_sizes": tuple(_row("metrics_sizes", datname=name, size_bytes=n) for n, name in enumerate(names)),
        "metrics_locks": tuple(
            _row("metrics_locks", datname=name, mode=f"m{mode}") for name in names for mode in range(MODES)
        ),
        "metrics_activity": (*(_session(name, state, "", "", 0) for name in names for state in STATES), *clients),
        "metrics_io": tuple(_row("metrics_io", object=str(n)) for n in range(IO_ROWS)),
        "metrics_statements": _statements({str(n): n for n in range(40)}),
        "slots": tuple(_row("slots", slot_name=f"s{n}", retained_bytes=n, invalidated=0) for n in range(slots)),
        "standbys": tuple(
            _row("standbys", standby=f"w{n}", application_name=f"w{n}", state="streaming") for n in range(standbys)
        ),
    }


def _statements(calls: Mapping[str, float]) -> tuple[Row, ...]:
    """A reading of pg_stat_statements: every call takes a second."""
    return tuple(
        _row("metrics_statements", datname="shop", queryid=queryid, calls=each, seconds=each)
        for queryid, each in calls.items()
    )


def _session(datname: str, state: str, usename: str, application: str, count: int) -> Row:
    labels = {"datname": datname, "state": state, "usename": usename, "application_name": application}
    return _row("metrics_activity", **labels, count=count, max_tx_duration=7.0 * count)


def _scrape(rows: dict[str, tuple[Row, ...]], series: NodeSeries | None = None, most: int = MOST_DATABASES) -> Samples:
    return read_back(node_metrics(Statistics(rows=rows), 0.1, series, most=most, first=("postgres", "replica1")))


MANY = st.sampled_from([0, 3, 1000])


@settings(max_examples=6, deadline=None)
@given(databases=MANY, sessions=MANY, slots=MANY, standbys=MANY, most=st.sampled_from([1, MOST_DATABASES]))
def test_whoever_makes_many_of_anything_does_not_blind_the_monitoring_of_a_node(
    databases: int, sessions: int, slots: int, standbys: int, most: int
) -> None:
    metrics = node_metrics(Statistics(rows=_rows(databases, sessions, slots, standbys)), 0.1, most=most)
    assert sum(len(metric.samples) for metric in metrics) < ROOM


@pytest.fixture
def inside(tmp_path: Path) -> ClusterConfig:
    config = settings_of(replicas=str(MOST_REPLICAS))
    return ClusterConfig(settings=config, topology=topology_of(config), secrets=tmp_path, ca=tmp_path)


def test_nor_that_of_the_stack(inside: ClusterConfig) -> None:
    count, user, name, text = 700, "pods_of_all", "x" * 60, "y" * 5000
    console = ConsoleReading(
        rows={
            "pools": [
                {"database": pool, "user": f"{user}{n}", "cl_active": 1, "client_active_connections": 1}
                for pool in ("appdb", "appdb_write", "appdb_read")
                for n in range(count)
            ],
            "totals": [],
            "databases": [],
            "lists": [],
            "config": [],
            "version": [],
        }
    )
    boxes = [{"name": f"{name}{n}", "cpu": "total", "image": text} for n in range(count)]
    gate = GateReading(
        rows={
            "containers": [
                {**box, "container_label_com_docker_compose_service": text, **_container_values()} for box in boxes
            ],
            "networks": [
                {**box, "interface": f"eth{n}", "network_receive_bytes_total": 1} for box in boxes for n in (1, 2)
            ],
            "states": [{**box, "state": str(n), "container_state": 1} for box in boxes for n in range(9)],
            "disks": [{"mount": f"{name}{n}", "size_bytes": 1, "avail_bytes": 1} for n in range(count)],
        }
    )
    metrics = stack_metrics(inside, console, gate, "1")
    assert sum(len(metric.samples) for metric in metrics) < ROOM
    found = read_back(metrics)
    assert value_of(found, "pods_scrape_not_shown", what="containers") == count - 150
    assert max(len(value) for _, labels in found for _, value in labels) <= 1024


def test_hundreds_of_declared_databases_leave_the_stack_s_page_far_below_the_limit(inside: ClusterConfig) -> None:
    config = replace(inside, settings=with_databases(inside.settings, 500))
    found = read_back(stack_metrics(config, ConsoleReading(rows=_console_of(config)), GateReading(), "1"))
    assert len(found) < ROOM / 2
    assert value_of(found, "pods_scrape_not_shown", what="databases") == 500 - MOST_POOLS // (3 + MOST_REPLICAS)
    used = sum(value for (name, _), value in found.items() if name == "pgbouncer_pools_client_active_connections")
    assert used == 500 * (3 + MOST_REPLICAS)


def _console_of(config: ClusterConfig) -> dict[str, list[Row]]:
    """PgBouncer with a client in each of its pools."""
    led = list(pools_of_databases(config.settings, config.topology))
    values = dict.fromkeys(("pool_size", "reserve_pool", "max_connections", "current_connections", "paused"), 0)
    texts = {"port": "5432", "force_user": "", "pool_mode": "", "disabled": 0}
    return {
        "pools": [
            {"database": pool, "user": database.owner, "client_active_connections": 1, "client_maxwait_seconds": 0.0}
            for database, pool, _ in led
        ],
        "totals": [{"database": pool, "queries_pooled_total": 1.0} for _, pool, _ in led],
        "databases": [
            {"name": pool, "database": database.name, "host": ",".join(hosts), **values, **texts}
            for database, pool, hosts in led
        ],
        "lists": [],
        "config": [],
        "version": [],
    }


def _container_values() -> Row:
    from exporters.metrics.containers import FAMILIES

    return {
        metric.value or metric.column: 1
        for family in FAMILIES
        if family.source == "containers"
        for metric in family.metrics
    }


def _named(found: Samples, metric: str, label: str = "datname") -> set[str]:
    return {dict(labels)[label] for name, labels in found if name == metric}


def test_the_largest_have_their_own_series_and_the_rest_is_one() -> None:
    found = _scrape(_rows(10), most=3)
    assert _named(found, "pg_stat_database_numbackends") == {"t9", "t8", "t7", OTHER}
    assert value_of(found, "pg_stat_database_numbackends", datname=OTHER, datid="0") == 7
    assert value_of(found, "pg_database_size_bytes", datname=OTHER) == sum(range(7))
    assert value_of(found, "pg_locks_count", datname=OTHER, mode="m0") == 7
    assert value_of(found, "pods_scrape_not_shown", what="databases") == 7
    assert _named(found, "pg_database_connection_limit") == {"t9", "t8", "t7"}


def test_nothing_is_called_other_while_everything_has_its_own_series() -> None:
    found = _scrape(_rows(10), most=10)
    assert _named(found, "pg_stat_database_numbackends") == {f"t{n}" for n in range(10)}
    assert value_of(found, "pods_scrape_not_shown", what="databases") == 0


def test_ages_of_the_rest_are_the_oldest_s() -> None:
    rows = _rows(4)
    old = tuple(dict(row) | {"xid_age": 100 * n} for n, row in enumerate(rows["metrics_databases"]))
    found = _scrape(rows | {"metrics_databases": old}, most=1)
    assert value_of(found, "pods_database_xid_age", datname=OTHER) == 200


def test_who_is_nearest_to_wraparound_has_a_name_and_keeps_it() -> None:
    rows, series = _rows(9), NodeSeries()

    def scrape(ages: dict[str, int]) -> Samples:
        aged = tuple(dict(row) | {"xid_age": ages.get(row["datname"], 5)} for row in rows["metrics_databases"])
        return _scrape(rows | {"metrics_databases": aged}, series, most=2)

    found = scrape({"t3": 1_300_000_000})
    assert value_of(found, "pods_database_xid_age", datname="t3") == 1_300_000_000
    assert value_of(found, "pods_database_xid_age", datname=OTHER) == 5
    found = scrape({"t3": 200, "t4": 200})
    assert _named(found, "pods_database_xid_age") == {"t3", "t8", OTHER}, "of equals, who was shown"


def test_declared_databases_come_before_larger_ones_and_among_them_the_larger() -> None:
    metrics = node_metrics(
        Statistics(rows=_rows(10)), 0.1, most=4, first=("t0",), declared=("t1", "t2", "t3", "absent")
    )
    shown = _named(read_back(metrics), "pg_stat_database_numbackends")
    assert shown == {"t0", "t9", "t3", "t2", OTHER}, "t9 is the oldest"


def test_the_cluster_s_own_database_and_what_was_left_half_dropped_are_always_shown() -> None:
    rows = _rows(10)
    states: dict[int, dict[str, Any]] = {0: {"datname": "postgres"}, 1: {"connection_limit": -2}}
    databases = tuple(dict(row) | states.get(n, {}) for n, row in enumerate(rows["metrics_databases"]))
    found = _scrape(rows | {"metrics_databases": databases}, most=3)
    assert _named(found, "pg_database_connection_limit") == {"postgres", "t1", "t9"}
    assert value_of(found, "pg_database_connection_limit", datname="t1") == -2


def test_a_database_that_is_called_other_is_part_of_the_rest_and_hides_nothing() -> None:
    rows = _rows(5)
    sizes = (*rows["metrics_sizes"], _row("metrics_sizes", datname=OTHER, size_bytes=1000))
    databases = (*rows["metrics_databases"], _row("metrics_databases", datname=OTHER, datid="99"))
    found = _scrape(rows | {"metrics_sizes": sizes, "metrics_databases": databases}, most=2)
    assert value_of(found, "pg_database_size_bytes", datname=OTHER) == 1000 + 0 + 1 + 2
    assert value_of(found, "pg_stat_database_numbackends", datname=OTHER, datid="0") == 4


def _counted(rows: dict[str, tuple[Row, ...]], commits: dict[str, int]) -> dict[str, tuple[Row, ...]]:
    """Only these databases, with so many commits."""
    chosen = tuple(
        dict(row) | {"xact_commit": commits[row["datname"]]}
        for row in rows["metrics_databases"]
        if row["datname"] in commits
    )
    sizes = tuple(row for row in rows["metrics_sizes"] if row["datname"] in commits)
    return {"metrics_databases": chosen, "metrics_sizes": sizes}


@given(
    st.lists(st.dictionaries(st.sampled_from([f"t{n}" for n in range(6)]), st.integers(0, 50), min_size=4), max_size=8)
)
def test_counters_of_the_rest_never_fall_whoever_is_made_dropped_or_reset(looks: list[dict[str, int]]) -> None:
    """A fall would be read as a restart, and the whole sum as what happened since."""
    series, rows, last, commits = NodeSeries(), _rows(6), 0.0, dict.fromkeys((f"t{n}" for n in range(6)), 1000)
    for growth in looks:
        commits |= {name: commits[name] + more for name, more in growth.items()}
        found = _scrape(_counted(rows, {name: commits[name] for name in growth}), series, most=2)
        now = value_of(found, "pg_stat_database_xact_commit", datname=OTHER, datid="0")
        assert last <= now <= last + sum(growth.values())
        last = now


def test_the_rest_counts_what_it_grew_by() -> None:
    series, rows = NodeSeries(), _rows(6)
    for commits in (100, 107):
        found = _scrape(_counted(rows, {f"t{n}": commits for n in range(6)}), series, most=2)
    assert value_of(found, "pg_stat_database_xact_commit", datname=OTHER, datid="0") == 4 * 7


def test_a_database_gives_way_only_to_one_of_twice_its_size() -> None:
    series = TopN()
    assert series.choose({"a": 100, "b": 90, "c": 80}, 2) == {"a", "b"}
    assert series.choose({"a": 100, "b": 90, "c": 170}, 2) == {"a", "b"}
    assert series.choose({"a": 100, "b": 90, "c": 181}, 2) == {"a", "c"}
    assert series.choose({}, 2) == frozenset()
    assert series.choose({"a": 100, "b": 170, "c": 100}, 2) == {"a", "c"}, "who was shown is remembered over a failure"


@given(
    st.lists(st.dictionaries(st.text("abc", min_size=1, max_size=2), st.floats(0, 1e9)), max_size=5), st.integers(1, 4)
)
def test_as_many_are_shown_as_may_be(looks: list[dict[str, float]], most: int) -> None:
    series = TopN()
    for weights in looks:
        assert len(series.choose(weights, most)) == min(most, len(weights))


def test_weights_that_do_not_differ_choose_the_same_each_time() -> None:
    names = [f"t{n}" for n in range(50)]
    first, again = (TopN().choose(dict.fromkeys(order, 0.0), 5) for order in (names, names[::-1]))
    assert first == again


def test_sessions_beyond_the_room_are_counted_by_database_and_state() -> None:
    found = _scrape(_rows(2, sessions=1000))
    counts = {
        dict(labels)["usename"]: value for (name, labels), value in found.items() if name == "pg_stat_activity_count"
    }
    assert sum(value for (name, _), value in found.items() if name == "pg_stat_activity_count") == 1000
    assert OTHER in counts
    assert value_of(found, "pods_scrape_not_shown", what="sessions") == 800


def test_slots_of_the_cluster_and_those_that_hold_most_back_are_shown() -> None:
    rows = _rows(1, slots=300, standbys=300)
    slots = (*rows["slots"], _row("slots", slot_name="replica1_slot", retained_bytes=0, invalidated=0))
    slots = (*slots, _row("slots", slot_name="lost", retained_bytes=None, invalidated=1))
    found = _scrape(rows | {"slots": slots})
    shown = _named(found, "pods_slot_invalidated", "slot_name")
    assert {"replica1_slot", "lost"} <= shown
    assert value_of(found, "pods_scrape_not_shown", what="slots") == 232
    assert value_of(found, "pods_replication_streaming_replicas") == 300


def _everything() -> Iterator[str]:
    yield from (source.name for source in SOURCES)


@pytest.mark.parametrize("source", list(_everything()))
def test_what_could_not_be_read_hides_nothing_else(source: str) -> None:
    rows = {name: each for name, each in _rows(5, 5, 5, 5).items() if name != source}
    assert value_of(_scrape(rows, most=2), "pg_up") == 1


def test_a_node_that_answered_and_was_not_read_in_time_is_up_and_says_what_is_missing() -> None:
    scraper, rows = Scraper("1"), _rows(500, 100, 1, 1)
    scraper._begun["primary"] = Statistics(rows={name: rows[name] for name in ("server", "standbys", "metrics_locks")})
    found = samples_in(*scraper.late_node("primary", 3.0).page(""))
    assert value_of(found, "pg_up") == 1
    assert value_of(found, "pods_node_state", state="up") == 1
    assert value_of(found, "pg_replication_is_replica") == 1
    succeeded = {name: value_of(found, "pg_scrape_collector_success", collector=name) for name in COLLECTORS}
    assert {name for name, well in succeeded.items() if well} == {"server", "replication"}


def test_a_node_that_has_not_answered_yet_is_down() -> None:
    scraper = Scraper("1")
    scraper._begun["primary"] = Statistics()
    for node in ("primary", "replica1"):
        found = samples_in(*scraper.late_node(node, 3.0).page(""))
        assert value_of(found, "pg_up") == 0
        assert value_of(found, "pods_node_state", state="timeout") == 1


@given(
    st.lists(
        st.dictionaries(st.integers(1, 40).map(str), st.integers(0, 10**6).map(float), min_size=1, max_size=40),
        min_size=1,
        max_size=8,
    )
)
def test_statements_are_bounded_and_their_rest_never_goes_back(readings: list[dict[str, float]]) -> None:
    series, last = NodeSeries(), 0.0
    for calls in readings:
        rows = series.bounded({"metrics_statements": _statements(calls)}, 10)["metrics_statements"]
        rest = [row["calls"] for row in rows if row["queryid"] == OTHER]
        assert len(rows) - len(rest) == min(len(calls), STATEMENTS)
        assert all(row["calls"] == calls[row["queryid"]] for row in rows if row["queryid"] != OTHER)
        if rest:
            assert rest[0] >= last
            last = rest[0]


def test_who_is_shown_of_the_statements_gives_way_only_to_twice_as_much() -> None:
    series = NodeSeries()
    calls = {str(n): 100.0 for n in range(21)}

    def shown() -> set[str]:
        rows = series.bounded({"metrics_statements": _statements(calls)}, 10)["metrics_statements"]
        return {row["queryid"] for row in rows} - {OTHER}

    first = shown()
    (out,) = calls.keys() - first
    calls[out] = 199.0
    assert shown() == first
    calls[out] = 201.0
    assert out in shown()


def test_a_reading_that_serves_for_several_scrapes_is_summed_once() -> None:
    series, rows = NodeSeries(), _statements({str(n): float(n) for n in range(5000)})
    first = series.bounded({"metrics_statements": rows}, 10)["metrics_statements"]
    assert series.bounded({"metrics_statements": rows}, 10)["metrics_statements"] is first
    assert len(first) == STATEMENTS + 1
