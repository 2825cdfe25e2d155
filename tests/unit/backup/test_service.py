"""The service's memory, its stores, and what a restore is asked for."""

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from backup import catalog
from backup.annotations import Hold, hold
from backup.service.commands import _details
from backup.service.daemon import _begin
from backup.service.inventory import read_holdings
from backup.service.status_file import MEMORY, StatusFile, failed, succeeded, with_catalog
from backup.store.local import LocalStore
from backup.wal.identity import ArchiveIdentity, claim
from cluster.backup_status import ArchivedStore, ArchiveStatus, BackupStatus, BackupSummary, DrillStatus, read_status
from cluster.documents import to_json
from cluster.errors import UsageError
from cluster.services import store_names
from compose.operations.backups.request import parse_request
from tests.fix_settings import settings_of
from tests.unit.backup.samples import SEGMENT, SYSTEM, a_backup, an_increment

ARCHIVE = ArchiveStatus(updated=5.0, stores=(ArchivedStore(name="local", lag=1.2), ArchivedStore(name="s3", lag=40.4)))


@pytest.fixture
def file(tmp_path: Path) -> StatusFile:
    (tmp_path / "own").mkdir()
    (tmp_path / "shared").mkdir()
    return StatusFile(memory=tmp_path / "own", shared=tmp_path / "shared")


def test_what_is_remembered_is_read_back(file: StatusFile) -> None:
    file.change(lambda status: succeeded(status, "full", "local", size=5, seconds=2.0))
    file.change(lambda status: failed(status, "incremental", "s3"))
    found = file.read()
    assert found.backups["full/local"].last_size == 5
    assert found.backups["incremental/s3"].last_success is None
    assert found.updated == 0.0, "no survey was made"
    assert read_status(file.shared) == found


def test_a_host_built_anew_learns_the_last_backups_from_its_store() -> None:
    full = a_backup(1)
    known = with_catalog(BackupStatus(), "s3", [full, an_increment(2, full)])
    assert known.last_backup == an_increment(2, full).name
    assert known.last_success == an_increment(2, full).stopped
    assert known.backups["full/s3"].last_success == full.stopped
    assert known.backups["incremental/s3"].last_failure is None


def test_what_is_remembered_of_a_newer_backup_stays() -> None:
    remembered = succeeded(BackupStatus(last_backup="newer", last_success=9e9), "full", "s3", size=5, seconds=2.0)
    assert with_catalog(remembered, "s3", [a_backup(1)]) == remembered


@pytest.mark.parametrize("text", ["", "{", "[]", '{"format": 1, "unknown": 1}', "[" * 100_000])
def test_a_memory_that_cannot_be_read_is_forgotten(file: StatusFile, text: str) -> None:
    (file.memory / MEMORY).write_text(text)
    assert file.read() == BackupStatus()


def test_others_read_one_file_with_both_parts(file: StatusFile) -> None:
    file.change(lambda status: replace(status, last_backup="b", last_success=3.0))
    file.report(ARCHIVE)
    found = read_status(file.shared)
    assert found.summary == BackupSummary(last_backup="b", last_success=3.0, archive_lag_seconds=40)
    assert found.archive == ARCHIVE
    assert [path.name for path in file.shared.iterdir()] == ["status.json"]


def test_what_is_remembered_does_not_make_an_archiver_that_is_silent_look_alive(file: StatusFile) -> None:
    """The container's health check goes by the file's time."""
    file.change(lambda status: replace(status, running="full"))
    assert (file.shared / "status.json").stat().st_mtime == 0
    file.report(ARCHIVE)
    file.change(lambda status: replace(status, running=""))
    assert (file.shared / "status.json").stat().st_mtime == ARCHIVE.updated
    assert read_status(file.shared).archive == ARCHIVE


def test_threads_and_processes_that_write_at_once_lose_nothing(file: StatusFile) -> None:
    def work(number: int) -> None:
        for each in range(10):
            file.change(partial(failed, kind="full", store=f"{number}-{each}"))
            file.report(ARCHIVE)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(work, range(4)))
    assert len(file.read().backups) == 40
    assert read_status(file.shared) == replace(file.read(), archive=ARCHIVE)


def test_without_anything_it_says_so(file: StatusFile) -> None:
    assert read_status(file.shared) == BackupStatus()
    file.begin()
    assert (file.shared / "status.json").read_text().count("null") == 6


def test_the_start_of_the_service_is_no_survey(file: StatusFile) -> None:
    """Else the first one comes late, and of a host built anew a full backup that nobody needs comes before it."""
    file.begin()
    assert file.read().updated == 0.0
    file.change(lambda status: replace(status, updated=7.0))
    file.begin()
    assert file.read().updated == 7.0


