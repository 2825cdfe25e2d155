"""The rules of Grafana's dashboard-linter that make sense here, and what file provisioning wants."""

import json
import re
from typing import Any

import pytest

from cluster.postgres.failures import Failure
from dashboards.catalog import DASHBOARDS, files
from dashboards.classic import dashboard_json
from dashboards.classic_panels import DATASOURCE
from dashboards.model import COLUMNS, Dashboard
from dashboards.pages import monitoring
from tests.unit.dashboards.promql import asked, panels

PAGES = pytest.mark.parametrize("page", DASHBOARDS, ids=lambda page: page.uid)
UNITS = {"none", "short", "bytes", "Bps", "s", "ops", "reqps", "rowsps", "percentunit", "dateTimeAsIso"}
"""Grafana's unit ids; IEC bytes, as PostgreSQL counts."""
TYPES = {"row", "timeseries", "stat", "bargauge", "table", "state-timeline"}
"""None of them Angular, all of them there since Grafana 8."""
COLOURS = {"green", "orange", "red", "blue", "purple", "text", "transparent"}


def _panels(page: Dashboard) -> list[dict[str, Any]]:
    written: list[dict[str, Any]] = dashboard_json(page)["panels"]
    return written


@PAGES
def test_the_form_is_what_file_provisioning_takes(page: Dashboard) -> None:
    written = dashboard_json(page)
    assert 39 <= written["schemaVersion"] <= 42
    assert not {"id", "__inputs", "__requires", "spec", "apiVersion"} & set(written)
    assert re.fullmatch(r"[a-z-]{1,40}", written["uid"])
    assert {panel["type"] for panel in written["panels"]} <= TYPES


def test_addresses_are_different_and_stay_as_they_are() -> None:
    assert [page.uid for page in DASHBOARDS] == [
        "pods-overview",
        "pods-replication",
        "pods-node",
        "pods-statements",
        "pods-pgbouncer",
        "pods-containers",
        "pods-backups",
        "pods-monitoring",
    ]
    assert len({page.title for page in DASHBOARDS}) == len(DASHBOARDS)


def test_the_first_page_has_the_eight_groups_of_the_original() -> None:
    assert [row.title for row in DASHBOARDS[0].rows] == [
        "Cluster",
        "Replication",
        "Queries and throughput",
        "Connections",
        "PgBouncer",
        "Container CPU",
        "Container memory",
        "Resource summary",
    ]


@PAGES
def test_panels_have_ids_and_places_of_their_own(page: Dashboard) -> None:
    written = _panels(page)
    assert [panel["id"] for panel in written] == list(range(1, len(written) + 1))
    taken: set[tuple[int, int]] = set()
    for at in (panel["gridPos"] for panel in written):
        cells = {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}
        assert not cells & taken
        assert at["x"] + at["w"] <= COLUMNS
        taken |= cells


@PAGES
def test_lines_are_full_so_that_nothing_looks_forgotten(page: Dashboard) -> None:
    widths: dict[int, int] = {}
    for at in (panel["gridPos"] for panel in _panels(page)):
        widths[at["y"]] = widths.get(at["y"], 0) + at["w"]
    assert set(widths.values()) == {COLUMNS}


@PAGES
def test_every_panel_says_what_it_shows_and_in_which_unit(page: Dashboard) -> None:
    for panel in panels(page):
        assert panel.title
        assert len(panel.description) > 20 or panel.description == "The same, now.", panel.title
        assert panel.description.endswith("."), panel.title
        assert panel.unit in UNITS, panel.title


@PAGES
def test_panels_are_legible_on_a_laptop(page: Dashboard) -> None:
    """1,366 pixels are 24 columns of 55: a course over time needs six of them, a figure three."""
    for panel in panels(page):
        wanted = 3 if panel.kind == "stat" else 6
        assert panel.width >= wanted, panel.title
        assert panel.height >= 4, panel.title


@PAGES
def test_thresholds_go_up_and_colours_have_names(page: Dashboard) -> None:
    for panel in panels(page):
        values = [threshold.value for threshold in panel.thresholds]
        assert values == sorted(set(values)), panel.title
        colours = {panel.base, *(t.colour for t in panel.thresholds), *(word.colour for word in panel.words)}
        assert colours <= COLOURS, panel.title


