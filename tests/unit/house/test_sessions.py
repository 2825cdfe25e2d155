"""What `nox` runs where words are given after `--`."""

from pathlib import Path

import pytest

import noxfile
from cluster.config.env_file import PROJECT_ROOT


class Session:
    """Records what would be run."""

    def __init__(self, *posargs: str) -> None:
        self.posargs, self.ran = list(posargs), list[str]()

    def run(self, *argv: str) -> None:
        self.ran += argv


def _given(*words: str) -> list[str]:
    session = Session(*words)
    noxfile.pytest(session, "tests/integration", "-v")  # type: ignore[arg-type]
    return session.ran[3:]


@pytest.mark.parametrize("word", ["backup", "cluster", "docs", "killed"])
def test_a_word_chooses_among_the_session_s_tests_also_where_a_folder_is_called_so(word: str) -> None:
    assert _given("-k", word) == ["tests/integration", "-v", "-k", word]


def test_a_path_is_run_instead() -> None:
    assert _given("tests/integration/test_10_up.py::test_x") == ["-v", "tests/integration/test_10_up.py::test_x"]


@pytest.mark.parametrize("path", noxfile.DOCS)
def test_what_the_docs_session_runs_is_there(path: str) -> None:
    assert Path(PROJECT_ROOT, path).is_file()


def test_what_an_image_of_a_gigabyte_is_built_for_has_a_session_of_its_own() -> None:
    """And CI's does not run it."""
    session = Session()
    for run in (noxfile.extensions, noxfile.integration):
        run.func(session)
    words = " ".join(session.ran)
    assert "test_78_every_extension.py -v -m extensions" in words
    assert "and not extensions" in words
