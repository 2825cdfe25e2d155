"""A headless Chromium whose console is an assertion: no script of ours makes an error, nothing breaks our policy."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

CHROMIUM = shutil.which("chromium")
_NOT_OURS = ("ERR_NETWORK_CHANGED",)
"""Other lanes make and remove networks of the engine, and Chromium then breaks off what it was loading."""
TIMEOUT = 60_000
"""Milliseconds until what is waited for counts as missing."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """`--screenshots=DIRECTORY` keeps what the tests of the dashboards see."""
    parser.addoption("--screenshots", default="", help="write pictures of the dashboards into this directory")


@pytest.fixture(scope="module")
def chromium() -> Iterator["Browser"]:
    """The browser; without one: skipped at home, failed under CI."""
    if not CHROMIUM:
        pytest.fail("no chromium") if os.environ.get("CI") else pytest.skip("no chromium on this host")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@contextmanager
def quiet_page(browser: "Browser", *, expected: str = "", **options: Any) -> Iterator["Page"]:
    """A page of a context of its own, on whose console nothing but ``expected`` is an error."""
    context = browser.new_context(**options)
    page = context.new_page()
    page.set_default_timeout(TIMEOUT)
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("console", lambda line: errors.append(line.text) if line.type in ("error", "warning") else None)
    try:
        yield page
        known = (*filter(None, [expected]), *_NOT_OURS)
        assert [error for error in errors if not any(word in error for word in known)] == []
    finally:
        context.close()


def picture(page: "Page", directory: str, name: str) -> None:
    """Keep what is seen, where that was asked for."""
    if directory:
        Path(directory).mkdir(parents=True, exist_ok=True)
        page.screenshot(path=Path(directory) / f"{name}.png")
