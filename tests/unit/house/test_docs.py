"""Pages hang together: every link leads somewhere, every anchor is a heading, every block says what is in it."""

import re
import subprocess
from pathlib import Path

import pytest
import yaml

from cluster.config.env_file import PROJECT_ROOT

PAGES = sorted((*PROJECT_ROOT.glob("*.md"), *(PROJECT_ROOT / "docs").rglob("*.md")))
BLOCK = re.compile(r"^(```+)(\S*)\n(.*?)^\1$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"(?<!\\)\[[^\]]*\]\(([^)\s]+)\)")
DIAGRAMS = ("flowchart", "graph", "sequenceDiagram", "stateDiagram-v2", "classDiagram", "gantt")
each_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(PROJECT_ROOT)))


def _anchors(page: Path) -> set[str]:
    """As the forges make them: lower case, no punctuation, a number where a heading comes again."""
    found: set[str] = set()
    text = BLOCK.sub("", page.read_text(encoding="utf-8"))
    for heading in re.findall(r"^#+ (.+?)\s*$", text, re.MULTILINE):
        plain = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading)
        slug = re.sub(r"[^\w\- ]", "", plain.lower()).replace(" ", "-")
        again = sum(1 for known in found if known == slug or re.fullmatch(rf"{re.escape(slug)}-\d+", known))
        found.add(f"{slug}-{again}" if again else slug)
    return found | set(re.findall(r'<a (?:id|name)="([^"]+)"', text))


def _broken(page: Path) -> list[str]:
    """Links within the project that lead nowhere."""
    text = re.sub(r"`[^`\n]*`", "", BLOCK.sub("", page.read_text(encoding="utf-8")))
    broken = []
    for link in LINK.findall(text):
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        if "://" in link or link.startswith("mailto:"):
            continue
        if not target.exists() or (anchor and target.suffix == ".md" and anchor not in _anchors(target)):
            broken.append(link)
    return broken


@each_page
def test_every_link_leads_somewhere(page: Path) -> None:
    assert _broken(page) == []


@each_page
def test_every_page_is_linked_from_another(page: Path) -> None:
    start = {PROJECT_ROOT / name for name in ("README.md", "CHANGELOG.md", "CONTRIBUTING.md")}
    linked = set()
    for other in PAGES:
        for link in LINK.findall(other.read_text(encoding="utf-8")):
            target = (other.parent / link.partition("#")[0]).resolve()
            linked.add(target)
            linked.update(target.glob("*.md") if target.is_dir() else ())
    assert page in linked | start


@each_page
def test_every_block_is_closed_and_what_it_says_it_holds(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert "```" not in BLOCK.sub("", text), "a block is not closed"
    for _, kind, body in BLOCK.findall(text):
        if kind == "mermaid":
            assert body.split()[0] in DIAGRAMS
        if kind in ("sh", "bash"):
            parsed = subprocess.run(["bash", "-n"], input=body, capture_output=True, text=True, check=False)
            assert parsed.returncode == 0, parsed.stderr + body
        if kind in ("yaml", "json"):
            yaml.safe_load(body)


def test_a_link_that_leads_nowhere_is_seen(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(
        "# One, two\n## `inv up`\n# One, two\n[a](#one-two-1) [b](#inv-up) [c](#three) [d](x.md) `[e](y)`\n"
    )
    assert _broken(page) == ["#three", "x.md"]