@PAGES
def test_titles_differ_within_a_row(page: Dashboard) -> None:
    for row in page.rows:
        titles = [panel.title for panel in row.panels]
        assert len(titles) == len(set(titles))


@PAGES
def test_every_query_goes_to_the_chosen_data_source(page: Dashboard) -> None:
    written = dashboard_json(page)
    for panel in (panel for panel in written["panels"] if panel["type"] != "row"):
        assert panel["datasource"] == DATASOURCE
        assert [target["datasource"] for target in panel["targets"]] == [DATASOURCE] * len(panel["targets"])
        assert len({target["refId"] for target in panel["targets"]}) == len(panel["targets"]) > 0
    for thing in (*written["annotations"]["list"][1:], *written["templating"]["list"][1:]):
        assert thing["datasource"] == DATASOURCE


@PAGES
def test_the_data_source_and_the_cluster_are_chosen_first(page: Dashboard) -> None:
    variables = dashboard_json(page)["templating"]["list"]
    assert [variable["name"] for variable in variables][:2] == ["datasource", "cluster"]
    assert (variables[0]["type"], variables[0]["query"]) == ("datasource", "prometheus")


def _used(text: str) -> set[str]:
    return {name for name in re.findall(r"\$\{?([a-z]+)\b", text) if not name.startswith("__")}


@PAGES
def test_choices_offered_are_choices_used(page: Dashboard) -> None:
    texts = [f"{query.expr} {panel.title}" for panel in panels(page) for query in panel.queries]
    texts += [f"${panel.repeat}" for panel in panels(page) if panel.repeat]
    texts += [variable.query for variable in page.variables]
    assert set().union(*map(_used, texts)) == {variable.name for variable in page.variables}


@PAGES
def test_a_choice_depends_only_on_those_before_it(page: Dashboard) -> None:
    before: set[str] = set()
    for variable in page.variables:
        assert _used(variable.query) <= before
        before.add(variable.name)


def test_several_values_are_matched_as_a_pattern() -> None:
    """Grafana writes several values as a|b, and quotes what is special in a pattern only for =~."""
    many = {variable.name for page in DASHBOARDS for variable in page.variables if variable.many}
    for query in (query for page in DASHBOARDS for query in asked(page)):
        for operator, name in re.findall(r'(=~|!~|=|!=)"\$(\w+)', query.expr):
            assert (operator == "=~") == (name in many or "ALERTS" in query.expr), query.expr


def test_a_page_leads_to_the_others_and_keeps_what_was_chosen() -> None:
    for page in DASHBOARDS:
        written = dashboard_json(page)
        (link,) = written["links"]
        assert set(link["tags"]) <= set(written["tags"])
        assert link["includeVars"]
        assert link["keepTime"]


def test_annotations_mark_what_happens_to_a_cluster() -> None:
    for page in DASHBOARDS:
        assert {"Another primary", "Role changes", "Restarts", "Backups"} <= {mark.name for mark in page.annotations}


def test_columns_of_tables_are_headings_that_their_overrides_know() -> None:
    """An override that names a column nobody has does nothing, and nobody notices."""
    for page in DASHBOARDS:
        for panel in (panel for panel in _panels(page) if panel["type"] == "table"):
            headings = {
                heading
                for step in panel["transformations"]
                if step["id"] == "organize"
                for heading in step["options"]["renameByName"].values()
            }
            overridden = {override["matcher"]["options"] for override in panel["fieldConfig"]["overrides"]}
            assert overridden <= headings


def test_committed_files_are_small_and_are_json() -> None:
    for text in files().values():
        assert json.loads(text)["uid"]
        assert len(text) < 200_000


@PAGES
def test_what_is_gone_is_not_shown_with_the_last_value_it_had(page: Dashboard) -> None:
    """A figure that reads a course takes its last point, however old: only those of the whole cluster may."""
    for panel in panels(page):
        if panel.kind in {"bargauge", "table"} or (panel.kind == "stat" and not panel.graph):
            assert all(query.now for query in panel.queries), panel.title
        elif panel.kind == "stat":
            assert all("{{" not in query.legend for query in panel.queries), panel.title


def test_a_dashboard_has_a_colour_for_every_reason_why_a_node_does_not_answer() -> None:
    assert tuple(Failure) == monitoring._CAUSES
