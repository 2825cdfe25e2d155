"""What the backup service says of itself, as metrics."""

import json
from pathlib import Path
from typing import Any

import pytest

from exporters.collectors.backup_files import archive_rows, read_backups, record_rows
from exporters.metrics.backups import FAMILIES
from exporters.metrics.exposition import expose

RECORD: dict[str, Any] = {
    "running": "",
    "backups": {
        "full/local": {"last_success": 1000.0, "last_size": 5.0, "last_duration": 2.0},
        "incremental/s3": {"last_failure": 900.0},
    },
    "stores": {
        "local": {"counts": {"full": 2}, "oldest": 10.0, "newest": 20.0, "missing": 0, "broken": 0, "verified": None},
        "s3": {"error": "no answer"},
    },
    "drill": {"when": 7.0, "ok": False, "rto": 3.5, "backup": "x"},
}
ARCHIVE: dict[str, Any] = {
    "updated": 1.0,
    "streaming": True,
    "spool_bytes": 3,
    "spool_limit": 9,
    "gaps": 1,
    "full_wanted": "a gap",
    "stores": [
        {
            "name": "s3",
            "shipped_at": None,
            "behind": 80,
            "lag": 1.5,
            "waiting": 2,
            "segments": 4,
            "conflicts": 0,
            "error": "refused",
        }
    ],
}


def _samples(rows: Any) -> dict[tuple[str, str], float]:
    return {
        (sample.name, json.dumps(sample.labels, sort_keys=True)): sample.value
        for metric in expose(FAMILIES, rows)
        for sample in metric.samples
    }


def test_successes_failures_and_counts_are_told_by_type_and_store() -> None:
    found = _samples(record_rows(RECORD))
    full, part = '{"storage": "local", "type": "full"}', '{"storage": "s3", "type": "incremental"}'
    assert found["pods_backup_last_success_timestamp_seconds", full] == 1000
    assert found["pods_backup_last_failure_timestamp_seconds", part] == 900
    assert ("pods_backup_last_success_timestamp_seconds", part) not in found
    assert found["pods_backup_kept", full] == 2
    assert found["pods_backup_kept", '{"storage": "local", "type": "incremental"}'] == 0


def test_a_store_that_does_not_answer_says_nothing_of_its_contents() -> None:
    found = _samples(record_rows(RECORD))
    assert found["pods_backup_store_up", '{"storage": "s3"}'] == 0
    assert found["pods_backup_store_up", '{"storage": "local"}'] == 1
    assert ("pods_backup_oldest_recoverable_timestamp_seconds", '{"storage": "s3"}') not in found
    assert ("pods_backup_last_verify_timestamp_seconds", '{"storage": "local"}') not in found


def test_a_drill_that_failed_is_zero_and_none_at_all_is_nothing() -> None:
    assert _samples(record_rows(RECORD))["pods_backup_drill_success", "{}"] == 0
    without = _samples(record_rows({**RECORD, "drill": {}}))
    assert ("pods_backup_drill_success", "{}") not in without
    assert without["pods_backup_in_progress", "{}"] == 0
    assert _samples(record_rows({**RECORD, "running": "full"}))["pods_backup_in_progress", "{}"] == 1


def test_the_archive_is_told_by_store() -> None:
    found = _samples(archive_rows(ARCHIVE))
    assert found["pods_wal_archive_streaming", "{}"] == 1
    assert found["pods_wal_archive_full_wanted", "{}"] == 1
    assert found["pods_wal_archive_failing", '{"storage": "s3"}'] == 1
    assert found["pods_wal_archive_lag_bytes", '{"storage": "s3"}'] == 80
    assert ("pods_wal_archive_last_success_timestamp_seconds", '{"storage": "s3"}') not in found


def test_missing_and_broken_files_are_no_metrics(tmp_path: Path) -> None:
    assert read_backups(tmp_path).rows == {}
    (tmp_path / "record.json").write_text("{")
    (tmp_path / "archive.json").write_text("[]")
    assert read_backups(tmp_path).rows == {}
    (tmp_path / "record.json").write_text(json.dumps(RECORD))
    assert set(read_backups(tmp_path).rows) == {"backups", "backup_counts", "backup_stores", "backup_service"}


@pytest.mark.parametrize("name", ["record.json", "archive.json"])
@pytest.mark.parametrize(
    "text",
    [
        "[" * 100_000,
        "[]",
        "{}",
        '{"backups": [1], "stores": {}, "running": ""}',
        '{"backups": {"full/local": {"last_size": "\\u001b[2J", "last_success": [1]}}, "stores": {}, "running": ""}',
        '{"backups": {"full/local": {"last_size": 1e999}}, "stores": {}, "running": ""}',
        '{"backups": {}, "stores": {"local": 1}, "running": ""}',
        '{"updated": "x", "streaming": "x", "spool_bytes": {}, "stores": 1}',
    ],
)
def test_a_backup_service_that_lies_takes_no_metric_of_others_away(tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / name).write_text(text)
    for rows in read_backups(tmp_path).rows.values():
        for row in rows:
            assert all(isinstance(row[label], str) for label in row.keys() & {"type", "storage"})
            numbers = [value for key, value in row.items() if key not in ("type", "storage")]
            assert all(value is None or isinstance(value, int | float) for value in numbers)
