import stat
import time
from pathlib import Path

import pytest

from cluster.errors import RefusedError
from cluster.history import PrimaryChange, dump, parse
from cluster.postgres.data_directory import PGDATA
from compose.home.paths import Home
from compose.home.primary_journal import read_histories, read_journal, record

SWITCHED = PrimaryChange(event="switchover", primary="replica1", before="primary", timeline=2, lsn="0/5000A0")
BACK = PrimaryChange(event="switchover", primary="primary", before="replica1", timeline=3)


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path)


def test_a_change_is_noted_with_its_time_and_copied_for_services(home: Home) -> None:
    before = time.time()
    assert record(home, SWITCHED) == ""
    (noted,) = read_journal(home).changes
    assert noted.at is not None
    assert before - 1 < noted.at < time.time() + 1
    assert parse(home.journal_copy.read_text()).changes == (noted,)
    assert stat.S_IMODE(home.journal.stat().st_mode) == 0o644


def test_a_run_that_goes_on_notes_it_once(home: Home) -> None:
    assert record(home, SWITCHED) == record(home, SWITCHED) == record(home, BACK) == ""
    assert [change.timeline for change in read_journal(home).changes] == [2, 3]


def test_a_line_that_a_power_loss_tore_swallows_nothing(home: Home) -> None:
    record(home, SWITCHED)
    with home.journal.open("ab") as file:
        file.write(dump(BACK).encode()[:30])
    record(home, BACK)
    found = read_journal(home)
    assert [change.timeline for change in found.changes] == [2, 3]
    assert found.unreadable == 1


def test_what_was_noted_is_never_changed(home: Home) -> None:
    record(home, SWITCHED)
    before = home.journal.read_bytes()
    record(home, BACK)
    assert home.journal.read_bytes().startswith(before)


def test_a_copy_that_is_gone_comes_back(home: Home) -> None:
    record(home, SWITCHED)
    home.journal_copy.unlink()
    record(home, SWITCHED)
    assert parse(home.journal_copy.read_text()).changes == read_journal(home).changes


def test_a_journal_that_cannot_be_written_is_a_warning(home: Home) -> None:
    home.journal.mkdir(parents=True)
    assert str(home.journal) in record(home, SWITCHED)


def test_a_link_in_its_place_is_not_followed(home: Home, tmp_path: Path) -> None:
    home.data.mkdir()
    elsewhere = tmp_path / "elsewhere"
    elsewhere.write_text("")
    home.journal.symlink_to(elsewhere)
    assert "could not be noted" in record(home, SWITCHED)
    assert elsewhere.read_text() == ""


def test_history_files_are_read_from_the_data(home: Home) -> None:
    wal = home.node("primary") / PGDATA / "pg_wal"
    wal.mkdir(parents=True)
    (wal / "00000002.history").write_text("1\t0/5000A0\tno recovery target specified\n")
    (wal / "0000000200000000000000A1").write_text("")
    (wal / "0000000A.history.tmp").write_text("")
    assert read_histories(home, "primary") == {2: "1\t0/5000A0\tno recovery target specified\n"}
    assert read_histories(home, "replica1") == {}


def test_a_link_among_them_is_refused(home: Home) -> None:
    wal = home.node("primary") / PGDATA / "pg_wal"
    wal.mkdir(parents=True)
    (wal / "00000002.history").symlink_to("/etc/passwd")
    with pytest.raises(RefusedError):
        read_histories(home, "primary")
