"""Every query of every dashboard, asked of the Prometheus of a running stack, has an answer that a panel can show.

And a browser shows it: every panel of every page, wide and narrow, dark and light.
"""

import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

import httpx
import pytest
import yaml

from cluster.config.env_file import PROJECT_ROOT
from cluster.waiting import comes_true
from dashboards.catalog import DASHBOARDS
from dashboards.layout import arrange
from dashboards.model import Dashboard, Panel, Query
from dashboards.rows.hosts import HOSTS
from tests.fix_browser import picture, quiet_page
from tests.fix_stack import Cluster
from tests.fix_wait import eventually

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Locator, Page

_QUIET = "nothing is wrong on a healthy cluster"
_UNASKED = "it is done on a schedule, or when somebody asks"
_LIMITLESS = "no container has such a limit by default"
EMPTY = {
    ("pods-overview", "Alerts"): _QUIET,
    ("pods-containers", "Held back"): _LIMITLESS,
    ("pods-containers", "Of the limit"): _LIMITLESS,
    ("pods-backups", "Last trial restore"): _UNASKED,
    ("pods-node", "Held back from vacuum"): _QUIET,
    ("pods-monitoring", "Without series of their own"): _QUIET,
    **{("pods-replication", panel.title): "this cluster is on one host" for panel in HOSTS.panels},
}
"""Panels that may have nothing to show, and why."""
_SCRAPES = 5
"""So many looks make every rate; some panels want traffic between two of them."""
Key = tuple[tuple[str, str], ...]
_MALICE = """<img src=x onerror="document.title='owned'"> & 'x' \\ $1"""
"""A database's name, and so a label: text wherever it is shown."""
_LOOKS = ((1400, "dark"), (400, "light"), (1400, "light"), (400, "dark"))
_SAMPLE = {("pods-overview", 1400, "dark"), ("pods-pgbouncer", 400, "light")}
_PICTURES = {"overview-dark", "overview-light", "overview-narrow-light"}
"""Which of them the documentation shows."""
PAGES = pytest.mark.parametrize("page", DASHBOARDS, ids=lambda page: page.uid)


