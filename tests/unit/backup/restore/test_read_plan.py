"""A hole that another reading of the archive does not see was a segment on its way."""

import argparse
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from backup import catalog
from backup.layout import wal_key
from backup.restore.plan import HoleError, Plan, plan
from backup.restore.read_plan import plan_from, read_plan
from backup.restore.target import RecoveryTarget
from backup.service import restore_request
from backup.store import Store, Stored
from backup.store.local import LocalStore
from cluster.errors import RefusedError
from cluster.postgres.lsn import Lsn
from tests.unit.backup.base.test_base import CHAIN
from tests.unit.backup.restore.test_plan import archive
from tests.unit.backup.samples import a_backup
from tests.unit.backup.wal.wal_made import SIZE, SYSTEM, name, put

WHOLE = archive(("0/1000000", "0/9000000", 5000.0))
HOLED = archive(("0/1000000", "0/4000000", 2500.0), ("0/5000000", "0/9000000", 5000.0))


@pytest.mark.parametrize("holes", [0, 1, 3])
def test_a_hole_that_closes_is_none(holes: int) -> None:
    readings = iter([*[HOLED] * holes, WHOLE])
    made = read_plan(lambda: plan(CHAIN, next(readings), RecoveryTarget()), timeout=30.0, pause=0.0)
    assert made.reach.lsn == Lsn.parse("0/9000000")


def test_a_hole_that_stays_is_refused() -> None:
    with pytest.raises(HoleError, match="from 0/4000000 to 0/5000000 of timeline 1 is missing"):
        read_plan(lambda: plan(CHAIN, HOLED, RecoveryTarget()), timeout=0.05, pause=0.01)


def test_a_hole_before_the_backup_is_consistent_is_one_too() -> None:
    readings = iter([archive(("0/1000000", "0/1000100", 1.0), ("0/8000000", "0/9000000", 5000.0)), WHOLE])
    assert read_plan(lambda: plan(CHAIN[:1], next(readings), RecoveryTarget()), timeout=30.0, pause=0.0).chain


def test_any_other_refusal_comes_at_once() -> None:
    readings = iter([WHOLE])
    with pytest.raises(RefusedError, match="no backup"):
        read_plan(lambda: plan((), next(readings), RecoveryTarget()))


class _Late(LocalStore):
    """Shows one segment from the second time on that it is listed."""

    late = wal_key(SYSTEM, name(3))

    def list(self, prefix: str = "", after: str = "") -> Iterator[Stored]:
        found = [stored for stored in super().list(prefix, after) if stored.key != self.late]
        if any("/wal/" in stored.key for stored in found):
            self.late = ""
        return iter(found)


def _restored(store: Store) -> Plan:
    return restore_request._plan(store, SYSTEM, RecoveryTarget(), argparse.Namespace(name="", timeline=None))


@pytest.mark.parametrize("make", [_restored, lambda store: plan_from(store, SYSTEM, RecoveryTarget())])
def test_a_restore_and_a_drill_read_the_store_again(tmp_path: Path, make: Callable[[Store], Plan]) -> None:
    store = _Late(tmp_path)
    put(store, *(name(number) for number in range(1, 6)))
    start, stop = str(Lsn(SIZE + 40)), str(Lsn(2 * SIZE))
    sample = a_backup(1, system_identifier=SYSTEM, wal_segment_size=SIZE, start_lsn=start, stop_lsn=stop)
    catalog.write(store, sample)
    assert make(store).reach.lsn == Lsn(6 * SIZE)
    assert not store.late
