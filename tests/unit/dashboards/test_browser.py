"""What our own page draws is what Grafana is given, panel by panel, and no query leaves the server."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from dashboards.browser import model_json
from dashboards.catalog import DASHBOARDS
from dashboards.classic import dashboard_json
from dashboards.model import Dashboard
from tests.unit.dashboards.promql import asked

PAGES = pytest.mark.parametrize("page", DASHBOARDS, ids=lambda page: page.uid)


def _model(page: Dashboard) -> dict[str, Any]:
    return model_json(page, DASHBOARDS, interval=10, grafana="http://127.0.0.1:3000/d/x")


def _drawn(page: Dashboard) -> list[dict[str, Any]]:
    return [panel for row in _model(page)["rows"] for panel in row["panels"]]


@PAGES
def test_both_faces_have_the_same_panels_in_the_same_positions(page: Dashboard) -> None:
    theirs = [panel for panel in dashboard_json(page)["panels"] if panel["type"] != "row"]
    ours = _drawn(page)
    assert [(p["id"], p["kind"], p["title"], p["unit"], p["description"]) for p in ours] == [
        (p["id"], p["type"], p["title"], p["fieldConfig"]["defaults"]["unit"], p["description"]) for p in theirs
    ]
    assert [{side: p[side] for side in "xywh"} for p in ours] == [p["gridPos"] for p in theirs]
    assert [row["title"] for row in _model(page)["rows"]] == [row.title for row in page.rows]


@PAGES
def test_both_faces_have_the_same_columns(page: Dashboard) -> None:
    theirs = [panel for panel in dashboard_json(page)["panels"] if panel["type"] == "table"]
    for ours, panel in zip((p for p in _drawn(page) if p["kind"] == "table"), theirs, strict=True):
        headings = panel["transformations"][-1]["options"]["renameByName"]
        assert [column["heading"] for column in ours["columns"]] == list(headings.values())
        fields = [column["label"] or f"Value #{'ABCDEFGH'[column['query']]}" for column in ours["columns"]]
        assert fields == list(headings)
        assert bool(ours["key"]) == (panel["transformations"][0]["id"] == "joinByField")


@PAGES
def test_a_panel_shows_a_course_or_what_is_now_and_never_both(page: Dashboard) -> None:
    for row in page.rows:
        for panel in row.panels:
            assert len({query.now for query in panel.queries}) == 1, panel.title
            assert panel.key == "" or panel.columns[0].label, panel.title


@PAGES
def test_no_query_is_sent_to_the_browser(page: Dashboard) -> None:
    text = json.dumps(_model(page))
    for query in asked(page):
        assert json.dumps(query.expr)[1:-1] not in text


def test_the_model_of_the_first_page(golden: Callable[[str, str], None]) -> None:
    golden("browser-overview.json", json.dumps(_model(DASHBOARDS[0]), indent=1, ensure_ascii=False) + "\n")
