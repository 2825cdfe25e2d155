from pathlib import Path

import pytest

from cluster.history import PrimaryChange, dump
from cluster.postgres.data_directory import PGDATA
from compose.home.paths import Home
from compose.report.history import HistoryReport, history_report, print_history
from compose.stack import Stack
from tests.fix_settings import settings_of, topology_of

SETTINGS = settings_of()
FIRST = PrimaryChange(at=1795792800.0, event="first start", primary="primary", timeline=1, by="inv up")
SWITCHED = PrimaryChange(
    at=1795792900.0,
    event="switchover",
    primary="primary",
    before="replica1",
    timeline=4,
    lsn="0/5A3C1F8",
    gap_seconds=0.41,
    by="inv switchover",
)


@pytest.fixture
def stack(tmp_path: Path) -> Stack:
    home = Home(tmp_path)
    home.data.mkdir()
    return Stack(home, SETTINGS, topology_of(SETTINGS))


def _write(stack: Stack, journal: str, files: dict[str, str]) -> None:
    stack.home.journal.write_text(journal)
    wal = stack.home.node("primary") / PGDATA / "pg_wal"
    wal.mkdir(parents=True)
    for name, text in files.items():
        (wal / name).write_text(text)


def test_what_the_journal_lacks_comes_from_the_primarys_history_files(stack: Stack) -> None:
    text = "1\t0/3000000\tno recovery target specified\n2\t0/4000000\tno recovery target specified\n3\t0/5A3C270\tx\n"
    _write(stack, dump(FIRST) + dump(SWITCHED), {"00000004.history": text})
    report = history_report(stack)
    assert [change.timeline for change in report.changes] == [1, 2, 3, 4]
    assert [change.at is None for change in report.changes] == [False, True, True, False]
    assert report.notes == ()


def test_a_line_that_cannot_be_read_is_a_note(stack: Stack) -> None:
    _write(stack, dump(FIRST) + dump(SWITCHED)[:40], {})
    report = history_report(stack)
    assert report.changes == (FIRST,)
    assert report.notes == (f"a line of {stack.home.journal} cannot be read, and is left out",)


def test_without_journal_and_data_there_is_nothing_and_no_error(stack: Stack) -> None:
    assert history_report(stack) == HistoryReport(primary="primary", changes=(), notes=())


def test_a_journal_and_files_that_cannot_be_read_are_notes(stack: Stack) -> None:
    stack.home.journal.mkdir()
    stack.home.node("primary").mkdir()
    (stack.home.node("primary") / "18").symlink_to("/etc")
    report = history_report(stack)
    assert len(report.notes) == 2


def test_people_get_a_line_per_change(capsys: pytest.CaptureFixture[str]) -> None:
    print_history(HistoryReport(primary="primary", changes=(FIRST, SWITCHED), notes=("something",)))
    lines = capsys.readouterr().out.splitlines()
    assert lines[1].split() == ["2026-11-27", "15:20:00", "primary", "1", "first", "start", *"–––", "inv", "up", "–"]
    assert lines[2].startswith("2026-11-27 15:21:40  primary")
    assert "0.4 s" in lines[2]
    assert lines[-1] == "  note: something"
