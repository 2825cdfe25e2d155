"""Another site's page in the operator's own browser: it reads no metric and silences no alert."""

import http.server
import json
import shutil
import threading
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
from playwright.sync_api import sync_playwright

from tests.fix_stack import Cluster
from tests.fix_web import fetch

SILENCE = json.dumps(
    {
        "matchers": [{"name": "alertname", "value": ".+", "isRegex": True, "isEqual": True}],
        "startsAt": "2026-01-01T00:00:00Z",
        "endsAt": "2099-01-01T00:00:00Z",
        "createdBy": "evil",
        "comment": "evil",
    }
)
CHROMIUM = shutil.which("chromium")
ATTACK = """async ([url, body, type, mode]) => {
    const asked = {method: body ? 'POST' : 'GET', mode, credentials: 'include'};
    if (body) { asked.body = body; asked.headers = {'content-type': type}; }
    try { const got = await fetch(url, asked); return got.type + ' ' + (await got.text()).length; }
    catch (error) { return 'refused'; }
}"""


@pytest.fixture
def evil(tmp_path: Path) -> Iterator[str]:
    """Another site."""
    (tmp_path / "index.html").write_text("<!doctype html><title>kittens</title>")
    quiet = type("Quiet", (http.server.SimpleHTTPRequestHandler,), {"log_message": lambda *_: None})
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), partial(quiet, directory=str(tmp_path)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://localhost:{server.server_port}/"
    server.shutdown()
    server.server_close()


@pytest.mark.skipif(CHROMIUM is None, reason="no chromium on this host")
def test_a_page_of_another_site_reads_nothing_and_silences_nothing(cluster: Cluster, evil: str) -> None:
    settings = cluster.stack.settings
    watched, alerted = (f"http://127.0.0.1:{p}" for p in (settings.prometheus_port, settings.alertmanager_port))
    before = _silences(cluster)
    for knows in (False, True):  # the browser of one who logged in gives the password by itself
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
            for service, address in (("prometheus", watched), ("alertmanager", alerted)):
                user, password = cluster.login(service)
                login = {"username": user, "password": password} if knows else None
                page = browser.new_context(http_credentials=login).new_page()  # type: ignore[arg-type]
                page.goto(evil)
                reads = f"{address}/api/v1/query?query=up" if service == "prometheus" else f"{address}/api/v2/status"
                assert page.evaluate(ATTACK, [reads, "", "", "cors"]) == "refused", (service, knows)
                if service == "alertmanager":
                    for kind, mode in (("application/json", "cors"), ("text/plain", "no-cors")):
                        got = page.evaluate(ATTACK, [f"{address}/api/v2/silences", SILENCE, kind, mode])
                        assert got in ("refused", "opaque 0"), (kind, knows)
            browser.close()
    assert _silences(cluster) == before


def _silences(cluster: Cluster) -> set[str]:
    """Ids of all that Alertmanager knows, those that have ended too: whatever somebody made before is among them."""
    answer = fetch(cluster.stack.settings.alertmanager_port, "/api/v2/silences", cluster.login("alertmanager"))
    assert answer.status == 200, answer
    return {silence["id"] for silence in json.loads(answer.body)}


@pytest.mark.parametrize("service", ["prometheus", "alertmanager", "exporter"])
def test_who_knows_no_password_gets_nothing_and_a_wrong_one_is_none(cluster: Cluster, service: str) -> None:
    port = getattr(cluster.stack.settings, f"{service}_port")
    for path in ("/", "/metrics", "/api/v1/query?query=up", "/api/v2/silences", "/sd", "/debug/pprof/"):
        assert fetch(port, path).status == 401, path
        assert fetch(port, path, ("pods", "wrong-password")).status == 401, path
    assert fetch(port, "/metrics", cluster.login(service)).status == 200
