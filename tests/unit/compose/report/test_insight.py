"""Insight on a terminal: the verdict first, a line for each thing, and nothing in others' text is a command to it."""

import re

import pytest

from cluster.insight.document import make_document
from compose.report.insight.terminal import Screen, document_lines
from tests.unit.cluster.insight.report_samples import report

_COLOUR = re.compile(r"\033\[[0-9]+m")


def _lines(screen: Screen) -> list[str]:
    return list(document_lines(make_document(report(), ["counted since 10:00"]), screen))


def test_the_verdict_comes_first_then_what_hurts_then_statements() -> None:
    lines = _lines(Screen())
    assert lines[0] == "✗ 1 thing hurts, 1 costs more than it must; 1 could not be read"
    assert "  note: counted since 10:00" in lines
    text = "\n".join(lines)
    order = ["a session holds up", "nobody uses the index", "Time", "WAL", "Waiting now", "Who waits for whom"]
    assert [text.index(each) for each in order] == sorted(text.index(each) for each in order)
    assert "    → DROP INDEX CONCURRENTLY public.orders_old" in lines
    assert "    undo: CREATE INDEX CONCURRENTLY orders_old ON public.orders (old)" in lines
    assert "Temporary files" not in text


def test_a_statement_is_a_line_with_its_change() -> None:
    lines = _lines(Screen(width=160))
    (line,) = [each for each in lines if each.startswith("90%")]
    assert re.split(r"\s{2,}", line)[:8] == ["90%", "50 s", "100", "500 ms", "×5.0 slower", "primary", "app", "shop"]
    assert next(each for each in lines if each.startswith("10%")).split("  ")[-1] == "SELECT $1"


def test_whole_statements_have_their_queryid() -> None:
    lines = _lines(Screen())
    at = next(number for number, line in enumerate(lines) if line.startswith("10%"))
    assert lines[at + 1] == "    8: SELECT $1"


@pytest.mark.parametrize("screen", [Screen(), Screen(width=80), Screen(width=200, colours=True)])
def test_others_text_is_text(screen: Screen) -> None:
    for line in _lines(screen):
        assert _COLOUR.sub("", line).isprintable()
        assert "hunter2" not in line


@pytest.mark.parametrize("width", [80, 120, 200])
def test_statements_fit_the_width(width: int) -> None:
    lines = _lines(Screen(width=width))
    statements = lines[lines.index("Time") : lines.index("Waiting now")]
    assert max(map(len, statements)) <= width


def test_what_got_slower_is_red() -> None:
    assert any("\033[31m×5.0 slower\033[0m" in line for line in _lines(Screen(width=200, colours=True)))
