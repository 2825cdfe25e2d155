"""From rows to an exposition: what is there is told once, what is not is left out."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families as parse_text

from exporters.declarations import Family, Metric, Row, counter, gauge, unknown
from exporters.metrics.exposition import by_label, encode, expose, single
from tests.unit.exporters.exposition import FORMATS, OPENMETRICS, Samples, read_back, value_of

FAMILIES = (
    Family(
        source="a",
        prefix="x_",
        labels=("zone", "name"),
        metrics=(gauge("size", "Size."), counter("done_total", "Done."), unknown("seen", "Seen.")),
    ),
    Family(source="a", prefix="y_", metrics=(gauge("size", "Size."),)),
    Family(source="b", prefix="x_", labels=("name",), metrics=(Metric("size", "gauge", "Size.", value="other"),)),
)

_labels = st.one_of(st.none(), st.text(st.characters(exclude_categories=["Cs"]), max_size=8), st.integers(0, 9))
_values = st.one_of(st.none(), st.integers(0, 1 << 60), st.floats(0, allow_nan=False), st.booleans())
_rows = st.lists(
    st.fixed_dictionaries(
        {}, optional={"zone": _labels, "name": _labels, "size": _values, "done_total": _values, "seen": _values}
    ),
    max_size=6,
)


def _wanted(families: Sequence[Family], rows: dict[str, list[Row]]) -> Samples:
    """What should come out, said in another way: the first of equals, and nothing that is NULL."""
    found: Samples = {}
    for family in families:
        for row in rows.get(family.source, ()):
            labels = [(name, str(row[name])) for name in family.labels if row.get(name) is not None]
            for metric in family.metrics:
                value = row.get(metric.value or metric.column)
                if len(labels) == len(family.labels) and value is not None:
                    found.setdefault((family.name_of(metric), frozenset(labels)), float(value))
    return found


@pytest.mark.parametrize("accept", FORMATS)
@given(rows=st.fixed_dictionaries({}, optional={"a": _rows, "b": _rows, "nobody's": _rows}))
def test_what_is_read_is_what_is_told_in_every_format(accept: str, rows: dict[str, list[Row]]) -> None:
    assert read_back(expose(FAMILIES, rows), accept) == _wanted(FAMILIES, rows)


def test_a_row_without_one_of_its_labels_gives_no_sample_and_hides_no_other() -> None:
    rows: dict[str, list[Row]] = {"a": [{"zone": None, "name": "n", "size": 1}, {"zone": "z", "name": "n", "size": 2}]}
    found = read_back(expose(FAMILIES[:1], rows))
    assert found == {("x_size", frozenset({("zone", "z"), ("name", "n")})): 2.0}


def test_null_is_left_out_and_zero_is_not() -> None:
    found = read_back(expose(FAMILIES[:1], {"a": [{"zone": "z", "name": "n", "size": None, "seen": 0}]}))
    assert [name for name, _ in found] == ["x_seen"]


def test_of_two_rows_with_the_same_labels_the_first_is_told() -> None:
    rows: dict[str, list[Row]] = {"a": [{"zone": "z", "name": "n", "size": 1}, {"zone": "z", "name": "n", "size": 2}]}
    assert value_of(read_back(expose(FAMILIES[:1], rows)), "x_size", zone="z", name="n") == 1


def test_metrics_of_one_name_come_together() -> None:
    rows: dict[str, list[Row]] = {"a": [{"zone": "z", "name": "n", "size": 1}], "b": [{"name": "n", "other": 2}]}
    body, _ = encode(expose(FAMILIES, rows), "")
    assert body.count(b"# TYPE x_size gauge") == 1
    families = {family.name: family for family in parse_text(body.decode())}
    assert len(families["x_size"].samples) == 2


def test_labels_are_told_under_their_own_names_whatever_the_row_s_order() -> None:
    found = read_back(expose(FAMILIES[:1], {"a": [{"size": 1, "name": "n", "zone": "z"}]}))
    assert value_of(found, "x_size", zone="z", name="n") == 1


@pytest.mark.parametrize("text", ['"quoted"', "back\\slash", "two\nlines", "\\n", "{a=1}", "", "ünïcödé", "a,b"])
@pytest.mark.parametrize("accept", FORMATS)
def test_a_label_may_hold_anything(accept: str, text: str) -> None:
    metrics = expose(FAMILIES[:1], {"a": [{"zone": text, "name": "n", "size": 1}]})
    assert value_of(read_back(metrics, accept), "x_size", zone=text, name="n") == 1


@pytest.mark.parametrize(
    ("accept", "content_type", "end"),
    [
        ("", "text/plain; version=", b"\n"),
        ("*/*", "text/plain; version=", b"\n"),
        ("text/plain;version=0.0.4", "text/plain; version=", b"\n"),
        (OPENMETRICS, "application/openmetrics-text; version=1.0.0", b"\n# EOF\n"),
        ("application/openmetrics-text;version=1.0.0,text/plain;q=0.5", "application/openmetrics-text", b"# EOF\n"),
        ("no such thing", "text/plain; version=", b"\n"),
    ],
)
def test_whoever_asks_gets_the_format_asked_for(accept: str, content_type: str, end: bytes) -> None:
    body, told = encode([single("x", "X.", 1)], accept)
    assert told.startswith(content_type)
    assert body.endswith(end)
    assert body.endswith(b"# EOF\n") == told.startswith("application/openmetrics-text")


def test_a_counter_s_name_ends_in_total_once() -> None:
    rows: dict[str, list[Row]] = {"a": [{"zone": "z", "name": "n", "done_total": 3}]}
    for accept in FORMATS:
        (name, _), *rest = read_back(expose(FAMILIES[:1], rows), accept)
        assert (name, rest) == ("x_done_total", [])


@given(st.dictionaries(st.text("abc", min_size=1), st.floats(allow_nan=False), max_size=4))
def test_one_sample_per_value_of_a_label(values: dict[str, float]) -> None:
    found = read_back([by_label("x", "X.", "state", values)])
    assert found == {("x", frozenset({("state", key)})): value for key, value in values.items()}


def test_a_single_sample_has_no_labels() -> None:
    assert read_back([single("x", "X.", 2.5)]) == {("x", frozenset()): 2.5}


def test_nothing_read_is_nothing_told() -> None:
    assert expose(FAMILIES, {}) == []
    assert encode([], OPENMETRICS)[0] == b"# EOF\n"
