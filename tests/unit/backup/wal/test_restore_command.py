import subprocess
from pathlib import Path

import pytest

from backup.layout import tail_key, wal_key
from backup.store import DamagedError, Store
from backup.wal.codec import pack
from backup.wal.read import read_history, read_segment
from backup.wal.restore_command import RestoreSource, fetch, restore_command
from tests.unit.backup.wal.wal_made import SYSTEM, Moody, local, name, put, put_history, segment, wal


class Restore:
    """A PGDATA with its restore_command."""

    def __init__(self, tmp_path: Path, *stores: Store) -> None:
        self.told: list[str] = []
        self.archive = RestoreSource(stores=stores, system=SYSTEM, ahead=tmp_path / "ahead")
        self.pg_wal = tmp_path / "pg_wal"
        self.pg_wal.mkdir(exist_ok=True)

    def __call__(self, wanted: str) -> int:
        return fetch(self.archive, wanted, self.pg_wal / "RECOVERYXLOG", self.told.append, ahead=4)

    @property
    def got(self) -> bytes:
        return (self.pg_wal / "RECOVERYXLOG").read_bytes()


def test_a_segment_that_is_there_is_restored_whole(tmp_path: Path) -> None:
    store = local(tmp_path / "store")
    put(store, name(1))
    restore = Restore(tmp_path, store)
    assert restore(name(1)) == 0
    assert restore.got == wal(segment(1))
    assert [path.name for path in restore.pg_wal.iterdir()] == ["RECOVERYXLOG"]


def test_a_segment_that_no_store_has_is_not_there(tmp_path: Path) -> None:
    first, second = local(tmp_path / "first"), local(tmp_path / "second")
    put(first, name(1))
    restore = Restore(tmp_path, first, second)
    assert restore(name(2)) == 1
    assert restore("00000007.history") == 1
    assert restore("000000010000000000000002.00000028.backup") == 1
    assert restore("000000010000000000000001.partial") == 1
    assert restore.told == []
    assert list(restore.pg_wal.iterdir()) == []


def test_an_outage_never_looks_like_the_end_of_the_wal(tmp_path: Path) -> None:
    """Exit 1 would end recovery, and promote; 126 stops the server instead."""
    store = Moody(local(tmp_path / "store"))
    put(store, name(1))
    store.down = True
    restore = Restore(tmp_path, store)
    assert restore(name(1)) == 126
    assert restore("00000002.history") == 126
    assert "answers 503" in restore.told[0]


def test_what_only_the_store_that_is_down_could_have_is_not_said_to_be_missing(tmp_path: Path) -> None:
    down, up = Moody(local(tmp_path / "down")), local(tmp_path / "up")
    put(up, name(1))
    down.down = True
    restore = Restore(tmp_path, down, up)
    assert restore(name(1)) == 0
    assert restore(name(2)) == 126


def test_a_damaged_segment_is_taken_from_the_other_store_or_not_at_all(tmp_path: Path) -> None:
    bad, good = local(tmp_path / "bad"), local(tmp_path / "good")
    put(bad)
    put(good, name(1))
    bad.create(wal_key(SYSTEM, name(1)), pack(wal(segment(2))))
    restore = Restore(tmp_path, bad, good)
    assert restore(name(1)) == 0
    assert restore.got == wal(segment(1))
    assert Restore(tmp_path, bad)(name(1)) == 126
    with pytest.raises(DamagedError, match="is not that"):
        read_segment(bad, SYSTEM, name(1))


def test_the_next_segments_wait_outside_of_the_data_directory(tmp_path: Path) -> None:
    store = Moody(local(tmp_path / "store"))
    put(store, *(name(number) for number in range(1, 9)))
    restore = Restore(tmp_path, store)
    assert restore(name(1)) == 0
    assert sorted(path.name for path in restore.archive.ahead.iterdir()) == [name(number) for number in range(2, 6)]
    store.down = True
    for number in range(2, 6):
        assert restore(name(number)) == 0
        assert restore.got == wal(segment(number))
    assert restore(name(6)) == 126
    assert list(restore.archive.ahead.iterdir()) == []


def test_what_was_fetched_ahead_is_checked_when_it_is_used(tmp_path: Path) -> None:
    store = local(tmp_path / "store")
    put(store, name(1), name(2))
    restore = Restore(tmp_path, store)
    restore.archive.ahead.mkdir()
    (restore.archive.ahead / name(2)).write_bytes(wal(segment(2))[:5000])
    assert restore(name(2)) == 0
    assert restore.got == wal(segment(2))


def test_an_unfinished_segment_is_restored_as_far_as_it_got_and_not_kept_ahead(tmp_path: Path) -> None:
    store = local(tmp_path / "store")
    put(store, name(1))
    whole = wal(segment(2))
    store.create(tail_key(SYSTEM, name(2), 0, 9000), pack(whole[:9000]))
    store.create(tail_key(SYSTEM, name(2), 9000, 9100), pack(whole[9000:9100]))
    store.create(tail_key(SYSTEM, name(2), 9200, 9300), pack(whole[9200:9300]))
    restore = Restore(tmp_path, store)
    assert restore(name(1)) == 0
    assert not (restore.archive.ahead / name(2)).exists()
    assert restore(name(2)) == 0
    assert restore.got == wal(segment(2), written=9100), "up to the first piece that lacks"


def test_a_history_is_restored(tmp_path: Path) -> None:
    store = local(tmp_path / "store")
    put_history(store, 2, "1\t0/500000\tx\n")
    restore = Restore(tmp_path, store)
    assert restore("00000002.history") == 0
    assert restore.got == b"1\t0/500000\tx\n"
    assert read_history(store, SYSTEM, 3) is None


def _run(tmp_path: Path, name: str) -> subprocess.CompletedProcess[bytes]:
    """As PostgreSQL does, with a program that fails with 7 where it is asked."""
    command = restore_command(tmp_path / "kept ahead", f"sh -c 'echo asked > {tmp_path}/asked; exit 7'")
    given = command.replace("%f", name).replace("%p", "pg_wal/RECOVERYXLOG")
    (tmp_path / "pg_wal").mkdir()
    return subprocess.run(given, shell=True, cwd=tmp_path, capture_output=True, check=False)


def test_what_was_fetched_ahead_is_taken_without_starting_a_program(tmp_path: Path) -> None:
    (tmp_path / "kept ahead").mkdir()
    (tmp_path / "kept ahead" / name(3)).write_bytes(b"checked")

    assert _run(tmp_path, name(3)).returncode == 0

    assert (tmp_path / "pg_wal" / "RECOVERYXLOG").read_bytes() == b"checked"
    assert not list((tmp_path / "kept ahead").iterdir())
    assert not (tmp_path / "asked").exists()


def test_what_was_not_fetched_ahead_is_asked_for_and_the_answer_counts(tmp_path: Path) -> None:
    done = _run(tmp_path, name(3))

    assert (done.returncode, done.stderr) == (7, b"")
    assert (tmp_path / "asked").exists()
