import logging
import sqlite3
from collections.abc import Mapping
from dataclasses import fields
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cluster.insight.statement_history import BUCKET, HOUR, StatementBucket, added, rest_of
from cluster.insight.statements import StatementKey, StatementWork
from health.insight.statement_store import ASIDE, FILE, KEPT, KEPT_FINE, HistoryStoreError, StatementStore

BEGUN = 1_800_000_000 // HOUR * HOUR
KEY = StatementKey(node="primary", database="appdb", role="app", queryid=-(1 << 63), toplevel=False)
WORK = StatementWork(
    calls=1, plan_seconds=0.5, exec_seconds=1.5, rows=2, blocks_hit=3, blocks_read=4, blocks_dirtied=5,
    blocks_written=6, io_seconds=0.25, temp_blocks=7, wal_bytes=8,
)  # fmt: skip


def bucket(
    begun: int, works: Mapping[StatementKey, StatementWork] | None = None, length: int = BUCKET
) -> StatementBucket:
    return StatementBucket(begun=begun, length=length, works=works or {KEY: WORK}, read={"primary": 299.5})


def test_what_was_put_in_is_there_also_for_who_opens_it_anew(tmp_path: Path) -> None:
    store = StatementStore(tmp_path)
    store.put([bucket(BEGUN), bucket(BEGUN + BUCKET, {rest_of("primary"): WORK})])
    store.put([bucket(BEGUN)])
    again = StatementStore(tmp_path)
    assert again.buckets(BEGUN, BEGUN + HOUR) == (bucket(BEGUN), bucket(BEGUN + BUCKET, {rest_of("primary"): WORK}))
    assert again.buckets(BEGUN + BUCKET, BEGUN + HOUR)[0].begun == BEGUN + BUCKET
    assert again.known() == {"primary": float(BEGUN)}
    assert {each.stat().st_mode & 0o777 for each in tmp_path.iterdir()} == {0o600}


def test_it_keeps_all_that_is_counted() -> None:
    assert all(getattr(WORK, each.name) for each in fields(StatementWork))


def test_without_a_directory_it_is_in_memory(tmp_path: Path) -> None:
    store = StatementStore(tmp_path / "missing")
    store.put([bucket(BEGUN)])
    assert store.buckets(BEGUN, BEGUN + 1) == (bucket(BEGUN),)


def test_older_than_a_day_it_is_kept_by_the_hour_and_older_still_not_at_all() -> None:
    store = StatementStore()
    now = BEGUN + KEPT
    store.put(
        [bucket(begun) for begun in (BEGUN - 2 * HOUR, now - 2 * HOUR, *range(BEGUN + HOUR, BEGUN + 2 * HOUR, BUCKET))]
    )
    store.compact(now)
    found = store.buckets(0, now + HOUR)
    assert [(each.begun, each.length) for each in found] == [(BEGUN + HOUR, HOUR), (now - 2 * HOUR, BUCKET)]
    assert found[0].works[KEY].calls == 12 * WORK.calls
    assert found[0].read == {"primary": 12 * 299.5}
    store.compact(now)
    assert store.buckets(0, now + HOUR) == found


def test_what_a_clock_that_was_ahead_left_is_dropped() -> None:
    store = StatementStore()
    store.put([bucket(BEGUN), bucket(BEGUN + 10 * HOUR)])
    store.compact(BEGUN + 600)
    assert store.buckets(0, BEGUN * 2) == (bucket(BEGUN),)


@settings(max_examples=25, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 60 * 12), st.integers(1, 5)), max_size=25), st.integers(0, 40))
def test_no_compaction_loses_work_of_the_time_that_is_kept(puts: list[tuple[int, int]], hours: int) -> None:
    store, total = StatementStore(), dict(puts)
    for begun, queryid in total.items():
        key = StatementKey(node="primary", database="appdb", role="app", queryid=queryid)
        store.put([bucket(BEGUN + begun * BUCKET, {key: WORK})])
    now = BEGUN + 60 * HOUR + KEPT_FINE - hours * HOUR
    store.compact(float(now))
    found = store.buckets(0, BEGUN * 2)
    kept = [begun for begun in total if BEGUN + begun * BUCKET <= now + HOUR]
    assert added(work for each in found for work in each.works.values()) == added(WORK for _ in kept)
    spans = sorted((each.begun, each.end) for each in found)
    assert all(before[1] <= after[0] for before, after in pairwise(spans))


