"""What the bench of switchover and failover makes of what its clients wrote down."""

import xml.etree.ElementTree as ElementTree
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.bench.promotion.attempts import Attempt, client_gap, longest_gap, lost, percentile, read_attempts
from tests.bench.promotion.load import aborted_clients, first_rate
from tests.bench.promotion.outcomes import Bench, Outcome, from_json, table, to_json
from tests.bench.promotion.plot import plot
from tests.bench.promotion.record import IMAGES, PAGE, page, recorded

moments = st.floats(0, 100)


def written(*ends: float, client: int = 0) -> list[Attempt]:
    return [Attempt("written", client, number, end - 0.01, end) for number, end in enumerate(ends)]


def test_the_longest_time_between_two_acknowledged_writes_is_the_gap() -> None:
    gap = longest_gap([*written(1.0, 1.5, 4.0, 4.1), Attempt("failed", 0, 9, 2.0, 3.0)], 0.5, 5.0)
    assert (gap.began, gap.ended, gap.seconds) == (1.5, 4.0, 2.5)


def test_nothing_written_at_all_is_a_gap_from_edge_to_edge() -> None:
    assert longest_gap([], 2.0, 7.0).seconds == 5.0
    assert client_gap([], 2.0, 7.0).seconds == 5.0


def test_one_client_that_waits_is_seen_though_others_write() -> None:
    attempts = [*written(1.0, 9.0, client=1), *written(*map(float, range(1, 10)), client=2)]
    assert longest_gap(attempts, 1.0, 9.0).seconds == 1.0
    assert client_gap(attempts, 1.0, 9.0).seconds == 8.0


@given(st.lists(moments), moments, moments)
def test_a_gap_holds_no_write_and_no_other_is_longer(ends: list[float], one: float, other: float) -> None:
    began, ended = sorted((one, other))
    attempts = written(*ends)
    gap = longest_gap(attempts, began, ended)
    assert began <= gap.began <= gap.ended <= ended
    assert not [end for end in ends if gap.began < end < gap.ended]
    count = sum(began < end < ended for end in ends)
    assert gap.seconds >= (ended - began) / (count + 1) - 1e-9
    assert client_gap(attempts, began, ended).seconds >= gap.seconds


def test_lost_is_what_was_acknowledged_and_is_not_there() -> None:
    attempts = [*written(1.0, 2.0, 3.0), Attempt("failed", 0, 3, 3.0, 3.5)]
    assert lost(attempts, {(0, 0), (0, 2)}) == {(0, 1)}
    assert lost(attempts, {(0, 0), (0, 1), (0, 2), (0, 3)}) == set()


def test_a_log_is_read_up_to_its_last_whole_line() -> None:
    text = "written\t3\t17\t1.500000\t1.510000\t\nrefused\t4\t0\t1.600000\t1.700000\tno route\nwritten\t3\t18\t1.5"
    assert read_attempts(text) == [
        Attempt("written", 3, 17, 1.5, 1.51),
        Attempt("refused", 4, 0, 1.6, 1.7, "no route"),
    ]
    assert read_attempts("") == []


@given(st.lists(moments, min_size=1), st.integers(1, 100))
def test_so_many_of_a_hundred_are_no_greater_than_the_percentile(values: list[float], percent: int) -> None:
    found = percentile(values, percent)
    assert found in values
    assert sum(value <= found for value in values) * 100 >= percent * len(values)
    assert sum(value < found for value in values) * 100 < percent * len(values)


def test_a_percentile_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="nothing"):
        percentile([], 50)


def test_clients_of_pgbench_that_gave_up_are_counted_once() -> None:
    printed = (
        "progress: 1.0 s, 100.0 tps, lat 1.0 ms stddev 0.1, 0 failed\n"
        "progress: 2.0 s, 300.0 tps, lat 1.0 ms stddev 0.1, 0 failed\n"
        "pgbench: error: client 3 script 0 aborted in command 5 query 0: FATAL:  terminating connection\n"
        "pgbench: error: client 3 aborted while receiving the transaction status\n"
        "pgbench: error: client 7 script 0 aborted in command 4 query 0: \n"
    )
    assert aborted_clients(printed) == 2
    assert first_rate(printed) == 200.0
    assert (aborted_clients(""), first_rate("")) == (0, 0.0)


BENCH = Bench(
    name="switchover",
    about="here",
    runs={
        "PODS": [Outcome(gap=0.4, silence=0.39, rate=700), Outcome(gap=0.6, silence=0.5, rate=900)],
        "Patroni": [Outcome(gap=6.0, silence=5.5, failed=90, refused=4, aborted=8)],
    },
)


def test_the_table_has_percentiles_sums_and_the_ratio() -> None:
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in table(BENCH).splitlines()]
    assert rows[0][:4] == ["", "runs", "gap, p50", "p95"]
    assert rows[2:] == [
        ["PODS", "2", "0.40 s", "0.60 s", "0.60 s", "0", "0 of 16", "0", "700"],
        ["Patroni", "1", "6.00 s", "6.00 s", "6.00 s", "90", "8 of 8", "0", "0"],
        ["ratio", "", "0.07", "0.10", "0.10", "", "", "", ""],
    ]


def test_of_a_failover_the_first_write_counts() -> None:
    runs = {"PODS": [replace(BENCH.runs["PODS"][0], first_write=5.0, lost=3)]}
    assert "| PODS | 1 | 5.00 s | 5.00 s | 5.00 s | 0 | 0 of 8 | 3 | 700 |" in table(
        replace(BENCH, name="failover", runs=runs)
    )


def test_benches_come_back_from_their_file() -> None:
    assert from_json(to_json([BENCH])) == [BENCH]


@given(st.lists(st.floats(0.001, 500), min_size=1))
def test_a_plot_has_a_dot_within_it_for_every_run(seconds: list[float]) -> None:
    bench = replace(BENCH, runs={"PODS": [Outcome(gap=value, silence=value) for value in seconds]})
    dots = [each for each in ElementTree.fromstring(plot(bench)).iter() if each.tag.endswith("circle")]
    assert len(dots) == len(seconds)
    assert all(90 <= float(dot.get("cx", "")) <= 730 for dot in dots)


def test_a_table_takes_the_place_of_the_one_before() -> None:
    text = "before\n<!-- switchover: begin -->\nold\n<!-- switchover: end -->\nafter\n"
    shown = page(text, [BENCH])
    assert shown.startswith(f"before\n<!-- switchover: begin -->\nhere.\n\n{table(BENCH)}\n[Every run]")
    assert shown.endswith("(../images/switchover.svg)\n<!-- switchover: end -->\nafter\n")
    assert "old" not in shown
    assert page(shown, [BENCH]) == shown


def test_the_documentation_shows_what_is_on_record(hold: Callable[[Path, str], None]) -> None:
    assert {bench.name for bench in recorded()} <= {"switchover", "failover"}
    hold(PAGE, page(PAGE.read_text(encoding="utf-8"), recorded()))
    for bench in recorded():
        hold(IMAGES / f"{bench.name}.svg", plot(bench))
