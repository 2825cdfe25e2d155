"""What the scripts of the dashboards compute, run by a browser: numbers as text, stacking, bands, places of panels."""

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from health.page import FOLDER
from tests.fix_browser import quiet_page

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Route

SITE = "http://page.test/"
Call = Callable[..., Any]
_CALL = """async ([path, name, given]) =>
  (await import(path))[name](...given.map((one) => (one?.set ? new Set(one.set) : one)))"""


@pytest.fixture(scope="module")
def call(chromium: "Browser") -> Iterator[Call]:
    """Call an exported function of a module with JSON."""

    def serve(route: "Route") -> None:
        path = FOLDER / route.request.url.removeprefix(SITE)
        kind = "text/javascript" if path.suffix == ".js" else "text/html"
        route.fulfill(body=path.read_text() if path.suffix == ".js" else "<!doctype html>", content_type=kind)

    with quiet_page(chromium) as page:
        page.route("**/*", serve)
        page.goto(SITE)

        def run(module: str, name: str, *arguments: Any) -> Any:
            """A Python set becomes a JavaScript one."""
            given = [{"set": sorted(one)} if isinstance(one, set) else one for one in arguments]
            return page.evaluate(_CALL, [f"/dashboards/{module}.js", name, given])

        yield run


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (0, "bytes", "0 B"),
        (1023, "bytes", "1023 B"),
        (1536, "bytes", "1.50 KiB"),
        (256 * 2**20, "bytes", "256 MiB"),
        (4.41 * 2**30, "bytes", "4.41 GiB"),
        (1500, "Bps", "1.50 kB/s"),
        (0, "s", "0 s"),
        (0.0057, "s", "5.70 ms"),
        (0.00000578, "s", "5.78 µs"),
        (59, "s", "59 s"),
        (1254, "s", "20.9 min"),
        (129600, "s", "1.50 d"),
        (250, "ms", "250 ms"),
        (185, "ops", "185 ops/s"),
        (65700, "ops", "65.7 K ops/s"),
        (70400, "rowsps", "70.4 K rows/s"),
        (0.151, "percentunit", "15.1%"),
        (1, "percentunit", "100%"),
        (46800, "short", "46.8 K"),
        (2.1e9, "short", "2.10 Bil"),
        (0.0733, "none", "0.0733"),
        (1e6, "none", "1000000"),
        (-37.4, "none", "-37.4"),
        (None, "bytes", "–"),
    ],
)
def test_a_value_is_shown_in_its_unit(call: Call, value: float | None, unit: str, text: str) -> None:
    assert call("units", "format", value, unit) == text


def test_decimals_can_be_set(call: Call) -> None:
    assert call("units", "format", 0.151, "percentunit", 0) == "15%"
    assert call("units", "format", 0.36, "none", 2) == "0.36"


def test_marks_of_an_axis_can_be_told_apart(call: Call) -> None:
    assert call("units", "ticks", [0, 0.5, 1, 1.5], "s") == ["0 s", "0.5 s", "1.0 s", "1.5 s"]
    assert call("units", "ticks", [0, 2**21, 2**22], "bytes") == ["0 B", "2 MiB", "4 MiB"]
    assert call("units", "ticks", [0, 0.25, 0.5], "percentunit") == ["0%", "25%", "50%"]


_VALUES = st.one_of(st.none(), st.integers(0, 1000))
_COLUMNS = st.integers(1, 5).flatmap(
    lambda n: st.lists(st.lists(_VALUES, min_size=n, max_size=n), min_size=1, max_size=4)
)


@given(columns=_COLUMNS, picked=st.sets(st.integers(0, 3)))
def test_a_stack_ends_at_the_sum_of_what_is_shown(
    call: Call, columns: list[list[int | None]], picked: set[int]
) -> None:
    drawn = call("stacking", "stacked", columns, picked)
    for at in range(len(columns[0])):
        there = [(index, column[at]) for index, column in enumerate(columns)]
        shown: list[int] = [value for index, value in there if index not in picked and value is not None]
        whole = sum(shown) if shown else None
        assert call("stacking", "total", columns, picked, at) == whole
        tops = [column[at] for column in drawn if column[at] is not None]
        assert tops == sorted(tops)
        assert (tops[-1] if tops else None) == whole


def test_a_state_is_one_band_until_it_changes_or_nothing_is_known(call: Call) -> None:
    pieces = call("bands", "merged", [0, 5, 10, 15, 20, 25], [1, 1, 2, None, 2, 2], 5)
    assert [(piece["value"], piece["from"], piece["to"]) for piece in pieces] == [(1, 0, 10), (2, 10, 15), (2, 20, 30)]


def test_a_repeated_panel_stands_once_for_each_value_and_moves_what_follows(call: Call) -> None:
    panels: list[dict[str, Any]] = [
        {"id": 1, "x": 0, "y": 5, "w": 24, "h": 8, "repeat": "instance"},
        {"id": 2, "x": 0, "y": 13, "w": 24, "h": 4, "repeat": ""},
    ]
    placed = call("placement", "placed", panels, {"instance": ["a", "b", "c", "d"]})
    wheres = [(one["key"], *(one["where"][side] for side in "xywh")) for one in placed]
    four = [("1-a", 0, 0, 8, 8), ("1-b", 8, 0, 8, 8), ("1-c", 16, 0, 8, 8), ("1-d", 0, 8, 8, 8)]
    assert wheres == [*four, ("2", 0, 16, 24, 4)]


@pytest.mark.parametrize(
    ("value", "colour"), [(None, "green"), (0.5, "green"), (0.8, "orange"), (0.95, "red"), (3, "red")]
)
def test_the_highest_threshold_that_is_reached_colours_a_value(call: Call, value: float | None, colour: str) -> None:
    thresholds = [{"value": 0.8, "colour": "orange"}, {"value": 0.95, "colour": "red"}]
    assert call("colours", "judged", value, {"thresholds": thresholds, "base": "green"})["colour"] == colour
