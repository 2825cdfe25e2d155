"""The pages that a browser gets: every runbook is there at the address its alert names, and every page is whole."""

import re
from html.parser import HTMLParser

import pytest
import yaml

from cluster.http.pages import pages
from compose.render.monitoring import RULES, monitoring_files
from compose.render.runbooks import _block, _inline, pages_of, runbook_pages
from tests.fix_settings import settings_of, topology_of

VOID = {"meta", "br"}


class _Reader(HTMLParser):
    """Anchors and links of a page; what is opened is closed."""

    def __init__(self) -> None:
        super().__init__()
        self.ids: list[str] = []
        self.links: list[str] = []
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.ids += [value or "" for name, value in attrs if name == "id"]
        self.links += [value or "" for name, value in attrs if name == "href"]
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def _read(text: str) -> _Reader:
    reader = _Reader()
    reader.feed(text)
    assert set(reader.open) <= {"html"}
    return reader


PAGES = {name: _read(text) for name, text in runbook_pages().items()}


@pytest.mark.parametrize("bind", ["127.0.0.1", "192.0.2.1"])
def test_every_alert_names_an_address_at_which_its_runbook_is(bind: str) -> None:
    settings = settings_of(web_bind=bind, health_bind="127.0.0.1")
    files = monitoring_files(settings, topology_of(settings), "")
    base = f"{pages(settings)['prometheus'].url}user/"
    found = []
    for name in RULES:
        for group in yaml.safe_load(files[f"rendered/prometheus/rules/{name}"])["groups"]:
            found += [rule["annotations"]["runbook_url"] for rule in group["rules"] if "alert" in rule]
    assert len(found) > 90
    for address in found:
        assert address.startswith(base)
        page, _, anchor = address.removeprefix(base).partition("#")
        assert anchor in PAGES[page].ids, address
        assert f"rendered/prometheus/runbooks/{page}" in files


def test_the_weekly_report_is_there_where_it_was_asked_for_and_no_alert_otherwise() -> None:
    for report, names in (("off", []), ("weekly", ["PodsReport"])):
        settings = settings_of(report=report)
        rules = monitoring_files(settings, topology_of(settings), "")["rendered/prometheus/rules/report.yml"]
        groups = yaml.safe_load(rules)["groups"]
        assert [rule["alert"] for group in groups for rule in group["rules"]] == names


@pytest.mark.parametrize("name", PAGES)
def test_a_link_leads_to_what_is_served(name: str) -> None:
    for link in PAGES[name].links:
        page, _, anchor = link.partition("#")
        if link.startswith(("https://", "/")):
            continue
        assert page in ("", "./", *PAGES), link
        assert not anchor or anchor in PAGES[page or name].ids, link


@pytest.mark.parametrize("name", PAGES)
def test_no_mark_of_the_text_is_left(name: str) -> None:
    shown = re.sub(r"<(pre|code|style)>.*?</\1>", "", runbook_pages()[name], flags=re.DOTALL)
    assert not re.search(r"\*\*|`|^#|^\||\]\(", shown, flags=re.MULTILINE)


@pytest.mark.parametrize(
    ("text", "made"),
    [
        ("a < b & `x < y`", "a &lt; b &amp; <code>x &lt; y</code>"),
        ("**Means.** It", "<b>Means.</b> It"),
        ("[A](sessions.md#b)", '<a href="sessions.html#b">A</a>'),
        ("[A](#b)", '<a href="#b">A</a>'),
        ("[A](../restore.md)", "A (<code>docs/how-to/restore.md</code>)"),
        ("[`A`](https://example.com/)", '<a href="https://example.com/"><code>A</code></a>'),
    ],
)
def test_what_stands_in_a_line(text: str, made: str) -> None:
    assert _inline(text) == made


@pytest.mark.parametrize(
    ("text", "made"),
    [
        ("## PodsNodeDown", '<h2 id="podsnodedown">PodsNodeDown</h2>'),
        ("- a\n- b\n  c", "<ul><li>a\n</li><li>b\n  c</li></ul>"),
        (
            "| a | b |\n|---|---|\n| c | d |",
            "<table><tr><td>a</td><td>b</td></tr><tr><td>c</td><td>d</td></tr></table>",
        ),
    ],
)
def test_what_is_a_block(text: str, made: str) -> None:
    assert _block(text) == made


@pytest.mark.parametrize("service", ["prometheus", "alertmanager"])
def test_a_page_of_a_service_asks_nobody_else_and_puts_no_text_in_as_html(service: str) -> None:
    text = pages_of(service)
    assert "/* pages.css */" not in text
    assert "innerHTML" not in text
    assert not re.search(r"(src|href)=\"(https?:)?//(?!prometheus\.io/docs)", text)
    _read(re.sub(r"<script>.*</script>", "", text, flags=re.DOTALL).replace("</html>", ""))
