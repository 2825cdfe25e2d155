from pathlib import Path
from typing import Any

import pytest

from backup.drill import Drill, Rules, drill, parse, read_last, record
from backup.restore import RecoveryTarget, plan
from backup.restore.assertions import Assertion, judge
from backup.restore.temporary_server import PARAMETERS
from backup.restore.wal_coverage import WalCoverage
from backup.sandbox.job import Job
from backup.sandbox.rehearsal import DrillSite, rehearse
from backup.store import Store
from backup.store.local import LocalStore
from tests.unit.backup.base.test_base import SYSTEM
from tests.unit.backup.test_sandbox import JOB

NOTHING = WalCoverage(wal_segment_size=16 << 20, runs={}, histories={})


@pytest.mark.parametrize("rows", [[], [{"holds": True}]])
def test_no_row_or_one_true_holds(rows: list[dict[str, Any]]) -> None:
    assert judge(rows) == ""


@pytest.mark.parametrize(
    ("rows", "detail"),
    [
        ([{"holds": False}], "1 row, the first: holds=False"),
        ([{"holds": None}], "1 row, the first: holds=None"),
        ([{"id": 7, "total": -1}, {"id": 8, "total": -2}], "2 rows, the first: id=7, total=-1"),
        ([{"a": True, "b": True}], "1 row, the first: a=True, b=True"),
    ],
)
def test_anything_else_is_a_counterexample_and_shown(rows: list[dict[str, Any]], detail: str) -> None:
    assert judge(rows) == detail


GOOD = Drill(when=1795406965.5, backup="20261123T035634Z-full-2e69c3", timeline=1, restored=1.0, rto=2.0, lsn="0/5")


def test_a_drill_is_good_when_it_came_to_its_end_and_nothing_was_wrong() -> None:
    from dataclasses import replace

    assert GOOD.ok
    assert not replace(GOOD, rto=None).ok
    assert not replace(GOOD, problems=("index i is corrupt",)).ok
    assert not replace(GOOD, assertions=(Assertion(name="a.sql", holds=False),)).ok


def test_results_are_kept_and_the_last_is_read(tmp_path: Path) -> None:
    from dataclasses import replace

    store = LocalStore(tmp_path)
    assert read_last(store, SYSTEM) is None
    later = replace(GOOD, when=GOOD.when + 86400, assertions=(Assertion(name="a.sql", holds=False, detail="x"),))

    record(store, SYSTEM, later)
    record(store, SYSTEM, GOOD)

    assert read_last(store, SYSTEM) == later


def test_a_result_of_another_format_is_none() -> None:
    assert parse('{"format": 2, "ok": true}') is None


def test_without_a_backup_the_result_says_so_and_nobody_is_bothered(tmp_path: Path) -> None:
    def run(job: Job, store: Store, progress: object) -> dict[str, Any]:
        raise AssertionError

    found = drill(lambda: plan((), NOTHING, RecoveryTarget()), LocalStore(tmp_path), Rules(), run, lambda _: None)

    assert not found.ok
    assert "there is no backup to restore from" in found.problems[0]


def test_a_folder_too_deep_for_a_socket_is_said_beforehand(tmp_path: Path) -> None:
    site = DrillSite(directory=tmp_path, folder=tmp_path / ("x" * 90), restore_command="x")

    found = rehearse(JOB, LocalStore(tmp_path), site, lambda _: None)

    assert "too long for a socket" in found["problems"][0]


def test_what_a_killed_drill_left_is_removed_by_the_next(tmp_path: Path) -> None:
    (tmp_path / "data" / "base").mkdir(parents=True)

    rehearse(
        JOB, LocalStore(tmp_path), DrillSite(directory=tmp_path, folder=tmp_path, restore_command="x"), lambda _: None
    )

    assert not list(tmp_path.iterdir())


def test_the_throwaway_server_is_not_to_be_reached_and_writes_to_no_archive() -> None:
    assert PARAMETERS["listen_addresses"] == ""
    assert PARAMETERS["archive_mode"] == "off"
    assert PARAMETERS["io_method"] == "worker"
