import hashlib
import re
from html.parser import HTMLParser

from cluster.config.env_file import PROJECT_ROOT
from cluster.config.mounted import MountedConfig
from cluster.history import PrimaryChange
from health.page import ASSETS, FOLDER
from health.watcher import ClusterWatcher
from tests.fix_settings import settings_of
from tests.unit.health.status_samples import WELL, Client, polled, view_of
from tests.unit.snapshot_samples import silent

OURS = [name for name in ASSETS if not name.startswith("vendor/")]
VENDORED = {
    "vendor/uplot-1.6.32/uPlot.iife.min.js": "19c8d4c6ad88929a79f4ae49d6f7161566dfd0ba3d15cc495e974f787eb78f1f",
    "vendor/uplot-1.6.32/uPlot.min.css": "df630c6a8d6f8eeaff264b50f73ce5b114f646ffd9a0bb74f049b0a00135fa04",
}


class _Cells(HTMLParser):
    """The text of every table cell, and what the page loads."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.cells: list[str] = []
        self.loads: list[str] = []
        self._open = False
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._open = tag in ("td", "th")
        known = dict(attrs)
        if tag in ("script", "link", "img"):
            self.loads.append(known.get("src") or known.get("href") or "")

    def handle_data(self, data: str) -> None:
        if self._open:
            self.cells.append(data)
            self._open = False


def _get(watcher: ClusterWatcher, path: str = "/") -> tuple[str, dict[str, str]]:
    answer = Client(watcher).get(path)
    assert answer.status_code == 200
    return answer.text, dict(answer.headers)


def test_without_javascript_there_is_a_table_of_everything() -> None:
    cells = _Cells(_get(polled())[0]).cells
    for text in ("primary", "replica1", "replica2", "streaming", "appdb_read", "replica1, replica2", "replica2_slot"):
        assert text in cells, text


def test_open_reasons_are_there_without_javascript() -> None:
    text, _ = _get(polled(view_of(silent(WELL, "replica2"))))
    said = '<li>replica2 (replica) does not answer: connection refused<span class="remedy">run: inv up</span></li>'
    assert said in text
    assert "1 thing to look at" in text


def test_what_servers_say_is_text_and_never_html() -> None:
    text, _ = _get(polled(view_of(silent(WELL, "replica2", "<script>alert(1)</script> $project"))))
    assert "<script>alert" not in text
    assert "&lt;script&gt;alert(1)&lt;/script&gt; $project" in text


def test_while_nothing_is_known_there_is_a_page_that_says_so() -> None:
    assert "it has not looked yet" in _get(ClusterWatcher(MountedConfig()))[0]


def test_the_page_leads_to_dashboards_where_there_is_something_to_draw() -> None:
    link = '<a href="dashboards" {}>Dashboards'
    assert link.format("") in _get(polled())[0]
    assert link.format("") in _get(ClusterWatcher(MountedConfig()))[0]
    assert link.format("hidden") in _get(polled(view_of(settings=settings_of(monitoring="off"))))[0]


def test_nothing_is_loaded_from_elsewhere() -> None:
    text, headers = _get(polled())
    assert headers["content-security-policy"].startswith("default-src 'none'; script-src 'self'; style-src 'self'")
    assert "unsafe" not in headers["content-security-policy"]
    assert sorted(_Cells(text).loads) == ["page/icon.svg", "page/page.css", "page/page.js"]
    for name in OURS:
        loaded = (FOLDER / name).read_text().replace("http://www.w3.org/2000/svg", "")
        assert "://" not in loaded, name


def test_every_file_of_the_page_is_served_with_its_kind() -> None:
    files = {str(path.relative_to(FOLDER)) for path in FOLDER.rglob("*") if path.is_file()}
    shells = {"index.html", "dashboards/index.html", "insight/index.html"}
    assert {name for name in files - set(ASSETS) - shells if not name.endswith("/LICENSE")} == set()
    for name, kind in ASSETS.items():
        assert _get(polled(), f"/page/{name}")[1]["content-type"].startswith(kind)


def test_a_vendored_library_is_what_was_published_and_has_its_licence() -> None:
    """Never edited: a newer one is a new folder and a new line here (docs/decisions/0058)."""
    found = {name: hashlib.sha256((FOLDER / name).read_bytes()).hexdigest() for name in ASSETS if name not in OURS}
    assert found == VENDORED
    for folder in {(FOLDER / name).parent for name in VENDORED}:
        assert "Permission is hereby granted" in (folder / "LICENSE").read_text()
        assert folder.name in (PROJECT_ROOT / "NOTICE").read_text()


def test_scripts_set_text_and_never_html() -> None:
    for name in OURS:
        assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write", (FOLDER / name).read_text())


def test_the_page_says_since_when_who_is_the_primary() -> None:
    change = PrimaryChange(at=1795792800.0, event="switchover", primary="primary", before="replica1", timeline=3)
    page = Client(polled(view_of(latest=change))).get("/").text
    assert "<b>Primary</b> primary since 2026-11-27 15:20:00 UTC, switchover from replica1, timeline 3" in page
    assert Client(polled(view_of(latest=change))).get("/health").json()["primary_change"]["timeline"] == 3


def test_of_a_primary_that_the_topology_has_given_up_the_page_says_nothing() -> None:
    change = PrimaryChange(at=1795792800.0, event="switchover", primary="replica1", before="primary", timeline=2)
    assert '<p id="since"></p>' in Client(polled(view_of(latest=change))).get("/").text
