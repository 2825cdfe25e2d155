"""The directory of the local store: there, its own, and the one it was."""

import hashlib
import os
from dataclasses import replace
from pathlib import Path

import pytest

from cluster.backup_status import BackupStatus, StoreStatus
from cluster.config.settings import Settings
from cluster.documents import dump
from cluster.errors import MachineError, RefusedError
from cluster.known_stores import KnownStores, store_address
from compose.home.paths import Home, service_user
from compose.home.store_directory import check_known, check_store, make_store_directory
from tests.fix_settings import settings_of

SYSTEM = "7712000000000000001"
ARCHIVE = b"the description of an archive"


@pytest.fixture
def home(tmp_path: Path) -> Home:
    made = Home(tmp_path / "home")
    (made.data / "backup").mkdir(parents=True)
    return made


@pytest.fixture
def disk(tmp_path: Path) -> Path:
    """A directory of the containers' user."""
    made = tmp_path / "disk"
    made.mkdir()
    os.chown(made, *service_user())
    return made


def on(directory: Path | str) -> Settings:
    return settings_of(backup_directory=str(directory))


def fill(directory: Path, archive: bytes = ARCHIVE) -> None:
    (directory / SYSTEM).mkdir(parents=True, exist_ok=True)
    (directory / SYSTEM / "archive.json").write_bytes(archive)


def note(home: Home, settings: Settings, archive: bytes = ARCHIVE, system: str = SYSTEM) -> None:
    """What the service wrote down."""
    known = KnownStores(system_identifier=system)
    known = known.with_archive(store_address(settings, "local"), hashlib.sha256(archive).hexdigest())
    (home.data / "backup" / "stores.json").write_text(dump(known))


def test_a_directory_that_is_not_there_is_refused_and_not_made(home: Home, tmp_path: Path) -> None:
    typo = tmp_path / "dsik"
    with pytest.raises(MachineError, match=f"BACKUP_DIRECTORY={typo} does not exist"):
        check_store(home, on(typo), "")
    with pytest.raises(MachineError, match=f"BACKUP_DIRECTORY={typo} does not exist"):
        make_store_directory(home, on(typo))
    assert not typo.exists()
    (tmp_path / "file").write_text("")
    with pytest.raises(MachineError, match="is no directory"):
        check_store(home, on(tmp_path / "file"), "")


def test_data_backups_is_made(home: Home) -> None:
    make_store_directory(home, settings_of())
    assert (home.data / "backups").stat().st_uid == service_user()[0]


@pytest.mark.parametrize("other", [{"backup": "off"}, {"backup_stores": "s3", "s3_bucket": "b"}])
def test_where_no_backups_go_to_a_directory_none_is_wanted(home: Home, tmp_path: Path, other: dict[str, str]) -> None:
    settings = settings_of(backup_directory=str(tmp_path / "absent"), **other)
    check_store(home, settings, SYSTEM)
    make_store_directory(home, settings)
    assert not (tmp_path / "absent").exists()


@pytest.mark.parametrize(
    "below", ["data/backup", "data/primary", "data/prometheus/x", "data", "secrets", "rendered", "config", "", ".."]
)
def test_backups_are_not_kept_among_what_belongs_to_the_cluster(home: Home, below: str) -> None:
    (home.path / below).mkdir(parents=True, exist_ok=True)
    with pytest.raises(RefusedError, match="what belongs to the cluster"):
        check_store(home, on((home.path / below).resolve()), "")


@pytest.mark.parametrize("below", ["data/backups", "data/backups/second", "elsewhere"])
def test_backups_may_be_where_backups_are(home: Home, below: str) -> None:
    directory = home.path / below
    directory.mkdir(parents=True)
    os.chown(directory, *service_user())
    check_store(home, on(directory), "")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can have another's directory")
def test_a_directory_with_what_is_others_is_not_taken_over(home: Home, tmp_path: Path) -> None:
    others = tmp_path / "srv"
    (others / "lost+found").mkdir(parents=True)
    make_store_directory(home, on(others))
    assert others.stat().st_uid == service_user()[0], "a new file system is nobody's yet"
    os.chown(others, 0, 0)
    (others / "www").mkdir()
    with pytest.raises(RefusedError, match="is not empty: www"):
        make_store_directory(home, on(others))
    assert others.stat().st_uid == 0


def test_a_store_that_had_backups_and_is_empty_is_an_error(home: Home, disk: Path) -> None:
    settings = on(disk)
    check_store(home, settings, SYSTEM)  # a new one
    fill(disk)
    note(home, settings)
    check_store(home, settings, SYSTEM)
    check_store(home, on(f"{disk}/"), SYSTEM)
    (disk / SYSTEM / "archive.json").unlink()
    for written in (disk, f"{disk}/", f"{disk}/../{disk.name}"):
        with pytest.raises(MachineError, match="is empty, and was not") as error:
            check_store(home, on(written), SYSTEM)
        assert "mounted" in error.value.hint
        assert "inv backup.adopt --store local" in error.value.hint


def test_another_archive_of_the_cluster_is_an_error_too(home: Home, disk: Path) -> None:
    """As a version before this one began it in an empty mount point."""
    note(home, on(disk))
    fill(disk, b"another")
    with pytest.raises(MachineError, match="holds another archive of this cluster than before"):
        check_store(home, on(disk), SYSTEM)


def test_a_new_directory_may_be_empty_and_disks_may_take_turns(home: Home, disk: Path, tmp_path: Path) -> None:
    note(home, on(tmp_path / "before"))
    check_known(home, on(disk), SYSTEM)
    known = KnownStores(system_identifier=SYSTEM)
    for archive in (ARCHIVE, b"second"):
        known = known.with_archive(store_address(on(disk), "local"), hashlib.sha256(archive).hexdigest())
    (home.data / "backup" / "stores.json").write_text(dump(known))
    for archive in (ARCHIVE, b"second"):
        fill(disk, archive)
        check_known(home, on(disk), SYSTEM)


def test_what_was_another_clusters_says_nothing(home: Home, disk: Path) -> None:
    note(home, on(disk), system="7712000000000000002")
    check_known(home, on(disk), SYSTEM)


def test_what_an_earlier_version_found_there_counts(home: Home, disk: Path) -> None:
    status = BackupStatus(stores={"local": StoreStatus(last_started=5.0)})
    (home.data / "backup" / "memory.json").write_text(dump(status))
    with pytest.raises(MachineError, match="is empty, and was not"):
        check_known(home, on(disk), SYSTEM)
    fill(disk)
    check_known(home, on(disk), SYSTEM)
    (home.data / "backup" / "memory.json").write_text(dump(replace(status, stores={"local": StoreStatus()})))
    (disk / SYSTEM / "archive.json").unlink()
    check_known(home, on(disk), SYSTEM)


@pytest.mark.parametrize("text", ["", "{", "[]", '{"format": 1}', '{"format": 1, "archives": 3}'])
def test_a_note_that_cannot_be_read_stops_nobody(home: Home, disk: Path, text: str) -> None:
    (home.data / "backup" / "stores.json").write_text(text)
    check_known(home, on(disk), SYSTEM)