def test_a_status_that_cannot_be_written_stops_no_service(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _begin(StatusFile(memory=tmp_path / "none", shared=tmp_path))
    assert "the status cannot be written" in capsys.readouterr().err


@pytest.mark.parametrize("name", [MEMORY, "record.json"])
def test_a_memory_that_cannot_be_read_now_is_not_replaced(file: StatusFile, name: str) -> None:
    unreadable = (file.memory if name == MEMORY else file.shared) / name
    unreadable.symlink_to(unreadable)  # any OSError but that there is none
    with pytest.raises(OSError, match="symbolic links"):
        file.change(lambda status: replace(status, running="full"))
    assert unreadable.is_symlink()


def test_the_files_time_is_never_that_of_its_writing(file: StatusFile) -> None:
    def report_often() -> None:
        for _ in range(200):
            file.report(ARCHIVE)

    file.report(ARCHIVE)
    with ThreadPoolExecutor(1) as pool:
        writing = pool.submit(report_often)
        while not writing.done():
            assert (file.shared / "status.json").stat().st_mtime == ARCHIVE.updated


BEFORE = {
    "updated": 7.0,
    "running": "full",
    "last_backup": "",
    "last_success": None,
    "last_error": "",
    "interval": 3600.0,
    "backups": {"full/local": {"last_success": 1.0, "last_size": 5.0, "last_duration": 2.0}},
    "stores": {"local": {"counts": {"full": 1}, "bytes": 5, "mended": 3, "error": ""}, "s3": {"error": "away"}},
    "drill": {},
}


def test_what_an_earlier_version_remembered_is_kept_and_its_files_go(file: StatusFile) -> None:
    (file.shared / "record.json").write_text(json.dumps(BEFORE))
    for name in ("archive.json", "state.json"):
        (file.shared / name).write_text("{}")
    assert file.read().interval == 3600.0
    file.begin()
    found = file.read()
    assert (found.running, found.last_backup, found.drill) == ("", None, None)
    assert found.backups["full/local"].last_success == 1.0
    assert found.stores["local"].mended == 3
    assert [path.name for path in file.shared.iterdir()] == ["status.json"]


def test_a_drill_of_an_earlier_version_is_kept(file: StatusFile) -> None:
    drill = {"when": 1.0, "ok": True, "rto": 2.0, "backup": "b"}
    (file.shared / "record.json").write_text(json.dumps({**BEFORE, "drill": drill, "last_backup": "b"}))
    assert file.read().drill == DrillStatus(when=1.0, ok=True, rto=2.0, backup="b")


LISTED = (
    "store name kind parent started stopped size data_bytes node timeline start_lsn stop_lsn server_version untrusted"
    " damaged verified verified_ok verified_detail hold"
)


def test_a_backup_is_listed_and_shown_under_the_names_that_programs_know(tmp_path: Path) -> None:
    store, backup = LocalStore(tmp_path), a_backup(1)
    claim(store, ArchiveIdentity(system_identifier=SYSTEM, wal_segment_size=SEGMENT))
    catalog.write(store, backup)
    hold(store, backup, Hold(name=backup.name, made=1.0, why="audit"))

    found = to_json(_details(store, read_holdings(store, SYSTEM), backup))

    assert list(found) == [*LISTED.split(), "tablespaces", "checksums", "codec", "files"]
    assert (found["store"], found["size"], found["hold"], found["verified"]) == ("local", 15, "audit", None)
    assert found["files"][0] == {"name": "base.tar.zst", "size": 10, "sha256": "0" * 64}
    assert json.dumps(found)


@pytest.mark.parametrize(
    ("stores", "bucket", "expected"),
    [
        ("auto", "", ("local",)),
        ("auto", "mine", ("s3",)),
        ("local", "mine", ("local",)),
        ("local,s3", "mine", ("local", "s3")),
    ],
)
def test_a_bucket_takes_backups_where_nothing_else_is_said(stores: str, bucket: str, expected: tuple[str, ...]) -> None:
    settings = settings_of(backup_stores=stores, s3_bucket=bucket)
    assert store_names(settings) == expected


def test_s3_without_a_bucket_is_refused() -> None:
    with pytest.raises(UsageError, match="AWS_S3_BUCKET is empty"):
        settings_of(backup_stores="s3")


def test_a_restore_has_one_target() -> None:
    wanted = parse_request(
        "latest", {"time": "2026-11-22T10:00:00Z", "lsn": None}, False, timeline="2", store=None, system=None
    )
    assert wanted.arguments == ["--name=latest", "--to=2026-11-22T10:00:00Z", "--kind=time", "--timeline=2"]
    assert parse_request("", {}, False).arguments == ["--name=latest", "--to=latest"]
    assert parse_request("x", {}, True).arguments == ["--name=x", "--to=immediate", "--kind=immediate"]
    with pytest.raises(UsageError, match="--to-time and --to-lsn"):
        parse_request("x", {"time": "t", "lsn": "0/1"}, False)
