"""The archive goes over a switchover without a gap: moments before, at and after it are restored as they were."""

import re
import threading
from dataclasses import dataclass, field

import pytest

from cluster.postgres.connection import Access, connect
from cluster.postgres.lsn import Lsn
from tests.fix_backup import Kept
from tests.fix_wait import eventually

POOL = ("pgbouncer", "app", "appdb_write")


@dataclass
class _Diary:
    """One client that inserts numbers one by one, and notes where the WAL was before and after each."""

    access: Access
    entries: list[tuple[int, Lsn, Lsn]] = field(default_factory=list)
    errors: list[Exception] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._write, daemon=True)

    def __enter__(self) -> "_Diary":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join(60)

    def wait_for(self, count: int) -> Lsn:
        """Until so many more are in; where the WAL is then."""
        goal = len(self.entries) + count
        eventually(lambda: len(self.entries) >= goal, 60, f"{count} more entries")
        return self.entries[-1][2]

    def _write(self) -> None:
        try:
            with connect(self.access) as connection:
                number = 0
                while not self._stop.wait(0.02):
                    number += 1
                    before = connection.execute("SELECT pg_current_wal_insert_lsn()::text AS lsn").fetchone()
                    connection.execute("INSERT INTO diary VALUES (%s)", [number])
                    after = connection.execute("SELECT pg_current_wal_insert_lsn()::text AS lsn").fetchone()
                    assert before
                    assert after
                    self.entries.append((number, Lsn.parse(before["lsn"]), Lsn.parse(after["lsn"])))
        except Exception as error:  # noqa: BLE001 - whatever it is, the test says so
            self.errors.append(error)

    def check(self, found: set[int], moment: Lsn) -> None:
        """What was in before ``moment`` is there, and nothing that was begun after it."""
        certain = {number for number, _, after in self.entries if after <= moment}
        possible = {number for number, before, _ in self.entries if before < moment}
        assert certain
        assert certain <= found <= possible, f"at {moment}: {sorted(certain - found)} lost, {sorted(found - possible)}"


@pytest.mark.chaos
def test_moments_before_at_and_after_a_switchover_are_restored_as_they_were(kept: Kept) -> None:
    kept.query("CREATE TABLE diary (number int PRIMARY KEY)", *POOL)
    with _Diary(kept.access()) as diary:
        before = diary.wait_for(20)
        outcome = kept.inv.ok("switchover", "--to", "replica1")
        found = re.search(r"from ([0-9A-F]+/[0-9A-F]+) on", outcome.out)
        assert found, outcome
        after = diary.wait_for(20)
        diary.wait_for(20)
    assert diary.errors == []
    kept.inv.ok("switchover", "--to", "primary")
    kept.wait_archived()
    assert kept.missing() == []
    for name, moment in (("before", before), ("at", Lsn.parse(found[1])), ("after", after)):
        kept.inv.ok("backup.restore", "--as-node", name, "--to-lsn", str(moment))
        try:
            rows = kept.query("SELECT number FROM diary", name, "app")
            diary.check({row["number"] for row in rows}, moment)
        finally:
            kept.inv.ok("backup.discard", name, "--yes")
    kept.inv.ok("backup.now")  # over the changes of the timeline
    assert kept.backups()[-1]["kind"] == "full" or kept.backups()[0]["kind"] == "full"
