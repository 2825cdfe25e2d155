"""A store that is used as long as it is the one it was."""

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from backup.layout import archive_key
from backup.service.status_file import StatusFile, with_store
from backup.service.store_memory import StoreMemory
from backup.store import ProbedStore, StoreError
from backup.store.guarded import GuardedStore
from backup.store.local import LocalStore
from backup.wal.identity import ArchiveIdentity, claim
from tests.unit.backup.samples import SEGMENT, SYSTEM
from tests.unit.backup.store.contract import StoreContract, keys

ADDRESS = "local /mnt/disk"
IDENTITY = ArchiveIdentity(system_identifier=SYSTEM, wal_segment_size=SEGMENT)


@pytest.fixture
def memory(tmp_path: Path) -> StoreMemory:
    (tmp_path / "own").mkdir()
    return StoreMemory(directory=tmp_path / "own", system=SYSTEM)


@pytest.fixture
def disk(tmp_path: Path) -> Path:
    (tmp_path / "disk").mkdir()
    return tmp_path / "disk"


@pytest.fixture
def store(memory: StoreMemory, disk: Path) -> ProbedStore:
    return opened(memory, disk)


def opened(memory: StoreMemory, disk: Path, address: str = ADDRESS) -> ProbedStore:
    """As a process that starts opens it."""
    return memory.guard(LocalStore(disk), address, "the backup directory /mnt/disk")


class TestGuardedStore(StoreContract):
    pass


def test_an_empty_store_is_taken_until_it_has_an_archive(store: ProbedStore, memory: StoreMemory, disk: Path) -> None:
    store.probe()
    claim(store, IDENTITY)
    assert keys(store) == [archive_key(SYSTEM)]
    assert ADDRESS in memory.read().archives
    assert keys(opened(memory, disk)) == [archive_key(SYSTEM)]


@pytest.mark.parametrize(
    "ask",
    [
        lambda store: store.probe(),
        lambda store: claim(store, IDENTITY),
        lambda store: store.create("1/a", b""),
        lambda store: store.replace("1/a", b""),
        lambda store: store.upload("1/a"),
        lambda store: store.get("1/a"),
        lambda store: list(store.read("1/a")),
        lambda store: store.head("1/a"),
        lambda store: keys(store),
        lambda store: store.delete(["1/a"]),
        lambda store: store.sweep(0),
    ],
)
def test_a_store_that_had_an_archive_and_is_empty_is_an_error_whatever_is_asked_and_stays_empty(
    store: ProbedStore, memory: StoreMemory, disk: Path, ask: Callable[[ProbedStore], object]
) -> None:
    claim(store, IDENTITY)
    keys(store)
    shutil.rmtree(disk)
    disk.mkdir()
    with pytest.raises(StoreError, match="/mnt/disk is empty, and was not") as error:
        ask(opened(memory, disk))
    assert "inv backup.adopt" in error.value.hint
    assert list(disk.iterdir()) == []


def test_another_archive_of_the_same_cluster_is_an_error(store: ProbedStore, memory: StoreMemory, disk: Path) -> None:
    claim(store, IDENTITY)
    keys(store)
    (disk / archive_key(SYSTEM)).unlink()
    claim(LocalStore(disk), replace(IDENTITY, wal_segment_size=2 * SEGMENT))
    with pytest.raises(StoreError, match="another archive"):
        keys(opened(memory, disk))


def test_what_is_adopted_is_the_right_one_from_then_on(store: ProbedStore, memory: StoreMemory, disk: Path) -> None:
    claim(store, IDENTITY)
    keys(store)
    (disk / archive_key(SYSTEM)).unlink()
    memory.forget(ADDRESS)
    claim(opened(memory, disk), IDENTITY)
    assert keys(opened(memory, disk)) == [archive_key(SYSTEM)]


def test_a_new_address_is_a_new_store(store: ProbedStore, memory: StoreMemory, disk: Path, tmp_path: Path) -> None:
    claim(store, IDENTITY)
    keys(store)
    (tmp_path / "other").mkdir()
    claim(opened(memory, tmp_path / "other", "local /mnt/other"), IDENTITY)


def test_on_an_empty_host_nothing_is_known(memory: StoreMemory, disk: Path) -> None:
    store = LocalStore(disk)
    assert replace(memory, system="").guard(store, ADDRESS, "") is store


def test_what_an_earlier_version_remembers_counts(memory: StoreMemory, disk: Path) -> None:
    status = StatusFile(memory=memory.directory, shared=memory.directory)
    status.change(lambda found: with_store(found, "local", lambda store: replace(store, last_started=5.0)))
    with pytest.raises(StoreError, match="is empty, and was not"):
        keys(opened(memory, disk))
    claim(LocalStore(disk), IDENTITY)
    assert keys(opened(memory, disk)) == [archive_key(SYSTEM)]


def test_it_is_looked_at_once_in_a_while(store: ProbedStore, disk: Path) -> None:
    claim(store, IDENTITY)
    keys(store)
    seen: list[str | None] = []

    def check(archive: str | None) -> bool:
        seen.append(archive)
        return True

    guarded = GuardedStore(LocalStore(disk), archive_key(SYSTEM), check)
    for _ in range(5):
        guarded.head("1/a")
    assert len(seen) == 1
