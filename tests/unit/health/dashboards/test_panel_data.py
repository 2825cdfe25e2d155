"""Series as the browser gets them."""

import json

from dashboards.annotations import PRIMARY, RESTARTS, ROLES
from dashboards.interpolation import TimeGrid
from dashboards.model import Query
from health.dashboards.panel_data import MOST_MARKS, MOST_SERIES, course_data, latest, marks, moment_data

GRID = TimeGrid(start=1000, end=1040, step=10, scrape=10)
QUERIES = (Query(expr="a", legend="{{instance}} busy"), Query(expr="b", legend="all"))


def test_values_stand_beside_the_times_they_are_of() -> None:
    results = (
        [{"metric": {"instance": "primary"}, "values": [[1010, "1.5"], [1030, "NaN"], [1040, "+Inf"]]}],
        [{"metric": {}, "values": [[1000, "2"], [1010, "3"], [1020, "4"], [1030, "5"], [1040, "6"]]}],
    )
    found = course_data(QUERIES, results, GRID)
    assert (found["step"], found["times"], found["note"]) == (10, [1000, 1010, 1020, 1030, 1040], "")
    assert found["series"] == [
        {
            "query": 0,
            "legend": "primary busy",
            "labels": {"instance": "primary"},
            "values": [None, 1.5, None, None, None],
        },
        {"query": 1, "legend": "all", "labels": {}, "values": [2.0, 3.0, 4.0, 5.0, 6.0]},
    ]
    json.dumps(found, allow_nan=False)


def test_values_of_now_have_no_times() -> None:
    results = ([{"metric": {"instance": "a"}, "value": [1, "3"]}], [{"metric": {}, "value": [1, "-Inf"]}])
    found = moment_data(QUERIES, results)
    assert [(one["query"], one["legend"], one["value"]) for one in found["series"]] == [
        (0, "a busy", 3.0),
        (1, "all", None),
    ]


def test_more_series_than_can_be_read_are_cut_and_it_is_said() -> None:
    many = [{"metric": {"instance": str(number)}, "value": [1, "1"]} for number in range(MOST_SERIES)]
    whole = moment_data(QUERIES[:1], [many])
    assert (len(whole["series"]), whole["note"]) == (MOST_SERIES, "")
    cut = moment_data(QUERIES, [many, many[:1]])
    assert len(cut["series"]) == MOST_SERIES
    assert cut["note"] == f"Only {MOST_SERIES} series are shown, and there are more: choose fewer."


def test_a_mark_stands_at_the_time_that_its_value_is() -> None:
    change = {"node": "replica1", "event": "switchover", "before": "primary"}
    points = [[1000, "1012000"], [1010, "1012000"], [1020, "1033000"], [1030, "500000"], [1040, "9000000"]]
    found = marks(PRIMARY, [{"metric": change, "values": points}], GRID)
    assert [(mark["time"], mark["title"]) for mark in found] == [
        (1012000, "replica1 became the primary (switchover; before: primary)"),
        (1033000, "replica1 became the primary (switchover; before: primary)"),
    ]
    assert {(mark["name"], mark["colour"]) for mark in found} == {("Another primary", "dark-purple")}


def test_a_mark_without_a_time_stands_where_its_condition_begins() -> None:
    points = [[1000, "1"], [1010, "1"], [1030, "1"], [1040, "0"]]
    found = marks(ROLES, [{"metric": {"instance": "primary"}, "values": points}], GRID)
    assert [mark["time"] for mark in found] == [1000000, 1030000]
    assert found[0]["title"] == "primary changed its role"


def test_marks_are_bounded_and_the_latest_are_kept() -> None:
    results = [
        {"metric": {"instance": f"n{number}"}, "values": [[1000, str(1000000 + number)], [1010, str(1000000 + number)]]}
        for number in range(MOST_MARKS + 50)
    ]
    kept = latest([*marks(RESTARTS, results, GRID), *marks(RESTARTS, results, GRID)])
    assert [mark["time"] for mark in kept] == list(range(1000050, 1000050 + MOST_MARKS))
