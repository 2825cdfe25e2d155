"""The dashboards' routes with nothing behind them: every refusal is one line. Answers are tried on a stack."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import jsonschema  # type: ignore[import-untyped]
import pytest

from cluster.config.mounted import MountedConfig
from dashboards.browser import find_panel
from dashboards.catalog import DASHBOARDS
from dashboards.classic import dashboard_json
from dashboards.model import Json
from health.dashboards.dashboard_routes import PATIENCE, timely
from health.dashboards.prometheus import Prometheus
from health.openapi import document
from health.problem_details import ProblemDetails
from tests.fix_settings import settings_of, topology_of
from tests.unit.config_samples import mounted
from tests.unit.health.status_samples import Client, polled

SECRET = b"s3cret-s3cret"
KNOWN = {"Authorization": "Bearer s3cret-s3cret"}
PANEL = "/dashboards/pods-overview/panels/2"
Get = Callable[..., httpx.Response]


def _client(config: MountedConfig, port: int) -> Client:
    return Client(polled(config=config), SECRET, False, prometheus=Prometheus(config, address=("127.0.0.1", port)))


@pytest.fixture
def get(tmp_path: Path, free_port: int) -> Get:
    """A request of the service, with the secret, and nobody where Prometheus should be; settings by keyword."""

    def get(path: str, method: str = "GET", **settings: str) -> httpx.Response:
        chosen = settings_of(**settings)
        config = mounted(tmp_path, chosen, topology_of(chosen))
        (config.secrets / "prometheus_password").write_text("swordfish-and-more")
        return _client(config, free_port).request(method, path, KNOWN)

    return get


def _problem(answer: httpx.Response, code: int) -> str:
    assert answer.status_code == code, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["cache-control"] == "no-store"
    detail: str = answer.json()["detail"]
    assert len(detail.splitlines()) == 1
    return detail


@pytest.mark.parametrize("path", ["/dashboards", *(f"/dashboards/{page.uid}" for page in DASHBOARDS)])
def test_the_page_is_served_and_leads_back_to_the_service(get: Get, path: str) -> None:
    answer = get(path)
    assert answer.status_code == 200
    assert answer.headers["content-security-policy"].startswith("default-src 'none'; script-src 'self'")
    root = "." if path == "/dashboards" else ".."
    assert f'href="{root}/"' in answer.text
    assert "$root" not in answer.text


@pytest.mark.parametrize("page", DASHBOARDS, ids=lambda page: page.uid)
def test_the_model_of_every_page_is_served(get: Get, page: Any) -> None:
    found = get(f"/dashboards/{page.uid}/model", grafana="off").json()
    assert (found["uid"], found["grafana"], found["interval"]) == (page.uid, None, 10)
    assert [each["uid"] for each in found["pages"]] == [each.uid for each in DASHBOARDS]
    ids = [panel["id"] for row in found["rows"] for panel in row["panels"]]
    assert ids == [panel["id"] for panel in dashboard_json(page)["panels"] if panel["type"] != "row"]
    assert [find_panel(page, number) for number in ids] == [panel for row in page.rows for panel in row.panels]


@pytest.mark.parametrize(
    ("settings", "address"),
    [
        ({"web_bind": "127.0.0.1"}, "http://127.0.0.1:3000/d/pods-node"),
        ({"web_bind": "0.0.0.0", "health_bind": "127.0.0.1"}, "https://health:3000/d/pods-node"),
        ({"web_bind": "192.0.2.7", "health_bind": "127.0.0.1"}, "https://192.0.2.7:3000/d/pods-node"),
    ],
)
def test_where_grafana_runs_the_page_leads_there(get: Get, settings: dict[str, str], address: str) -> None:
    assert get("/dashboards/pods-node/model", grafana="on", **settings).json()["grafana"] == address


@pytest.mark.parametrize("path", ["/dashboards", "/dashboards/pods-node", "/dashboards/pods-node/model", PANEL])
def test_where_nothing_is_measured_it_says_what_to_set(get: Get, path: str) -> None:
    assert "PODS_MONITORING=on" in _problem(get(path, monitoring="off"), 404)


def test_without_settings_nothing_is_known(tmp_path: Path, free_port: int) -> None:
    config = MountedConfig(root=tmp_path, secrets=tmp_path, ca=tmp_path / "ca.crt")
    found = _problem(_client(config, free_port).get("/dashboards/pods-node/model", KNOWN), 503)
    assert "nothing is known of the cluster" in found


@pytest.mark.parametrize(
    "path",
    [
        "/dashboards/",
        "/dashboards/nonsense",
        "/dashboards/pods-node/",
        "/dashboards/PODS-NODE/model",
        "/dashboards/nonsense/panels/2",
        "/dashboards/pods-overview/panels/1",  # the title of a row
        "/dashboards/pods-overview/panels/0",
        "/dashboards/pods-overview/panels/-2",
        "/dashboards/pods-overview/panels/999",
        "/dashboards/pods-overview/panels/" + "9" * 500,
        "/dashboards/pods-overview/panels/%D9%A3",
        "/dashboards/pods-overview/panels/2e0",
        "/dashboards/pods-overview/panels/2/x",
        "/dashboards/..%2f..%2fetc/model",
        "/dashboards/%00/model",
        "/dashboards/pods-node%0a/model",
    ],
)
def test_what_is_not_there_is_404(get: Get, path: str) -> None:
    _problem(get(path), 404)


@pytest.mark.parametrize(
    "query",
    [
        "from=2&to=1",
        "from=NaN",
        "to=10^30",
        "from=1e9",
        "points=-1",
        "points=0",
        "points=1.5",
        "from=now-99d",
        "from=1&from=2",
        "var-cluster=a&var-cluster=b",
        "&".join(f"var-instance=n{number}" for number in range(300)),
        "from=%00",
        "from=%ff%fe",
    ],
)
@pytest.mark.parametrize("path", [PANEL, "/dashboards/pods-overview/choices", "/dashboards/pods-overview/marks"])
def test_odd_parameters_are_400(get: Get, path: str, query: str) -> None:
    _problem(get(f"{path}?{query}"), 400)


@pytest.mark.parametrize("path", [PANEL, "/dashboards/pods-overview/choices", "/dashboards/pods-overview/marks"])
def test_while_prometheus_is_away_it_says_so(get: Get, path: str) -> None:
    for method in ("GET", "HEAD", "OPTIONS"):
        assert get(path, method).status_code == 502
    assert _problem(get(path), 502) == "Prometheus cannot be reached: Connection refused; inv status says more"


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS"])
def test_codes_of_dashboards_are_the_same_for_every_method(get: Get, method: str) -> None:
    for path, code in (
        ("/dashboards", 200),
        ("/dashboards/pods-node/model", 200),
        ("/dashboards/nonsense/model", 404),
        (f"{PANEL}?points=x", 400),
    ):
        answer = get(path, method)
        assert answer.status_code == code
        assert answer.content or method != "GET"


def test_models_are_as_the_document_says(get: Get) -> None:
    for page in DASHBOARDS:
        schema = {**document()["components"]["schemas"]["Dashboard"], "components": document()["components"]}
        jsonschema.validate(get(f"/dashboards/{page.uid}/model").json(), schema)


def test_what_nobody_waits_for_any_more_is_not_begun() -> None:
    """Behind a Prometheus that hangs a queue grows; it is not worked off for nobody once that answers again."""
    now = [0.0]
    begun: list[Json] = []

    def work() -> list[Json]:
        begun.append({})
        return begun

    job = timely(work, lambda: now[0])
    now[0] = PATIENCE
    assert job() == b"[{}]"
    now[0] += 0.1
    with pytest.raises(ProblemDetails, match="504"):
        job()
    assert len(begun) == 1


def test_no_query_of_the_browser_is_run(get: Get) -> None:
    """Whatever it sends, it is refused, another page's, or a value."""
    for query in ("query=up", "expr=up", "match[]=up", "var-$cluster=up"):
        assert get(f"/dashboards/pods-node/model?{query}").status_code == 200
        assert get(f"{PANEL}?{query}").status_code == 502


def test_a_model_has_nothing_that_a_reader_of_json_could_stumble_on(get: Get) -> None:
    assert not re.search(r"\bNaN\b|Infinity", json.dumps(get("/dashboards/pods-overview/model").json()))
