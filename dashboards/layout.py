"""Where panels go: lines of 24 columns, filled from left to right."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from dashboards.model import COLUMNS, Panel, Row

_TITLE_HEIGHT = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class GridPosition:
    """Left upper corner and size of a panel, in grid units."""

    x: int
    y: int
    w: int
    h: int


def arrange(rows: Iterable[Row]) -> Iterator[tuple[int, Row | Panel, GridPosition]]:
    """Every row's title and every panel with its id and its position, from top to bottom. Ids count up from 1."""
    for number, (thing, where) in enumerate(_positions(rows), start=1):
        yield number, thing, where


def _positions(rows: Iterable[Row]) -> Iterator[tuple[Row | Panel, GridPosition]]:
    top = 0
    for row in rows:
        yield row, GridPosition(x=0, y=top, w=COLUMNS, h=_TITLE_HEIGHT)
        top += _TITLE_HEIGHT
        for line in _lines(row.panels):
            left = 0
            for panel in line:
                yield panel, GridPosition(x=left, y=top, w=panel.width, h=panel.height)
                left += panel.width
            top += max(panel.height for panel in line)


def _lines(panels: Iterable[Panel]) -> Iterator[list[Panel]]:
    line: list[Panel] = []
    for panel in panels:
        if line and sum(other.width for other in line) + panel.width > COLUMNS:
            yield line
            line = []
        line.append(panel)
    if line:
        yield line