def test_texts_are_kept_as_long_as_their_statement_is(tmp_path: Path) -> None:
    store = StatementStore(tmp_path)
    store.put([bucket(BEGUN)])
    assert store.missing_texts() == {("appdb", KEY.queryid)}
    store.put_texts({("appdb", KEY.queryid): "x" * 5000}, BEGUN)
    assert store.missing_texts() == frozenset()
    assert store.texts({KEY: WORK, rest_of("primary"): WORK}) == {("appdb", KEY.queryid): "x" * 4000}
    store.compact(BEGUN + KEPT + 10 * HOUR)
    assert store.texts({KEY: WORK}) == {}


def test_it_stays_within_its_bytes(tmp_path: Path) -> None:
    store = StatementStore(tmp_path, most_bytes=400_000)
    for n in range(60):
        works = {StatementKey(node="primary", database=f"d{n}", role="app", queryid=q): WORK for q in range(1, 150)}
        store.put([bucket(BEGUN + n * BUCKET, works)])
        if n % 2:
            store.compact(BEGUN + n * BUCKET)
            store.put_texts({(f"d{n}", q): "x" * 500 for q in range(1, 150)}, n)
    assert (tmp_path / FILE).stat().st_size < 900_000
    kept = store.buckets(0, BEGUN * 2)
    assert kept
    assert kept[-1].begun == BEGUN + 59 * BUCKET


@pytest.mark.parametrize("content", [b"", b"nothing of ours " * 5000, "newer", "foreign", "damaged"])
def test_what_is_not_ours_or_damaged_is_set_aside(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, content: bytes | str
) -> None:
    file = tmp_path / FILE
    if isinstance(content, bytes):
        file.write_bytes(content)
    else:
        _spoil(file, content)
    store = StatementStore(tmp_path)
    with caplog.at_level(logging.WARNING):
        store.put([bucket(BEGUN + HOUR)])
    assert store.buckets(0, BEGUN * 2) == (bucket(BEGUN + HOUR),)
    assert (tmp_path / (FILE + ASIDE)).exists() == bool(content)
    assert len(caplog.records) == bool(content)


def _spoil(file: Path, how: str) -> None:
    if how == "foreign":
        with sqlite3.connect(file) as connection:
            connection.execute("CREATE TABLE a (b)")
    else:
        store = StatementStore(file.parent)
        store.put([bucket(BEGUN + n * BUCKET) for n in range(200)])
        with sqlite3.connect(file) as connection:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            if how == "newer":
                connection.execute("PRAGMA user_version = 2")
    connection.close()
    if how == "damaged":
        raw = bytearray(file.read_bytes())
        raw[4096 * 2 : 4096 * 4] = b"\xff" * 4096 * 2
        file.write_bytes(raw)


def test_damage_under_way_is_an_error_once_and_then_history_begins_anew(tmp_path: Path) -> None:
    store = StatementStore(tmp_path)
    store.put([bucket(BEGUN + n * BUCKET) for n in range(200)])
    with sqlite3.connect(tmp_path / FILE) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()
    (tmp_path / FILE).write_bytes(b"\xff" * (tmp_path / FILE).stat().st_size)
    with pytest.raises(HistoryStoreError):
        StatementStoreUser(store).use()
    store.put([bucket(BEGUN)])
    assert store.buckets(0, BEGUN * 2) == (bucket(BEGUN),)


class StatementStoreUser:
    """Writes until it is refused: what SQLite has in memory it need not read again."""

    def __init__(self, store: StatementStore) -> None:
        self._store = store

    def use(self) -> None:
        for n in range(50):
            self._store.put([bucket(BEGUN + 1000 * HOUR + n * BUCKET)])
            self._store.compact(BEGUN + 1000 * HOUR + n * BUCKET)


def test_no_space_is_an_error_and_nothing_is_lost(tmp_path: Path) -> None:
    store = StatementStore(tmp_path)
    store.put([bucket(BEGUN)])
    assert store._connection is not None
    store._connection.execute("PRAGMA max_page_count = 12")
    works = {StatementKey(node="primary", database="d", role="app", queryid=q): WORK for q in range(1, 3000)}
    with pytest.raises(HistoryStoreError, match="full"):
        store.put([bucket(BEGUN + BUCKET, works)])
    assert store.buckets(0, BEGUN * 2) == (bucket(BEGUN),)


def test_a_directory_that_cannot_be_written_to_is_an_error(tmp_path: Path) -> None:
    (tmp_path / FILE).mkdir()
    with pytest.raises(HistoryStoreError):
        StatementStore(tmp_path).put([bucket(BEGUN)])
