"""What a request may say, and what it may not."""

import re
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashboards.catalog import DASHBOARDS
from dashboards.interpolation import MOST_POINTS
from health.dashboards.panel_parameters import MOST_VALUES, SHOWN, PanelParameters, parse_parameters
from tests.fix_settings import settings_of

NOW = 1_795_000_003.0
OVERVIEW = DASHBOARDS[0]
SETTINGS = settings_of(metrics_days="15")
ODD = [
    "",
    "nan",
    "NaN",
    "inf",
    "-inf",
    "1e30",
    "10^30",
    "-1",
    "0x10",
    " 5",
    "٣",
    "now+1h",
    "now-",
    "now-1w",
    "\0",
    "9" * 40,
]


def _parsed(*given: tuple[str, str]) -> PanelParameters:
    return parse_parameters(given, OVERVIEW, SETTINGS, NOW)


def test_without_any_the_last_hours_of_all_there_is() -> None:
    found = _parsed()
    assert (found.start, found.end, found.points, found.chosen) == (NOW - SHOWN, NOW, MOST_POINTS, {})
    assert (found.scrape, found.cluster) == (SETTINGS.scrape_interval, SETTINGS.project)


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("1794990000", 1794990000.0),
        ("1794990000.5", 1794990000.5),
        ("1794990000000", 1794990000.0),
        ("now-1h", NOW - 3600),
        ("now-90s", NOW - 90),
        ("now-15d", NOW - 15 * 86400),
    ],
)
def test_times_as_programs_and_as_grafana_write_them(text: str, moment: float) -> None:
    assert _parsed(("from", text)).start == moment


def test_values_are_chosen_by_name_and_once_each() -> None:
    found = _parsed(
        ("var-instance", "replica2"), ("var-instance", "primary"), ("var-instance", "replica2"), ("var-cluster", "pods")
    )
    assert found.chosen == {"instance": ("replica2", "primary"), "cluster": ("pods",)}


def test_what_is_another_page_s_is_left_out() -> None:
    assert _parsed(("var-service", "health"), ("refresh", "30s"), ("var-", "x"), ("var-instance", "")).chosen == {}


@pytest.mark.parametrize("name", ["from", "to", "points"])
@pytest.mark.parametrize("text", ODD)
def test_odd_parameters_are_refused_in_one_line(name: str, text: str) -> None:
    with pytest.raises(ValueError, match=rf"^{name} is [^\n]*; not '") as refused:
        _parsed((name, text))
    assert len(str(refused.value)) < 200


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ([("from", "1794990000"), ("to", "1794980000")], "from must be before to"),
        ([("from", "5"), ("to", "5")], "from must be before to"),
        ([("to", "99999999999")], "from must be before to, and both be times"),
        ([("from", "now-16d")], "longer than the 15 days of PODS_METRICS_DAYS"),
        ([("from", "0")], "longer than the 15 days"),
        ([("from", "now-2h"), ("from", "now-1h")], "'from' is there twice"),
        ([("var-cluster", "a"), ("var-cluster", "b")], "var-cluster takes one value"),
        ([("var-instance", str(number)) for number in range(MOST_VALUES + 1)], f"takes {MOST_VALUES}, at most"),
        ([("points", "0")], "points is a whole number"),
    ],
)
def test_what_makes_no_sense_is_refused(given: list[tuple[str, str]], why: str) -> None:
    with pytest.raises(ValueError, match=re.escape(why)):
        _parsed(*given)


@given(st.lists(st.tuples(st.sampled_from(["from", "to", "points", "var-instance", "var-cluster", "x"]), st.text())))
def test_nothing_that_can_be_sent_is_more_than_refused(given: list[tuple[str, str]]) -> None:
    points = 0
    with suppress(ValueError):
        points = len(_parsed(*given).grid().times)
    assert points <= MOST_POINTS


def test_what_is_now_is_the_latest_that_a_scrape_can_have_brought() -> None:
    found = _parsed(("from", "now-15d"))
    assert found.grid(now=True).end == 1_795_000_000
    assert found.grid(now=True).durations["range"] == "1296000s"
    assert found.grid(least=60).step >= 60