class Prometheus:
    """Its HTTP API, asked as Grafana asks it: by POST, with the page's variables filled in."""

    def __init__(self, cluster: Cluster, client: httpx.Client) -> None:
        settings = cluster.stack.settings
        self.interval, self.project = settings.scrape_interval, settings.project
        self._client = client
        self._variables = {
            "$__rate_interval": f"{4 * self.interval}s",
            "$__range": "30m",
            "$cluster": settings.project,
            "$instance": "|".join(cluster.stack.topology.names),
            "$database": f"{settings.database}|postgres",
            "$pool": "|".join(cluster.stack.pools),
            "$service": ".+",
        }

    def now(self, expr: str) -> list[dict[str, Any]]:
        """Series at this moment."""
        return self._ask("query", query=self._filled(expr))

    def course(self, query: Query) -> list[dict[str, Any]]:
        """Series over the last two minutes, or at this moment where that is what is shown."""
        if query.now:
            return self.now(query.expr)
        end = time.time()
        times = {"start": end - 120, "end": end, "step": self.interval}
        return self._ask("query_range", query=self._filled(query.expr), **times)

    def points(
        self, expr: str, values: dict[str, str], times: list[int], span: tuple[int, int]
    ) -> dict[Key, list[tuple[int, float]]]:
        """What each series had at ``times``, or, without any, at the end of ``span``; values filled in by hand."""
        step = times[1] - times[0] if len(times) > 1 else self.interval
        length = times[-1] - times[0] if times else span[1] - span[0]
        rate = max(4 * self.interval, step + self.interval)
        for variable, value in {**values, "$__rate_interval": f"{rate}s", "$__range": f"{length}s"}.items():
            expr = expr.replace(variable, value)
        if not times:
            now = self._ask("query", query=expr, time=span[1] // self.interval * self.interval)
            return {_key(series["metric"]): [(0, float(series["value"][1]))] for series in now}
        course = self._ask("query_range", query=expr, start=times[0], end=times[-1], step=step)
        return {_key(s["metric"]): [(int(at), float(v)) for at, v in s["values"] if v != "NaN"] for s in course}

    def _filled(self, expr: str) -> str:
        for variable, value in self._variables.items():
            expr = expr.replace(variable, value)
        return expr

    def _ask(self, way: str, **arguments: Any) -> list[dict[str, Any]]:
        answer = self._client.post(f"/api/v1/{way}", data=arguments).json()
        assert answer["status"] == "success", f"{answer.get('error')}: {arguments['query']}"
        assert not answer.get("warnings"), answer["warnings"]
        found: list[dict[str, Any]] = answer["data"]["result"]
        return found


@pytest.fixture(scope="module")
def prometheus(shared: Cluster) -> Iterator[Prometheus]:
    """After some looks at every target, with work done in between."""
    address = f"http://127.0.0.1:{shared.stack.settings.prometheus_port}"
    name = _MALICE.replace('"', '""')
    shared.query(f'CREATE DATABASE "{name}"')
    with httpx.Client(base_url=address, auth=shared.login("prometheus"), timeout=30) as client:
        prometheus = Prometheus(shared, client)
        eventually(lambda: _looked(prometheus, shared), 90, "Prometheus looked at every node often enough", pause=1)
        yield prometheus
    shared.query(f'DROP DATABASE "{name}" WITH (FORCE)')


def _looked(prometheus: Prometheus, cluster: Cluster) -> bool:
    _work(cluster)
    looks = prometheus.now(f'count(count_over_time(pg_up{{cluster="$cluster"}}[10m]) >= {_SCRAPES} and pg_up)')
    queries = 'pgbouncer_stats_totals_queries_pooled_total{cluster="$cluster", database=~"$pool"}'
    busy = prometheus.now(f"count(rate({queries}[$__rate_interval]) > 0)")
    wanted = len(cluster.stack.topology.names), len(cluster.stack.pools)
    return [series["value"][1] for series in (*looks, *busy)] == [str(count) for count in wanted]


def _work(cluster: Cluster) -> None:
    """Through the pools, on the primary and on replicas."""
    for pool in cluster.stack.pools:
        cluster.query("SELECT count(*) FROM pg_class", "pgbouncer", "app", pool)


def _panels(page: Dashboard) -> list[Panel]:
    return [panel for row in page.rows for panel in row.panels]


@PAGES
def test_every_query_of_a_page_has_an_answer(prometheus: Prometheus, shared: Cluster, page: Dashboard) -> None:
    """Statements are read now and then, so that what was executed shows after a while."""
    for panel in _panels(page):
        for query in panel.queries:
            if (page.uid, panel.title) in EMPTY:
                prometheus.course(query)
                continue
            what = f"{page.uid} › {panel.title}: {query.expr}"
            eventually(partial(_answered, prometheus, shared, query), 60, what, pause=1)


def _answered(prometheus: Prometheus, cluster: Cluster, query: Query) -> bool:
    if prometheus.course(query):
        return True
    _work(cluster)
    return False


@PAGES
def test_series_of_a_panel_can_be_told_apart(prometheus: Prometheus, page: Dashboard) -> None:
    """Their legends differ, and each label that a legend names is there."""
    for panel in (panel for panel in _panels(page) if panel.kind != "table"):
        names = [name for query in panel.queries for name in _legends(prometheus, query)]
        assert len(names) == len(set(names)), f"{page.uid} › {panel.title}: {names}"


def _legends(prometheus: Prometheus, query: Query) -> list[str]:
    labels = [series["metric"] for series in prometheus.course(query)]
    return [re.sub(r"\{\{(\w+)\}\}", lambda found, of=of: of[found[1]], query.legend) for of in labels]  # type: ignore[misc]


@PAGES
def test_tables_have_one_line_per_key(prometheus: Prometheus, page: Dashboard) -> None:
    """Joined by their first label, every column has one value for it."""
    for panel in (panel for panel in _panels(page) if panel.kind == "table" and len(panel.queries) > 1):
        key = panel.key
        for query in panel.queries:
            values = [series["metric"][key] for series in prometheus.now(query.expr)]
            assert len(values) == len(set(values)) > 0, f"{page.uid} › {panel.title}: {query.expr}"


@PAGES
def test_choices_have_values(prometheus: Prometheus, page: Dashboard) -> None:
    for variable in page.variables:
        found = re.fullmatch(r"label_values\((.+), (\w+)\)", variable.query)
        assert found
        assert {series["metric"].get(found[2]) for series in prometheus.now(found[1])} > set(), variable.name


@PAGES
def test_marks_can_be_asked_for(prometheus: Prometheus, page: Dashboard) -> None:
    for mark in page.annotations:
        prometheus.course(Query(expr=mark.expr))


class BuiltIn:
    """The dashboards of the health service, as their page asks for them."""

    def __init__(self, cluster: Cluster, client: httpx.Client) -> None:
        self.client = client
        self.interval = cluster.stack.settings.scrape_interval
        # what a scrape under way brings is not yet there for one who asks first
        self.end = int(time.time()) - 3 * self.interval
        self.start = self.end - 120

    def get(self, page: Dashboard, what: str, **more: Any) -> httpx.Response:
        """One of a page's routes, for two minutes."""
        times = {"from": self.start, "to": self.end}
        return self.client.get(f"/dashboards/{page.uid}/{what}", params={**times, **more})

    def numbered(self, page: Dashboard) -> list[tuple[int, Panel]]:
        """Every panel with its id."""
        return [(number, thing) for number, thing, _ in arrange(page.rows) if isinstance(thing, Panel)]


@pytest.fixture(scope="module")
def built_in(shared: Cluster, prometheus: Prometheus) -> Iterator[BuiltIn]:
    """Once there is something to show."""
    secret = (shared.home.secrets / "health_password").read_text().strip()
    address = f"http://127.0.0.1:{shared.stack.settings.health_port}"
    with httpx.Client(base_url=address, auth=("health", secret), timeout=30) as client:
        yield BuiltIn(shared, client)


@PAGES
def test_a_panel_has_the_series_that_prometheus_has(prometheus: Prometheus, built_in: BuiltIn, page: Dashboard) -> None:
    """Each with its values, at the same moments; the legend filled in."""
    choices = built_in.get(page, "choices").json()
    assert choices["cluster"] == [prometheus.project]
    values = {f"${name}": "|".join(map(_literal, found)) for name, found in choices.items() if name != "cluster"}
    values["$cluster"] = prometheus.project
    for number, panel in built_in.numbered(page):
        answer = built_in.get(page, f"panels/{number}", points=30)
        assert answer.status_code == 200, f"{page.uid} › {panel.title}: {answer.text}"
        found = answer.json()
        for index, query in enumerate(panel.queries):
            expected = prometheus.points(query.expr, values, found.get("times", []), (built_in.start, built_in.end))
            of_query = [series for series in found["series"] if series["query"] == index]
            shown = {_key(series["labels"]): _points(series, found) for series in of_query}
            assert shown == expected, f"{page.uid} › {panel.title}: {query.expr}"
            assert {series["legend"] for series in of_query} == set(_legend_texts(query, of_query)), panel.title


def _literal(value: str) -> str:
    """A value within a regular expression within a string of PromQL; one of the databases has a name of many signs."""
    return re.escape(value).replace("\\", "\\\\").replace('"', '\\"')


def _key(labels: dict[str, str]) -> Key:
    return tuple(sorted(labels.items()))


def _points(series: dict[str, Any], found: dict[str, Any]) -> list[tuple[int, float | None]]:
    if "times" not in found:
        return [(0, series["value"])]
    return [(t, value) for t, value in zip(found["times"], series["values"], strict=True) if value is not None]


def _legend_texts(query: Query, series: list[dict[str, Any]]) -> list[str]:
    labels = [each["labels"] for each in series]
    if not query.legend:
        return [", ".join(f"{k}={v}" for k, v in of.items() if k != "__name__") for of in labels]
    return [re.sub(r"\{\{(\w+)\}\}", lambda name, of=of: of.get(name[1], ""), query.legend) for of in labels]  # type: ignore[misc]


def test_no_value_of_the_browser_selects_more_than_itself(built_in: BuiltIn) -> None:
    (number,) = (number for number, panel in built_in.numbered(DASHBOARDS[0]) if panel.title == "Roles over time")
    whole = built_in.get(DASHBOARDS[0], f"panels/{number}").json()
    assert {series["legend"] for series in whole["series"]} > {"primary"}
    one = built_in.get(DASHBOARDS[0], f"panels/{number}", **{"var-instance": ["primary"]}).json()
    assert [series["legend"] for series in one["series"]] == ["primary"]
    for value in (
        '"} or vector(1) or x{a="',
        ".*",
        "primary|replica1",
        "$cluster",
        "\\",
        '\\"',
        "a\nb",
        "\0",
        "(",
        "é\u2028",
    ):
        for name in ("var-instance", "var-cluster"):
            answer = built_in.get(DASHBOARDS[0], f"panels/{number}", **{name: value})
            assert (answer.status_code, answer.json().get("series")) == (200, []), (name, value, answer.text)
            assert built_in.get(DASHBOARDS[0], "choices", **{name: value}).status_code == 200
        both = built_in.get(DASHBOARDS[0], f"panels/{number}", **{"var-instance": [value, "primary"]}).json()
        assert [series["legend"] for series in both["series"]] == ["primary"], value


def test_who_has_no_secret_reads_no_metric(built_in: BuiltIn) -> None:
    for path in ("/dashboards", "/dashboards/pods-node/model", "/dashboards/pods-node/panels/2"):
        bare = httpx.get(f"{built_in.client.base_url}{path}", trust_env=False)
        assert bare.status_code == 401
        assert bare.headers["www-authenticate"].startswith("Basic")
    assert httpx.get(f"{built_in.client.base_url}/health", trust_env=False).status_code == 200


@PAGES
def test_marks_are_those_of_the_time_shown(built_in: BuiltIn, page: Dashboard) -> None:
    begun = built_in.client.get(f"/dashboards/{page.uid}/marks", params={"from": "now-2h", "to": "now"}).json()
    assert {mark["name"] for mark in begun} >= {"Restarts"}, "each node was started for this run"
    assert built_in.client.get(f"/dashboards/{page.uid}/marks", params={"from": "now-5d", "to": "now-4d"}).json() == []


def test_names_that_upstream_dropped_are_there_for_other_peoples_dashboards(prometheus: Prometheus) -> None:
    groups = yaml.safe_load((PROJECT_ROOT / "compose" / "prometheus" / "compat.yml").read_text())["groups"]
    names = [rule["record"] for group in groups for rule in group["rules"]]

    missing = set(names)

    def recorded() -> bool:
        missing.intersection_update([name for name in names if not prometheus.now(name)])
        return not missing

    # a rule records what the last scrape brought: one that timed out leaves its group without a value until the next
    eventually(recorded, 60, "every name that upstream dropped has had a value", pause=1)


def test_a_node_that_goes_and_comes_back_is_one_band_and_is_marked(prometheus: Prometheus, cluster: Cluster) -> None:
    (mark,) = (mark for mark in DASHBOARDS[0].annotations if mark.name == "Restarts")
    (roles,) = (panel for panel in _panels(DASHBOARDS[0]) if panel.title == "Roles over time")
    before = time.time()
    cluster.docker("stop", cluster.container("replica1"))
    try:
        eventually(lambda: _role(prometheus, roles) == 0, 90, "the node is shown as down", pause=1)
    finally:
        cluster.docker("start", cluster.container("replica1"))
    eventually(lambda: _role(prometheus, roles) == 2, 90, "the node is shown as a replica again", pause=1)
    bands = _legends(prometheus, roles.queries[0])  # there may be one of a node that another test had
    assert len(bands) == len(set(bands))
    assert set(bands) >= set(cluster.stack.topology.names)
    starts = {series["metric"]["instance"]: float(series["value"][1]) / 1000 for series in prometheus.now(mark.expr)}
    assert [node for node, start in starts.items() if before < start < time.time()] == ["replica1"]


def _role(prometheus: Prometheus, roles: Panel) -> float:
    """What is shown of replica1; -1 is nothing, while a look at it takes too long or the exporter starts."""
    found = [s for s in prometheus.now(roles.queries[0].expr) if s["metric"]["instance"] == "replica1"]
    return float(found[0]["value"][1]) if found else -1


def test_what_a_replica_lacks_is_shown_while_its_link_is_cut(prometheus: Prometheus, cluster: Cluster) -> None:
    (panel,) = (panel for panel in _panels(DASHBOARDS[0]) if panel.title == "Lag in bytes")

    def lag() -> float:
        found = prometheus.now(panel.queries[0].expr)
        return max((float(s["value"][1]) for s in found if s["metric"]["standby"] == "replica1"), default=-1)

    cluster.query("ALTER SYSTEM SET primary_conninfo = 'host=nowhere'", "replica1")
    cluster.query("SELECT pg_reload_conf()", "replica1")
    try:
        cluster.query("SELECT pg_switch_wal() FROM pg_create_restore_point('lag')")
        eventually(lambda: lag() > 1_000_000, 90, "the lag is shown", pause=1)
    finally:
        cluster.query("ALTER SYSTEM RESET primary_conninfo", "replica1")
        cluster.query("SELECT pg_reload_conf()", "replica1")
    cluster.wait_replayed()


def _combinations() -> Iterator[Any]:
    """In CI two pages that have every kind of panel, wide and dark, narrow and light; all of them in `nox -s chaos`."""
    for page in DASHBOARDS:
        for width, scheme in _LOOKS:
            marks = () if (page.uid, width, scheme) in _SAMPLE else (pytest.mark.walk, pytest.mark.chaos)
            yield pytest.param(page, width, scheme, id=f"{page.uid}-{width}-{scheme}", marks=marks)


@contextmanager
def _opened(
    browser: "Browser", cluster: Cluster, uid: str, *, width: int = 1400, scheme: str = "dark", expected: str = ""
) -> Iterator["Page"]:
    """A page of the health service, of the last five minutes."""
    login = {"username": "health", "password": cluster.stack.passwords["health"]}
    sight = {"viewport": {"width": width, "height": 1000}, "color_scheme": scheme}
    with quiet_page(browser, expected=expected, http_credentials=login, **sight) as page:
        port = cluster.stack.settings.health_port

        # where a network of another lane comes or goes meanwhile, a script is missing: then once more
        def begun() -> bool:
            page.goto(f"http://127.0.0.1:{port}/dashboards/{uid}?from=now-5m&to=now&refresh=10s")
            return comes_true(lambda: page.locator("[data-panel]").count() > 0, timeout=20)

        eventually(begun, 60, "the page has panels")
        yield page


_CONTENTS = {
    "timeseries": ".u-over, .legend tbody tr",
    "stat": ".figure strong",
    "bargauge": ".bars li",
    "table": ".listing tbody tr",
    "state-timeline": ".band",
}
"""What is in a panel of each kind that is drawn."""
_SEEN = """(panels, contents) => panels.map((panel) => [panel.dataset.panel, panel.dataset.state,
  panel.querySelector(".note")?.textContent ?? "", panel.querySelectorAll(contents[panel.classList[1]]).length])"""


def _faults(page: "Page", dashboard: Dashboard, names: set[str]) -> list[str]:
    """Panels in sight that show nothing, and do not say why as they may; ``names``: of the nodes there are."""
    seen = page.eval_on_selector_all("[data-panel]", _SEEN, _CONTENTS)
    faults = []
    for number, panel, _ in arrange(dashboard.rows):
        if isinstance(panel, Panel):
            found = {of: one for key, *one in seen for id_, _, of in [key.partition("-")] if id_ == str(number)}
            missing = (names if panel.repeat else {""}) - found.keys()
            faults += [f"{panel.title}: none {of}" for of in sorted(missing)]
            faults += [
                f"{panel.title} {of}: {one}"
                for of, one in found.items()
                if _is_fault(panel, *one, may_be_empty=(dashboard.uid, panel.title) in EMPTY or of not in {"", *names})
            ]
    return faults


def _is_fault(panel: Panel, state: str, note: str, contents: int, *, may_be_empty: bool) -> bool:
    """A node that another test had for a moment may have been nobody's."""
    if state == "empty":
        return not may_be_empty or note != (panel.empty or "No data")
    return state != "drawn" or contents < (2 if panel.kind == "timeseries" else 1)


@pytest.mark.parametrize(("page", "width", "scheme"), list(_combinations()))
def test_a_browser_shows_every_panel(
    prometheus: Prometheus,
    shared: Cluster,
    chromium: "Browser",
    pytestconfig: pytest.Config,
    page: Dashboard,
    width: int,
    scheme: str,
) -> None:
    with _opened(chromium, shared, page.uid, width=width, scheme=scheme) as shown:
        height = shown.evaluate("document.documentElement.scrollHeight")
        shown.set_viewport_size({"width": width, "height": height})
        faults: list[str] = []

        def complete() -> bool:
            _work(shared)
            faults[:] = _faults(shown, page, set(shared.stack.topology.names))
            return not faults

        assert comes_true(complete, timeout=90), faults
        assert shown.evaluate("document.documentElement.scrollWidth") <= width
        text = shown.locator("main").text_content() or ""
        assert not re.search(r"undefined|NaN|Infinity|\[object|\bnull\b", text)
        shown.set_viewport_size({"width": width, "height": 900})
        name = f"{page.uid.removeprefix('pods-')}-{scheme if width > 400 else f'narrow-{scheme}'}"
        picture(shown, pytestconfig.getoption("--screenshots") if name in _PICTURES else "", name)


def test_a_pointer_a_choice_and_the_keyboard_change_what_is_shown(
    prometheus: Prometheus, shared: Cluster, chromium: "Browser"
) -> None:
    nodes = shared.stack.topology.names
    with _opened(chromium, shared, "pods-overview") as page:
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.textContent") == "Skip to the panels"
        panel = page.locator('section[aria-label="Transactions per second"]')
        panel.scroll_into_view_if_needed()
        eventually(lambda: _hovered(page, panel) >= len(nodes), 60, "the pointer shows each node's value", pause=1)
        _legend(panel)
        _zoom(page, panel)
        page.locator("#variables summary").first.click()
        page.locator("#variables .box label", has_text="replica1").first.click()
        page.wait_for_selector('section[aria-label="Sessions of replica1"]')
        page.wait_for_selector('section[aria-label="Sessions of primary"]', state="detached")
        assert "var-instance=replica1" in page.url
        page.keyboard.press("Escape")
        page.locator("#pages a", has_text="Replication").click()
        page.wait_for_selector("h1:text-is('Replication')", state="attached")
        assert "var-instance=replica1" in page.url


def _hovered(page: "Page", panel: "Locator") -> int:
    """Lines beside the pointer, which comes to some seconds ago."""
    box = panel.locator(".u-over").bounding_box()
    assert box
    for share in (0.9, 0.94):
        page.mouse.move(box["x"] + box["width"] * share, box["y"] + 20)
    return page.locator("#tooltip:not([hidden]) tbody tr").count()


def _legend(panel: "Locator") -> None:
    """A click shows one series alone, another one all of them again."""
    buttons = panel.locator(".legend button")
    count = buttons.count()
    for pressed in (["true"] + ["false"] * (count - 1), ["true"] * count):
        buttons.first.click()
        assert [one.get_attribute("aria-pressed") for one in buttons.all()] == pressed


def _zoom(page: "Page", panel: "Locator") -> None:
    """Dragging over a drawing shows that time, and the browser's way back leads back."""
    box = panel.locator(".u-over").bounding_box()
    assert box
    middle = box["y"] + box["height"] / 2
    page.mouse.move(box["x"] + box["width"] * 0.3, middle)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.7, middle, steps=4)
    page.mouse.up()
    page.wait_for_url(re.compile(r"from=\d{13}&to=\d{13}"))
    page.go_back()
    page.wait_for_url(re.compile("from=now-5m&to=now"))


