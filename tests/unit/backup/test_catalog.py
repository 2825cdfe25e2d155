"""The catalogue, its marks, and what is taken out of it."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from backup.annotations import Hold, Verified, hold, mark_verified, read_holds, read_verified, release
from backup.catalog import chain, dependants, dump, find, parse, read_catalog, systems, write
from backup.delete import delete, delete_wal, sweep
from backup.layout import archive_key, backup_key, wal_key
from backup.store import ConflictError, StoreError
from backup.store.local import LocalStore
from cluster.errors import RefusedError
from tests.unit.backup.samples import SYSTEM, a_backup, an_increment
from tests.unit.backup.store.contract import keys

FULL = a_backup(1)
ONE = an_increment(2, FULL)
TWO = an_increment(3, ONE)
OTHER = a_backup(4)
ALL = (FULL, ONE, TWO, OTHER)


@pytest.fixture
def store(tmp_path: Path) -> LocalStore:
    return LocalStore(tmp_path)


@pytest.fixture
def filled(store: LocalStore) -> LocalStore:
    for backup in (TWO, OTHER, ONE, FULL):
        for file in backup.files:
            store.create(backup_key(SYSTEM, backup.name, file.name), b"x" * file.size)
        write(store, backup)
    return store


@pytest.mark.parametrize("backup", ALL)
def test_a_description_comes_back(backup: Any) -> None:
    assert parse(dump(backup)) == backup


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("format", 2),
        ("format", None),
        ("name", "latest"),
        ("kind", "differential"),
        ("parent", FULL.name),
        ("timeline", "1"),
        ("timeline", 0),
        ("timeline", True),
        ("start_lsn", "x"),
        ("stop_lsn", "0/1"),
        ("started", None),
        ("wal_segment_size", 1000),
        ("files", [{"name": "../x", "size": 1, "sha256": "0" * 64}]),
        ("files", [{"name": "x", "size": -1, "sha256": "0" * 64}]),
        ("files", [{"name": "x", "size": 1, "sha256": "short"}]),
        ("files", [{"name": "x", "size": 1, "sha256": None}]),
        ("files", [{"name": "x"}]),
        ("tablespaces", [["1", "/x"]]),
        ("checksums", 1),
        ("codec", "gzip"),
        ("unknown", 1),
        ("system_identifier", "x"),
    ],
)
def test_a_description_that_is_not_right_is_refused(field: str, value: Any) -> None:
    raw = json.loads(dump(FULL))
    raw[field] = value
    with pytest.raises(ValueError, match=r"."):
        parse(json.dumps(raw))


@pytest.mark.parametrize("field", ["format", "name", "files", "codec"])
def test_a_description_that_lacks_something_is_refused(field: str) -> None:
    raw = json.loads(dump(FULL))
    del raw[field]
    with pytest.raises(ValueError, match=r"."):
        parse(json.dumps(raw))


def test_a_newer_format_is_said_to_be_that() -> None:
    raw = {**json.loads(dump(FULL)), "format": 2}
    with pytest.raises(ValueError, match="newer PODS"):
        parse(json.dumps(raw))


def test_the_catalogue_is_in_order(filled: LocalStore) -> None:
    assert read_catalog(filled, SYSTEM) == ALL


def test_what_is_not_finished_is_not_listed(filled: LocalStore) -> None:
    filled.create(backup_key(SYSTEM, a_backup(9).name, "base.tar.zst"), b"x")
    assert read_catalog(filled, SYSTEM) == ALL


def test_a_backup_is_written_once(filled: LocalStore) -> None:
    assert write(filled, FULL) is False
    with pytest.raises(ConflictError):
        write(filled, replace(FULL, node="primary"))


def test_a_damaged_description_stops_who_deletes_and_not_who_restores(filled: LocalStore) -> None:
    key = backup_key(SYSTEM, ONE.name)
    filled.replace(key, b"{}")
    with pytest.raises(RefusedError, match=ONE.name):
        read_catalog(filled, SYSTEM)
    told: list[str] = []
    assert read_catalog(filled, SYSTEM, lambda key, why: told.append(key)) == (FULL, TWO, OTHER)
    assert told == [key]


def test_a_description_in_the_wrong_place_is_not_believed(filled: LocalStore) -> None:
    filled.create(backup_key(SYSTEM, a_backup(9).name), dump(FULL).encode())
    with pytest.raises(RefusedError, match="it describes"):
        read_catalog(filled, SYSTEM)


def test_clusters_in_one_store_are_told_apart(filled: LocalStore) -> None:
    foreign = replace(FULL, system_identifier="9")
    write(filled, foreign)
    filled.create(archive_key("10"), b"{}")
    filled.create("readme", b"")
    assert systems(filled) == ("10", SYSTEM, "9")
    assert read_catalog(filled, SYSTEM) == ALL
    assert read_catalog(filled, "9") == (foreign,)


def test_what_only_has_a_number_for_a_name_is_no_cluster(filled: LocalStore) -> None:
    """Another program's folders are often called after a day; a cluster is what has an archive."""
    for key in ("1234", "0", "20261127/notes.txt", "9999999999/a/b/c", "99999999999999999999/wal/x", "5/archive.jso"):
        filled.create(key, b"")
    assert systems(filled) == (SYSTEM,)


