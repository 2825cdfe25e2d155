"""Decisions have one form: number, title, date, context, decision."""

import re
from pathlib import Path

import pytest

from cluster.config.env_file import PROJECT_ROOT

DECISIONS = sorted((PROJECT_ROOT / "docs" / "decisions").glob("*.md"))
FORM = re.compile(r"# (\d{4}): \S.*\n\n\*\d{4}-\d\d-\d\d\*\n\n\*\*Context\.\*\*")


@pytest.mark.parametrize("path", DECISIONS, ids=lambda path: path.stem)
def test_a_decision_has_the_form_of_the_others(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    found = FORM.match(text)
    assert found, text[:120]
    assert path.name.startswith(found[1])
    assert "**Decision" in text


def test_numbers_are_given_once_and_without_a_gap() -> None:
    assert [int(path.name[:4]) for path in DECISIONS] == list(range(1, len(DECISIONS) + 1))