def test_what_others_called_their_things_is_text_on_the_page(
    prometheus: Prometheus, shared: Cluster, chromium: "Browser"
) -> None:
    with _opened(chromium, shared, "pods-node") as page:
        panel = page.locator('section[aria-label="Committed"]')
        eventually(
            lambda: _MALICE in (panel.locator(".legend").text_content() or ""), 60, "its series is shown", pause=1
        )
        assert _MALICE in (page.locator("#variables").text_content() or "")
        assert page.locator("img").count() == 0
        assert "owned" not in page.title()


def test_while_nobody_answers_the_old_drawing_stays_and_a_line_says_so(
    prometheus: Prometheus, shared: Cluster, chromium: "Browser"
) -> None:
    with _opened(chromium, shared, "pods-overview", expected="ERR_INTERNET_DISCONNECTED") as page:
        panel = page.locator('section[aria-label="Clients"]').first
        eventually(lambda: panel.get_attribute("data-state") == "drawn", 60, "the panel is drawn")
        page.context.set_offline(True)
        page.get_by_label("refresh now").click()
        page.wait_for_selector("#trouble:has-text('the health service does not answer')")
        eventually(lambda: panel.get_attribute("data-state") == "old", 30, "the panel is grey")
        assert panel.locator(".figure strong").count() == 1
        page.context.set_offline(False)
        page.get_by_label("refresh now").click()
        eventually(lambda: panel.get_attribute("data-state") == "drawn", 60, "the panel is drawn again")
        page.wait_for_selector("#trouble", state="hidden")
