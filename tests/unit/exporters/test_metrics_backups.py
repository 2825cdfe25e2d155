"""What the backup service says of itself, as metrics."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from cluster.backup_status import (
    ArchivedStore,
    ArchiveStatus,
    BackupAttempts,
    BackupStatus,
    DrillStatus,
    StoreStatus,
    write_status,
)
from exporters.collectors.backup_files import archive_rows, read_backups, status_rows
from exporters.metrics.backups import FAMILIES
from exporters.metrics.exposition import expose

STATUS = BackupStatus(
    updated=1.0,
    backups={
        "full/local": BackupAttempts(last_success=1000.0, last_size=5.0, last_duration=2.0),
        "incremental/s3": BackupAttempts(last_failure=900.0),
    },
    stores={
        "local": StoreStatus(counts={"full": 2}, oldest=10.0, newest=20.0, missing=0, broken=0),
        "s3": StoreStatus(error="no answer"),
    },
    drill=DrillStatus(when=7.0, ok=False, rto=3.5, backup="x", databases=2),
    archive=ArchiveStatus(
        updated=1.0,
        streaming=True,
        spool_bytes=3,
        spool_limit=9,
        gaps=1,
        full_wanted="a gap",
        stores=(ArchivedStore(name="s3", behind=80, lag=1.5, waiting=2, segments=4, error="refused"),),
    ),
)
ALL = {"backups", "backup_counts", "backup_stores", "backup_service", "archive", "archive_stores"}


def _samples(rows: Any) -> dict[tuple[str, str], float]:
    return {
        (sample.name, json.dumps(sample.labels, sort_keys=True)): sample.value
        for metric in expose(FAMILIES, rows)
        for sample in metric.samples
    }


def test_successes_failures_and_counts_are_told_by_type_and_store() -> None:
    found = _samples(status_rows(STATUS))
    full, part = '{"storage": "local", "type": "full"}', '{"storage": "s3", "type": "incremental"}'
    assert found["pods_backup_last_success_timestamp_seconds", full] == 1000
    assert found["pods_backup_last_failure_timestamp_seconds", part] == 900
    assert ("pods_backup_last_success_timestamp_seconds", part) not in found
    assert found["pods_backup_kept", full] == 2
    assert found["pods_backup_kept", '{"storage": "local", "type": "incremental"}'] == 0


def test_a_store_that_does_not_answer_says_nothing_of_its_contents() -> None:
    found = _samples(status_rows(STATUS))
    assert found["pods_backup_store_up", '{"storage": "s3"}'] == 0
    assert found["pods_backup_store_up", '{"storage": "local"}'] == 1
    assert ("pods_backup_oldest_recoverable_timestamp_seconds", '{"storage": "s3"}') not in found
    assert ("pods_backup_last_verify_timestamp_seconds", '{"storage": "local"}') not in found


def test_a_drill_that_failed_is_zero_and_none_at_all_is_nothing() -> None:
    assert _samples(status_rows(STATUS))["pods_backup_drill_success", "{}"] == 0
    without = _samples(status_rows(replace(STATUS, drill=None)))
    assert ("pods_backup_drill_success", "{}") not in without
    assert without["pods_backup_in_progress", "{}"] == 0
    assert _samples(status_rows(replace(STATUS, running="full")))["pods_backup_in_progress", "{}"] == 1


def test_the_archive_is_told_by_store() -> None:
    assert STATUS.archive
    found = _samples(archive_rows(STATUS.archive))
    assert found["pods_wal_archive_streaming", "{}"] == 1
    assert found["pods_wal_archive_full_wanted", "{}"] == 1
    assert found["pods_wal_archive_failing", '{"storage": "s3"}'] == 1
    assert found["pods_wal_archive_lag_bytes", '{"storage": "s3"}'] == 80
    assert ("pods_wal_archive_last_success_timestamp_seconds", '{"storage": "s3"}') not in found


def test_missing_and_broken_files_are_no_metrics(tmp_path: Path) -> None:
    assert read_backups(tmp_path).rows == {}
    (tmp_path / "status.json").write_text("{")
    assert read_backups(tmp_path).rows == {}
    write_status(tmp_path, STATUS)
    assert set(read_backups(tmp_path).rows) == ALL
    write_status(tmp_path, BackupStatus(archive=STATUS.archive))
    assert set(read_backups(tmp_path).rows) == {"archive", "archive_stores"}


@pytest.mark.parametrize(
    "text",
    [
        "[" * 100_000,
        "[]",
        '{"format": 1, "backups": [1]}',
        '{"format": 1, "backups": {"full/local": {"last_success": [1]}}}',
        '{"format": 1, "backups": {"full/local": {"last_size": 1e999}}}',
        '{"format": 1, "stores": {"local": 1}}',
        '{"format": 1, "archive": {"updated": "x", "streaming": "x", "spool_bytes": {}, "stores": 1}}',
    ],
)
def test_a_status_that_lies_is_no_metric(tmp_path: Path, text: str) -> None:
    (tmp_path / "status.json").write_text(text)
    assert read_backups(tmp_path).rows == {}


def test_what_a_status_calls_a_store_is_printable(tmp_path: Path) -> None:
    write_status(tmp_path, replace(STATUS, stores={"\x1b[2J": next(iter(STATUS.stores.values()))}))
    rows = [row for rows in read_backups(tmp_path).rows.values() for row in rows]
    assert rows
    assert all(str(row[label]).isprintable() for row in rows for label in row.keys() & {"type", "storage"})
