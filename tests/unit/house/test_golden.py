"""The judge of generated texts can say no."""

from collections.abc import Callable
from pathlib import Path

import pytest


@pytest.fixture
def strict(request: pytest.FixtureRequest) -> None:
    """Only where changes are not just taken."""
    if request.config.getoption("--write-changes"):
        pytest.skip("changes are being written")


def test_a_text_that_differs_is_refused_with_the_difference(
    strict: None, hold: Callable[[Path, str], None], tmp_path: Path
) -> None:
    (tmp_path / "x").write_text("one\ntwo\n")
    with pytest.raises(pytest.fail.Exception, match=r"(?s)--write-changes.*-two.*\+three"):
        hold(tmp_path / "x", "one\nthree\n")
    assert (tmp_path / "x").read_text() == "one\ntwo\n"


def test_a_text_that_is_not_there_yet_is_refused(
    strict: None, hold: Callable[[Path, str], None], tmp_path: Path
) -> None:
    with pytest.raises(pytest.fail.Exception):
        hold(tmp_path / "x", "text\n")


def test_an_equal_text_is_held(hold: Callable[[Path, str], None], tmp_path: Path) -> None:
    (tmp_path / "x").write_text("text\n")
    hold(tmp_path / "x", "text\n")
    assert (tmp_path / "x").read_text() == "text\n"
