"""Golden files: what is generated, as it was looked at and found good. `--write-changes` takes what is for good."""

from collections.abc import Callable
from difflib import unified_diff
from pathlib import Path

import pytest

GOLDEN = Path(__file__).parent / "golden"


def pytest_addoption(parser: pytest.Parser) -> None:
    """Let whoever changed a generated text say so."""
    parser.addoption(
        "--write-changes",
        action="store_true",
        help="rewrite golden files and generated documentation instead of failing; look at `git diff` afterwards",
    )


@pytest.fixture
def hold(request: pytest.FixtureRequest) -> Callable[[Path, str], None]:
    """Hold a file of the project to the text it should have, or rewrite it when asked."""
    rewrite = bool(request.config.getoption("--write-changes"))

    def check(path: Path, text: str) -> None:
        known = path.read_text(encoding="utf-8") if path.exists() else ""
        if known == text:
            return
        if rewrite:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
            return
        difference = unified_diff(known.splitlines(), text.splitlines(), str(path), "generated", lineterm="")
        pytest.fail("\n".join(["looked at the change and want it? run again with --write-changes", *difference]))

    return check


@pytest.fixture
def golden(hold: Callable[[Path, str], None]) -> Callable[[str, str], None]:
    """Hold a text to tests/golden/<name>."""

    def check(name: str, text: str) -> None:
        hold(GOLDEN / name, text)

    return check
