"""What `nox` runs where words are given after `--`."""

import json
import os
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from nox.command import CommandFailed

import noxfile
from cluster.config.env_file import PROJECT_ROOT


class Session:
    """Records what would be run."""

    def __init__(self, *posargs: str) -> None:
        self.posargs, self.ran, self.runs = list(posargs), list[str](), list[tuple[str, ...]]()
        self.env, self.warnings = dict[str, str](), list[str]()
        self.directory = Path(tempfile.gettempdir(), f"pods-session-{os.getpid()}-{id(self)}")
        self.failures: list[Sequence[str] | None] = []
        """What fails in each run, files by name; None when it ends without a test that failed."""

    def create_tmp(self) -> str:
        return str(self.directory / "tmp")

    def warn(self, message: str) -> None:
        self.warnings.append(message)

    def run(self, *argv: str) -> None:
        self.ran += argv
        self.runs.append(argv)
        failed = self.failures.pop(0) if self.failures else []
        if failed is None:
            raise CommandFailed
        if failed:
            known = self.directory / "pytest-cache" / "v" / "cache" / "lastfailed"
            known.parent.mkdir(parents=True, exist_ok=True)
            known.write_text(json.dumps({f"{name}::test_it[1]": True for name in failed}))
            raise CommandFailed


@pytest.fixture
def session() -> Iterator[Session]:
    made = Session()
    yield made
    shutil.rmtree(made.directory, ignore_errors=True)


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


def test_what_an_image_of_a_gigabyte_is_built_for_has_a_session_of_its_own(session: Session) -> None:
    """And CI's does not run it."""
    for run in (noxfile.extensions, noxfile.integration):
        run.func(session)
    words = " ".join(session.ran)
    assert "test_78_every_extension.py -v -m extensions" in words
    assert "and not extensions" in words


def test_what_failed_beside_others_runs_once_more_alone(session: Session) -> None:
    session.failures = [["tests/integration/test_a.py", "tests/integration/test_b.py"], []]
    noxfile.integration.func(session)
    first, second = session.runs[-2:]
    assert "tests/integration" in first
    assert "tests/integration" not in second
    assert [word for word in second if word.startswith("tests/")] == session.warnings[0].split()[-2:]
    assert second[-1] == noxfile.ALONE
    assert {word for word in first if word not in second} == {"tests/integration", noxfile.SMOKE}
    assert "look into it: tests/integration/test_a.py" in session.warnings[1]


@pytest.mark.parametrize(
    "failures",
    [
        [["tests/integration/test_a.py"], ["tests/integration/test_a.py"]],
        [["tests/integration/test_a.py"], None],
        [[f"tests/integration/test_{number}.py" for number in range(noxfile.FEW + 1)], []],
        [None, []],
    ],
    ids=["twice", "no second run", "many", "no test"],
)
def test_what_fails_alone_too_or_with_many_others_fails(session: Session, failures: list[Sequence[str] | None]) -> None:
    session.failures = failures
    with pytest.raises(CommandFailed):
        noxfile.integration.func(session)
    assert not any("Passed alone" in warning for warning in session.warnings)


def test_a_run_with_words_of_its_own_has_no_second_try(session: Session) -> None:
    session.posargs, session.failures = ["-k", "word"], [["tests/integration/test_a.py"]]
    with pytest.raises(CommandFailed):
        noxfile.integration.func(session)
    assert sum("tests/integration" in run for run in session.runs) == 1