def test_a_chain_begins_with_its_full_backup() -> None:
    assert chain(ALL, TWO.name) == (FULL, ONE, TWO)
    assert chain(ALL, "latest") == (OTHER,)
    assert find(ALL, "latest") == OTHER


@pytest.mark.parametrize("backups", [(ONE, TWO), (FULL, TWO), ()])
def test_a_chain_with_a_link_missing_is_refused(backups: Any) -> None:
    with pytest.raises(RefusedError, match=r"not there|no backup"):
        chain(backups, TWO.name)


def test_a_chain_that_bites_its_tail_is_refused() -> None:
    with pytest.raises(RefusedError, match="not there"):
        chain([replace(ONE, parent=TWO.name), TWO], TWO.name)


def test_dependants_come_before_what_they_build_on() -> None:
    assert dependants(ALL, FULL.name) == (TWO, ONE)
    assert dependants(ALL, OTHER.name) == ()


class Recording(LocalStore):
    """Remembers what was deleted, in order; fails after so many."""

    def __init__(self, root: Path, fail_after: int = 1000) -> None:
        super().__init__(root)
        self.deleted: list[str] = []
        self.fail_after = fail_after

    def delete(self, keys: Any) -> None:
        for key in keys:
            if len(self.deleted) == self.fail_after:
                raise StoreError("stopped")
            super().delete([key])
            self.deleted.append(key)


@pytest.mark.parametrize("fail_after", range(0, 9))
def test_a_deletion_stopped_anywhere_leaves_what_is_listed_whole(filled: LocalStore, fail_after: int) -> None:
    store = Recording(filled.root, fail_after)
    with pytest.raises(StoreError):
        delete(store, FULL)
    listed = read_catalog(filled, SYSTEM)
    for backup in listed:
        assert chain(listed, backup.name)
        assert all(filled.head(backup_key(SYSTEM, backup.name, file.name)) for file in backup.files)
    sweep(filled, SYSTEM, before=float("inf"))
    store.fail_after = 1000
    if FULL in listed:
        delete(store, FULL)
    assert read_catalog(filled, SYSTEM) == (OTHER,)
    assert len(keys(filled)) == 3


def test_a_deletion_takes_dependants_and_marks_along(filled: LocalStore) -> None:
    mark_verified(filled, ONE, Verified(name=ONE.name, when=1.0, ok=True))
    assert delete(filled, ONE) == (TWO.name, ONE.name)
    assert read_catalog(filled, SYSTEM) == (FULL, OTHER)
    assert read_verified(filled, SYSTEM) == {}


def test_what_is_held_is_not_deleted_nor_what_it_needs(filled: LocalStore) -> None:
    hold(filled, TWO, Hold(name=TWO.name, made=5.0, why="audit"))
    assert read_holds(filled, SYSTEM) == {TWO.name: Hold(name=TWO.name, made=5.0, why="audit")}
    with pytest.raises(RefusedError, match="held: audit"):
        delete(filled, FULL)
    assert read_catalog(filled, SYSTEM) == ALL
    release(filled, TWO)
    delete(filled, FULL)
    assert read_catalog(filled, SYSTEM) == (OTHER,)


def test_a_hold_that_cannot_be_read_holds(filled: LocalStore) -> None:
    filled.replace(f"{SYSTEM}/holds/{FULL.name}.json", b"{")
    assert FULL.name in read_holds(filled, SYSTEM)
    filled.replace(f"{SYSTEM}/verified/{FULL.name}.json", b"{")
    assert read_verified(filled, SYSTEM) == {}


def test_the_last_verification_counts(filled: LocalStore) -> None:
    mark_verified(filled, ONE, Verified(name=ONE.name, when=1.0, ok=True))
    mark_verified(filled, ONE, Verified(name=ONE.name, when=2.0, ok=False, detail="base.tar.zst differs"))
    assert read_verified(filled, SYSTEM)[ONE.name].detail == "base.tar.zst differs"


def test_abandoned_attempts_are_swept_and_running_ones_are_not(filled: LocalStore) -> None:
    attempt = a_backup(9)
    key = backup_key(SYSTEM, attempt.name, "base.tar.zst")
    filled.create(key, b"x")
    made = filled.head(key)
    assert made is not None
    assert sweep(filled, SYSTEM, before=made.made - 1) == ()
    assert sweep(filled, SYSTEM, before=made.made + 1) == (attempt.name,)
    assert read_catalog(filled, SYSTEM) == ALL
    assert filled.head(key) is None


def test_wal_goes_oldest_first(filled: LocalStore) -> None:
    store = Recording(filled.root)
    names = [wal_key(SYSTEM, f"0000000100000000000000{number:02X}") for number in range(20)]
    for name in names:
        store.create(name, b"")
    assert delete_wal(store, reversed(names), batch=7) == 20
    assert store.deleted == names
