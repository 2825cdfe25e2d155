"""Containers are told the same way on cgroup v1 and v2."""

import json
from typing import TYPE_CHECKING, Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporters.gate.rows import STATES, container_row, labels_of, network_rows, state_rows
from exporters.metrics import containers
from tests.unit.engine_samples import sample

if TYPE_CHECKING:
    from exporters.gate.engine_types import Stats

RUNNING = sample("inspect_running")
V1, V2 = sample("stats_v1"), sample("stats_v2")


def _row(stats: Any, **inspected: Any) -> dict[str, Any]:
    return container_row(RUNNING | inspected, stats)


def test_cgroup_v1_is_read_by_its_own_names() -> None:
    row = _row(V1)
    assert row["cpu_usage_seconds_total"] == pytest.approx(0.349200372)
    assert (row["cpu_user_seconds_total"], row["cpu_system_seconds_total"]) == (0.32, 0.02)
    assert row["memory_usage_bytes"] == 32862208
    assert row["memory_working_set_bytes"] == 32862208 - 31531008
    assert (row["memory_rss"], row["memory_cache"], row["memory_mapped_file"]) == (106496, 31559680, 0)


def test_on_cgroup_v1_what_a_container_s_own_groups_use_counts_too() -> None:
    detail = {"rss": 1, "cache": 1, "inactive_file": 1, "mapped_file": 1}
    detail |= {f"total_{name}": 5 for name in detail}
    row = _row({**V1, "memory_stats": {"usage": 100, "stats": detail}})
    assert row["memory_working_set_bytes"] == 95
    assert (row["memory_rss"], row["memory_cache"], row["memory_mapped_file"]) == (5, 5, 5)


def test_cgroup_v2_is_read_by_its_own_names() -> None:
    row = _row(V2)
    assert row["memory_usage_bytes"] == 76193792
    assert row["memory_working_set_bytes"] == 76193792 - 16945152
    assert (row["memory_rss"], row["memory_cache"], row["memory_mapped_file"]) == (9900032, 60698624, 28946432)
    assert (row["fs_reads_bytes_total"], row["fs_writes_bytes_total"]) == (7593984 + 16, 100 + 23)


def test_both_have_the_same_columns_but_for_throttling_which_takes_a_quota() -> None:
    throttling = {name for name in _row(V1) if "_cfs_" in name}
    assert set(_row(V1)) - set(_row(V2)) == throttling
    assert len(throttling) == 3
    assert set(_row(V2)) <= set(_row(V1))


def test_disks_on_cgroup_v1_are_written_with_a_capital() -> None:
    entries = [{"op": op, "value": value} for op, value in (("Read", 3), ("Write", 5), ("Sync", 8), ("Total", 8))]
    row = _row({**V1, "blkio_stats": {"io_service_bytes_recursive": entries}})
    assert (row["fs_reads_bytes_total"], row["fs_writes_bytes_total"]) == (3, 5)


@pytest.mark.parametrize("blkio", [None, {}, {"io_service_bytes_recursive": None}])
def test_a_kernel_that_counts_no_disks_is_no_error(blkio: dict[str, Any] | None) -> None:
    row = _row({**V2, "blkio_stats": blkio})
    assert (row["fs_reads_bytes_total"], row["fs_writes_bytes_total"]) == (0, 0)


def test_a_quota_is_in_microseconds_of_a_period_and_throttling_in_seconds() -> None:
    row = _row(V1)
    assert (row["spec_cpu_quota"], row["spec_cpu_period"]) == (20_000, 100_000)
    assert (row["cpu_cfs_periods_total"], row["cpu_cfs_throttled_periods_total"]) == (42, 1)
    assert row["cpu_cfs_throttled_seconds_total"] == pytest.approx(0.022253979)
    assert row["spec_memory_limit_bytes"] == 64 << 20


def test_without_a_quota_there_is_none_rather_than_zero() -> None:
    unlimited = _row(V2, HostConfig={"Memory": 0, "NanoCpus": 0})
    assert not {"spec_cpu_quota", "spec_cpu_period", "cpu_cfs_periods_total"} & unlimited.keys()
    assert unlimited["spec_memory_limit_bytes"] == 0


def test_a_container_that_does_not_run_uses_nothing_and_is_told_all_the_same() -> None:
    stopped = sample("inspect_stopped")
    row = container_row(stopped, None)
    assert (row["name"], row["exit_code"], row["oom_killed"], row["restarts_total"]) == ("u-sample", 137, 0, 0)
    assert not [name for name in row if name.startswith(("cpu_", "memory_", "fs_"))]


def test_every_column_that_a_metric_wants_is_there() -> None:
    wanted = {
        column
        for family in containers.FAMILIES
        if family.source == "containers"
        for column in (*family.labels, *(metric.column for metric in family.metrics))
    }
    assert wanted - set(_row(V1)) == {"oom_events_total"}  # the reader counts those


def test_every_column_that_an_interface_s_metric_wants_is_there() -> None:
    family = next(family for family in containers.FAMILIES if family.source == "networks")
    rows = network_rows(RUNNING, V2)
    assert [row["interface"] for row in rows] == ["eth0"]
    assert {metric.column for metric in family.metrics} | set(family.labels) <= set(rows[0])
    assert rows[0]["network_receive_bytes_total"] == 819038
    assert rows[0]["network_transmit_packets_dropped_total"] == 3
    assert rows[0]["network_receive_errors_total"] == 2


@pytest.mark.parametrize("networks", [{}, {"networks": None}])
def test_a_container_without_a_network_has_no_interface(networks: dict[str, None]) -> None:
    bare = {name: value for name, value in V2.items() if name != "networks"}
    assert network_rows(RUNNING, cast("Stats", bare | networks)) == []


def test_nothing_of_the_environment_is_told() -> None:
    told = json.dumps([_row(V1), state_rows(RUNNING), network_rows(RUNNING, V1)])
    assert "nobody-s-business" in json.dumps(RUNNING)
    assert "nobody-s-business" not in told


def test_a_container_is_named_as_compose_names_it() -> None:
    labels = labels_of(RUNNING)
    assert (labels["name"], labels["container_label_com_docker_compose_service"]) == ("u-sample", "sample")
    assert (
        labels_of(RUNNING | {"Config": {"Image": "x", "Labels": None}})["container_label_com_docker_compose_service"]
        == ""
    )


@given(st.sampled_from(STATES), st.sampled_from([None, "none", "starting", "healthy", "unhealthy"]))
def test_a_container_is_in_exactly_one_state(status: str, health: str | None) -> None:
    state = {"Status": status} | ({} if health is None else {"Health": {"Status": health}})
    rows = {row["state"]: row["container_state"] for row in state_rows(RUNNING | {"State": state})}
    assert [name for name in STATES if rows[name]] == [status]
    assert rows.get("unhealthy") == (None if health is None else int(health == "unhealthy"))


@given(usage=st.integers(0, 1 << 40), inactive=st.integers(0, 1 << 40))
def test_the_working_set_is_never_negative(usage: int, inactive: int) -> None:
    row = _row({**V2, "memory_stats": {"usage": usage, "stats": {"anon": 0, "inactive_file": inactive}}})
    assert row["memory_working_set_bytes"] == max(0, usage - inactive)
