"""The map of the house and what is said of how to change it name only what is there."""

import re
from pathlib import Path

import pytest

from cluster.config.env_file import PROJECT_ROOT

PAGES = (PROJECT_ROOT / "docs/explanation/architecture.md", PROJECT_ROOT / "CONTRIBUTING.md")
_PATH = re.compile(r"`((?:cluster|compose|exporters|guide|health|backup|dashboards|tests|docs)/[a-z0-9_/.-]*)`")
_TO_COME = "What comes next has its room already"
ROOMS = sorted(
    path.relative_to(PROJECT_ROOT)
    for package in ("cluster", "compose", "exporters", "guide", "health", "backup", "dashboards")
    for path in (PROJECT_ROOT / package).iterdir()
    if (path / "__init__.py").exists()
)


def _paths(page: Path) -> list[str]:
    text = page.read_text(encoding="utf-8")
    here, _, rest = text.partition(_TO_COME)
    return _PATH.findall(here) + _PATH.findall(rest.partition("\n## ")[2])


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_path_on_the_map_is_there(page: Path) -> None:
    paths = _paths(page)
    assert len(paths) > 10
    assert [path for path in paths if not (PROJECT_ROOT / path).exists()] == []


@pytest.mark.parametrize("room", ROOMS, ids=str)
def test_every_room_is_on_the_map(room: Path) -> None:
    text = PAGES[0].read_text(encoding="utf-8")
    assert f"`{room}/`" in text or f"`{room.relative_to(room.parts[0])}/`" in text
