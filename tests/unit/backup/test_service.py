"""The service's memory, its stores, and what a restore is asked for."""

from pathlib import Path

import pytest

from backup.service.status_file import FILE, Record, read_record, tell, write_record
from cluster.archive_status import ArchiveState, StoreState, dump_state
from cluster.errors import UsageError
from cluster.services import store_names
from compose.operations.backups.request import parse_request
from tests.fix_settings import settings_of


def test_what_is_remembered_is_read_back(tmp_path: Path) -> None:
    record = Record()
    record.succeeded("full", "local", size=5, seconds=2.0)
    record.failed("incremental", "s3")
    write_record(tmp_path, record)
    found = read_record(tmp_path)
    assert found == record
    assert found.backups["full/local"]["last_size"] == 5
    assert "last_success" not in found.backups["incremental/s3"]


@pytest.mark.parametrize("text", ["", "{", "[]", '{"unknown": 1}'])
def test_a_record_that_cannot_be_read_is_forgotten(tmp_path: Path, text: str) -> None:
    (tmp_path / FILE).write_text(text)
    assert read_record(tmp_path) == Record()


def test_the_page_is_told_of_the_slowest_store(tmp_path: Path) -> None:
    stores = (StoreState(name="local", lag=1.2), StoreState(name="s3", lag=40.4))
    (tmp_path / "archive.json").write_text(dump_state(ArchiveState(updated=1.0, stores=stores)))
    write_record(tmp_path, Record(last_backup="b", last_success=3.0))
    tell(tmp_path)
    assert (tmp_path / "state.json").read_text() == (
        '{"last_success": 3.0, "last_backup": "b", "archive_lag_seconds": 40}\n'
    )


def test_without_anything_to_tell_it_says_so(tmp_path: Path) -> None:
    tell(tmp_path)
    assert (tmp_path / "state.json").read_text().count("null") == 3


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
