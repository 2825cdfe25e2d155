"""Whatever a value is, it is a value: the expression around it stays what it was."""

import re
import string
from datetime import timedelta

import promql_parser
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashboards.catalog import DASHBOARDS
from dashboards.interpolation import (
    LEAST_POINTS,
    MOST_POINTS,
    TimeGrid,
    interpolate,
    legend,
    mark_query,
    time_grid,
)
from dashboards.model import Dashboard
from tests.unit.dashboards.promql import asked, branches

PAGES = pytest.mark.parametrize("page", DASHBOARDS, ids=lambda page: page.uid)
GRID = TimeGrid(start=1_795_000_000, end=1_795_003_600, step=10, scrape=10)
WIDE = TimeGrid(start=0, end=86400, step=300, scrape=10)
VALUES = st.text(
    st.one_of(st.characters(exclude_categories=["Cs"]), st.sampled_from("\"\\$|(){}[]^.*+?\n\r\t\0'`#,=~ "))
)
INJECTED = (
    '"} or vector(1) or x{a="',
    "$cluster",
    "$__range",
    "a|.*",
    ".*",
    "\\",
    '\\\\"',
    "x\ny",
    "\0",
    "\x7f",
    "')) or up #",
    "{{instance}}",
    "ä\u2028𝕏",
    "\\x22",
    "(?i)A",
    "a\\Q.*\\E",
)


def _matchers(expr: str) -> list[tuple[str, str, str]]:
    """(label, operator, value) of an expression that is one selector."""
    selector = promql_parser.parse(expr)
    assert isinstance(selector, promql_parser.VectorSelector)
    return [(matcher.name, str(matcher.op), matcher.value) for matcher in selector.matchers.matchers]


@given(VALUES)
def test_an_exact_value_is_the_value(value: str) -> None:
    written = interpolate('up{cluster="$cluster", job=~"a.+"}', {"cluster": [value]}, GRID)
    ((_, equal, found), (_, like, other)) = _matchers(written)
    assert (found, other) == (value, "a.+")
    assert equal != like


@given(st.lists(VALUES.filter(bool), min_size=1, max_size=4), VALUES)
def test_chosen_values_match_themselves_and_nothing_else(chosen: list[str], other: str) -> None:
    written = interpolate('up{cluster="c", instance=~"$instance|"}', {"instance": chosen}, GRID)
    (_, (name, _, pattern)) = _matchers(written)
    assert name == "instance"
    for value in (*chosen, ""):
        assert re.fullmatch(pattern, value, re.DOTALL), (pattern, value)
    if other not in chosen and other:
        assert not re.fullmatch(pattern, other, re.DOTALL), (pattern, other)


@PAGES
def test_no_value_changes_an_expression_of_a_page(page: Dashboard) -> None:
    """All of them at once where several can be chosen."""
    evil = {variable.name: INJECTED if variable.many else INJECTED[:1] for variable in page.variables}
    plain = {variable.name: ["a"] for variable in page.variables}
    for query in asked(page):
        changed, usual = (_selectors(interpolate(query.expr, values, GRID)) for values in (evil, plain))
        assert changed == usual, query


def _selectors(expr: str) -> list[tuple[str, list[str], tuple[str, ...]]]:
    return [(s.name, [label for label, _ in s.matchers], s.around) for s in branches(promql_parser.parse(expr))]


@PAGES
def test_nothing_is_left_to_fill_in(page: Dashboard) -> None:
    values = {variable.name: ["a", "b"] if variable.many else ["a"] for variable in page.variables}
    for query in asked(page):
        left = re.findall(r"\$[a-z_]\w*", interpolate(query.expr, values, GRID))
        assert not left, f"{query}: {left}"


@PAGES
def test_strings_of_the_model_are_those_that_are_found(page: Dashboard) -> None:
    """Other quotes would be read as no string, and a value in one not be quoted."""
    for query in (*(one.expr for one in asked(page)), *(variable.query for variable in page.variables)):
        assert not set("'`#") & set(query), query


@PAGES
@pytest.mark.parametrize("grid", [GRID, WIDE], ids=["narrow", "wide"])
def test_times_that_are_values_are_looked_for_between_two_points(page: Dashboard, grid: TimeGrid) -> None:
    values = {variable.name: ["a"] for variable in page.variables}
    for mark in page.annotations:
        query = promql_parser.parse(mark_query(mark, values, grid))
        if mark.dated:
            assert isinstance(query, promql_parser.Call)
            (between,) = query.args
            assert isinstance(between, promql_parser.SubqueryExpr)
            assert between.range == timedelta(seconds=grid.step)
        else:
            assert mark_query(mark, values, grid) == interpolate(mark.expr, values, grid)


def test_a_replacement_keeps_its_groups() -> None:
    text = 'label_replace(up{instance=~"$instance"}, "a", "$1", "instance", "(.+)")'
    written = interpolate(text, {"instance": ["x"]}, GRID)
    assert written == 'label_replace(up{instance=~"(x)"}, "a", "$1", "instance", "(.+)")'


def test_times_are_filled_in_as_grafana_does() -> None:
    expr = "rate(x[$__rate_interval]) + increase(x[$__range] @ end()) + x[$__interval]"
    assert interpolate(expr, {}, GRID) == "rate(x[40s]) + increase(x[3600s] @ end()) + x[10s]"
    assert interpolate(expr, {}, WIDE) == "rate(x[310s]) + increase(x[86400s] @ end()) + x[300s]"


@given(
    st.floats(0, 2**33),
    st.floats(0.001, 3650 * 86400.0),
    st.integers(1, 10_000),
    st.integers(3, 300),
    st.sampled_from([1, 60]),
)
def test_a_grid_is_bounded_and_aligned(start: float, length: float, points: int, scrape: int, least: int) -> None:
    grid = time_grid(start, start + length, points=points, scrape=scrape, least=least)
    assert 1 <= len(grid.times) <= max(LEAST_POINTS, min(points, MOST_POINTS))
    assert grid.step >= max(scrape, least)
    assert grid.start % grid.step == grid.end % grid.step == 0
    assert start - grid.step < grid.start <= start
    assert start + length - grid.step < grid.end + 1e-3
    assert grid.times[-1] == grid.end


@given(st.text(string.ascii_lowercase, min_size=1), VALUES)
def test_legends_are_filled_in_once(label: str, value: str) -> None:
    template = f"{{{{{label}}}}} x {{{{ {label} }}}}{{{{nothing_of_it}}}}"
    assert legend(template, {label: value}) == f"{value} x {value}"


def test_without_a_legend_the_labels_are_the_name() -> None:
    assert legend("", {"__name__": "up", "a": "b", "c": "d"}) == "a=b, c=d"
