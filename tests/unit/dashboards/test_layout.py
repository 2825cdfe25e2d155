"""Panels are placed in reading order, inside the grid, beside each other and never on top of each other."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from dashboards.layout import GridPosition, arrange
from dashboards.model import COLUMNS, Panel, Row
from dashboards.panels import figure, series

_PANELS = st.builds(
    lambda width, height: figure("t", "d", "none", series("up", ""), width=width, height=height),
    st.integers(1, COLUMNS),
    st.integers(1, 12),
)
_ROWS = st.lists(
    st.builds(lambda panels: Row(title="r", panels=tuple(panels)), st.lists(_PANELS, max_size=12)), max_size=4
)


def cells(where: GridPosition) -> set[tuple[int, int]]:
    return {(x, y) for x in range(where.x, where.x + where.w) for y in range(where.y, where.y + where.h)}


@given(_ROWS)
def test_nothing_overlaps_and_nothing_sticks_out(rows: list[Row]) -> None:
    places = [where for _, _, where in arrange(rows)]
    assert all(where.x >= 0 and where.x + where.w <= COLUMNS for where in places)
    assert sum(where.w * where.h for where in places) == len(set[tuple[int, int]]().union(*map(cells, places)))


@given(_ROWS)
def test_everything_is_placed_in_reading_order(rows: list[Row]) -> None:
    placed = list(arrange(rows))
    assert [thing for _, thing, _ in placed] == [thing for row in rows for thing in (row, *row.panels)]
    assert [number for number, _, _ in placed] == list(range(1, len(placed) + 1))
    assert [where for _, _, where in placed] == sorted((where for _, _, where in placed), key=lambda at: (at.y, at.x))


@given(_ROWS)
def test_a_line_ends_only_where_the_next_panel_does_not_fit(rows: list[Row]) -> None:
    for (_, former, before), (_, latter, where) in pairwise(arrange(rows)):
        if isinstance(former, Panel) and isinstance(latter, Panel) and where.x == 0:
            assert before.x + before.w + where.w > COLUMNS
