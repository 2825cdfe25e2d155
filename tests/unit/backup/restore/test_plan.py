"""A restore to a moment that the archive is about to have."""

from dataclasses import replace

import pytest

from backup.restore.plan import BeyondError, plan
from backup.restore.target import RecoveryTarget, check_target
from backup.restore.wal_coverage import Run, WalCoverage, vouch
from cluster.errors import RefusedError
from cluster.postgres.lsn import Lsn
from tests.unit.backup.base.test_base import CHAIN

SIZE = 16 << 20


def archive(*runs: tuple[str, str, float]) -> WalCoverage:
    made = [Run(Lsn.parse(start), Lsn.parse(end), when) for start, end, when in runs]
    return WalCoverage(wal_segment_size=SIZE, runs={1: made}, histories={})


TO_TIME = RecoveryTarget(kind="time", text="x", time=6000.0)


def test_a_moment_that_the_archive_has_not_reached_is_told_apart_from_one_behind_a_hole() -> None:
    with pytest.raises(BeyondError, match="beyond the archive"):
        plan(CHAIN, archive(("0/1000000", "0/9000000", 5000.0)), TO_TIME)
    holed = archive(("0/1000000", "0/4000000", 2500.0), ("0/5000000", "0/9000000", 5000.0))
    with pytest.raises(RefusedError, match="is missing") as caught:
        plan(CHAIN, holed, TO_TIME)
    assert not isinstance(caught.value, BeyondError)


def test_what_the_live_cluster_vouches_for_can_be_reached_whatever_the_stores_clock_says() -> None:
    known = archive(("0/1000000", "0/9000000", 5000.0))
    assert plan(CHAIN, vouch(known, 1, Lsn.parse("0/8FFFFF0"), 6000.5), TO_TIME).reach.made == 6000.5
    with pytest.raises(BeyondError):
        plan(CHAIN, vouch(known, 1, Lsn.parse("0/9000010"), 6000.5), TO_TIME)  # the store does not show it yet
    with pytest.raises(BeyondError):
        plan(CHAIN, vouch(known, 2, Lsn.parse("0/8FFFFF0"), 6000.5), TO_TIME)


def test_vouching_never_takes_anything_back() -> None:
    known = archive(("0/1000000", "0/9000000", 5000.0))
    assert vouch(known, 1, Lsn.parse("0/8FFFFF0"), 10.0) == known


def test_an_lsn_beyond_the_archive_is_told_apart_too() -> None:
    with pytest.raises(BeyondError):
        plan(CHAIN, archive(("0/1000000", "0/9000000", 5000.0)), check_target("0/9000001"))


def test_the_newest_backup_is_the_one_whose_wal_is_newest_though_the_clock_was_set_back() -> None:
    newest = CHAIN[2]
    before = replace(newest, name=f"19700101T000000Z-incr-{newest.name[-6:]}", started=0.5, stopped=1.5)
    made = plan((*CHAIN[:2], before), archive(("0/1000000", "0/9000000", 5000.0)), RecoveryTarget())
    assert made.backup == before
