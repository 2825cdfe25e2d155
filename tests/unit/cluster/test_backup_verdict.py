from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cluster.backup_status import (
    ArchivedStore,
    ArchiveStatus,
    BackupAttempts,
    BackupStatus,
    DrillStatus,
    StoreStatus,
)
from cluster.backup_verdict import BackupRules, BackupVerdict
from cluster.remedies import split_remedy
from tests.fix_settings import settings_of

NOW = 1_800_000_000.0
DAY = 86_400.0
RULES = BackupRules.of(settings_of())
ARCHIVE = ArchiveStatus(
    updated=NOW - 1,
    streaming=True,
    streamed=NOW - 1,
    spool_limit=256 << 20,
    stores=(ArchivedStore(name="local", lag=12.0),),
)
WELL = BackupStatus(
    updated=NOW - 300,
    last_backup="b1",
    last_success=NOW - DAY,
    interval=DAY,
    drill_interval=7 * DAY,
    backups={"full/local": BackupAttempts(last_success=NOW - DAY)},
    stores={"local": StoreStatus(oldest=NOW - DAY, broken=0, missing=0)},
    drill=DrillStatus(when=NOW - DAY, ok=True, backup="b1"),
    archive=ARCHIVE,
)


def _verdict(status: BackupStatus, rules: BackupRules = RULES, **more: Any) -> BackupVerdict:
    return BackupVerdict(rules=rules, status=status, now=NOW, **more)


def _problems(status: BackupStatus, rules: BackupRules = RULES, **more: Any) -> list[str]:
    parts = [split_remedy(reason) for reason in _verdict(status, rules, **more).reasons()]
    assert all(remedy for _, remedy in parts), parts
    return [problem for problem, _ in parts]


def _archive(**changes: Any) -> BackupStatus:
    return replace(WELL, archive=replace(ARCHIVE, **changes))


def _store(**changes: Any) -> BackupStatus:
    return _archive(stores=(replace(ARCHIVE.stores[0], **changes),))


def test_backups_as_they_should_be_are_not_worth_a_word() -> None:
    assert _problems(WELL) == []
    assert list(_verdict(WELL).notes()) == []


def test_a_store_that_refuses_is_a_reason_after_a_while() -> None:
    full = "00000001000000000000008 is not in store local: No space left on device"
    assert _problems(_store(lag=226.0, error=full)) == [f"the WAL archive in store local is 3 min 46 s behind: {full}"]
    assert _problems(_store(lag=20.0, error=full)) == []


def test_a_store_that_is_only_slow_is_a_reason_later() -> None:
    assert _problems(_store(lag=200.0)) == []
    assert _problems(_store(lag=400.0)) == ["the WAL archive in store local is 6 min 40 s behind"]


@given(st.floats(0, 1e6), st.integers(1, 3600), st.booleans())
def test_what_an_unfinished_segment_may_wait_is_never_a_reason(lag: float, tail: int, failing: bool) -> None:
    rules = replace(RULES, tail_seconds=tail)
    found = _problems(_store(lag=lag, error="refused" if failing else ""), rules)
    assert not found or lag > 2 * tail
    assert found or lag < 300 + 2 * tail + 1


@pytest.mark.parametrize(
    ("size", "reasons", "notes"), [(100, 0, 0), (200, 0, 1), (255, 0, 1), (256, 1, 0), (300, 1, 0)]
)
def test_a_spool_that_fills_is_a_note_and_a_full_one_a_reason(size: int, reasons: int, notes: int) -> None:
    status = _archive(spool_bytes=size << 20)
    assert len(_problems(status)) == reasons
    assert len(list(_verdict(status).notes())) == notes


def test_a_service_that_says_nothing_archives_nothing() -> None:
    silent = replace(_archive(updated=NOW - 130.0), error="the store is empty, and was not")
    assert _problems(silent) == ["no WAL has been archived for 2 min 10 s: the store is empty, and was not"]
    assert _problems(replace(WELL, archive=None)) == ["no WAL is archived yet"]


def test_wal_that_is_not_received_from_a_primary_that_is_there() -> None:
    cut = _archive(streaming=False, streamed=NOW - 90.0, error="permission denied")
    assert _problems(cut) == ["no WAL has been received for the archive for 1 min 30 s: permission denied"]
    assert _problems(cut, primary=False) == [], "the primary is what is missing"
    assert _problems(_archive(streaming=False, streamed=NOW - 5.0)) == []


def test_a_status_of_a_service_of_before_is_read() -> None:
    assert _problems(_archive(streaming=False, streamed=None)) == []
    assert _problems(replace(WELL, drill=None, drill_interval=None)) == []


def test_a_backup_that_failed_since_the_last_good_one() -> None:
    attempts = {
        "full/local": BackupAttempts(last_success=NOW - DAY),
        "incremental/local": BackupAttempts(last_failure=NOW - 60),
    }
    failed = replace(WELL, backups=attempts, last_error="no store takes the backup")
    assert _problems(failed) == ["the last backup into store local failed 1 min 0 s ago: no store takes the backup"]
    mended = {**attempts, "full/local": BackupAttempts(last_success=NOW - 10)}
    assert _problems(replace(failed, backups=mended)) == []
    other = {**attempts, "incremental/s3": attempts["incremental/local"], "incremental/local": BackupAttempts()}
    assert _problems(replace(failed, backups=other)) == [], "that store is no longer one of ours"


def test_a_backup_that_is_overdue() -> None:
    old = replace(WELL, backups={"full/local": BackupAttempts(last_success=NOW - 3 * DAY)})
    assert _problems(old) == ["the last backup in store local is 3 d 0 h old, and overdue"]
    assert _problems(replace(old, interval=7 * DAY)) == []


def test_before_the_first_backup_there_is_a_note() -> None:
    new = replace(WELL, backups={}, stores={}, drill=None)
    assert _problems(new) == []
    (note,) = _verdict(new).notes()
    assert note.startswith("there is no backup in store local yet")
    assert list(_verdict(replace(new, running="full")).notes()) == []


def test_damage_that_was_found() -> None:
    damaged = replace(WELL, stores={"local": StoreStatus(broken=2, missing=3)})
    assert _problems(damaged) == [
        "2 backups in store local are damaged",
        "3 segments of WAL are missing in store local, and no gap explains it",
    ]


def test_a_drill_that_failed_counts_also_where_none_is_scheduled() -> None:
    failed = replace(WELL, drill=DrillStatus(when=NOW - 60, ok=False, backup="b1"))
    expected = ["the last drill, 1 min 0 s ago, could not restore b1"]
    assert _problems(failed) == expected
    assert _problems(failed, replace(RULES, drills=False)) == expected


def test_a_drill_that_is_overdue_counts_where_one_is_scheduled() -> None:
    old = replace(WELL, drill=DrillStatus(when=NOW - 18 * DAY, ok=True))
    assert _problems(old) == ["no backup has been restored on trial for 18 d 0 h"]
    assert _problems(old, replace(RULES, drills=False)) == []
    never = replace(WELL, drill=None, stores={"local": StoreStatus(oldest=NOW - 20 * DAY)})
    assert _problems(never) == ["no backup has been restored on trial for 20 d 0 h"]
    assert _problems(replace(never, stores={"local": StoreStatus(oldest=NOW - DAY)})) == []


def test_a_gap_and_a_store_that_is_away_are_notes() -> None:
    status = replace(_archive(full_wanted="WAL was lost"), stores={"local": StoreStatus(error="no such host")})
    notes = [split_remedy(note)[0] for note in _verdict(status).notes()]
    assert notes == ["a full backup is needed: WAL was lost", "store local could not be looked through: no such host"]
