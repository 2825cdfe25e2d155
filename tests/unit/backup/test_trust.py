"""Incremental backups of releases that make bad ones: not taken, marked, and used last."""

import pytest

from backup.base.parent import decide
from backup.restore.plan import plan
from backup.restore.target import RecoveryTarget
from backup.trust import incremental_trusted, untrusted, untrusted_ones, version_number, version_text
from cluster.errors import RefusedError
from cluster.postgres.lsn import Lsn
from tests.unit.backup.base.test_base import CHAIN, backup, node
from tests.unit.backup.restore.test_restore import WHOLE, archive, run

OLD = tuple(backup(n, n - 1 if n else None, server_version="18.6") for n in range(3))
"""A full backup of 18.6 and two incremental ones on it."""


@pytest.mark.parametrize(
    ("version", "number", "trusted"),
    [("18.0", 180000, False), ("18.6", 180006, False), ("18.7", 180007, True), ("18.12", 180012, True)],
)
def test_the_release_decides(version: str, number: int, trusted: bool) -> None:
    assert (version_number(version), version_text(number)) == (number, version)
    assert incremental_trusted(number) is trusted


@pytest.mark.parametrize("version", ["", "18", "18.x", "18devel", "-18.7"])
def test_a_version_that_says_nothing_is_not_trusted(version: str) -> None:
    assert not incremental_trusted(version_number(version))


def test_below_it_a_full_backup_is_taken_however_often_an_incremental_one_is_asked_for() -> None:
    basis = decide("incremental", [OLD], node(version="18.6"), 6)

    assert basis.parent is None
    assert basis.why == "incremental backups of PostgreSQL 18.6 cannot be trusted, those of 18.7 and later can"


def test_it_ends_by_itself_the_first_after_the_update_is_full_and_the_next_builds_on_that() -> None:
    new = backup(4, server_version="18.7", started=9000.0)

    assert decide("incremental", [OLD], node(), 6).why == "PostgreSQL 18.6 became 18.7"
    assert decide("incremental", [(*OLD, new)], node(), 6).parent == new


def test_who_takes_the_risk_gets_incremental_backups_and_they_are_marked_all_the_same() -> None:
    assert decide("incremental", [OLD], node(version="18.6"), 6, trusted_since=0).parent == OLD[-1]
    assert untrusted_ones(OLD) == dict.fromkeys((OLD[1].name, OLD[2].name), "incremental, made by PostgreSQL 18.6")


def test_what_rests_on_an_old_one_is_no_better_than_that() -> None:
    mixed = (*OLD[:2], backup(2, 1, server_version="18.8"))

    assert untrusted(mixed[2], mixed) == "incremental, made by PostgreSQL 18.6"
    assert untrusted_ones(CHAIN) == {}


def test_one_whose_chain_is_broken_is_judged_by_itself() -> None:
    assert untrusted(OLD[2], OLD[1:]) == "incremental, made by PostgreSQL 18.6"


def test_a_restore_takes_the_full_one_and_says_what_it_passed_over() -> None:
    found = plan(OLD, WHOLE, RecoveryTarget())

    assert found.chain == OLD[:1]
    assert found.notes == (
        f"{OLD[2].name} is passed over, incremental, made by PostgreSQL 18.6 and not to be trusted; "
        "--name takes it all the same",
    )


def test_a_newer_full_one_that_can_be_trusted_is_taken_without_a_word() -> None:
    new = backup(4, server_version="18.7", started=9000.0)

    found = plan((*OLD, new), WHOLE, RecoveryTarget())

    assert (found.chain, found.notes) == ((new,), ())


def test_where_there_is_no_choice_the_marked_chain_is_used_and_that_is_said() -> None:
    gap = archive({1: [run("0/1000000", "0/1800000"), run("0/3000000", "0/9000000")]})

    found = plan(OLD, gap, RecoveryTarget())

    assert found.chain == OLD
    assert found.notes[0].startswith(f"NOT TO BE TRUSTED: {OLD[2].name} is incremental, made by PostgreSQL 18.6;")


def test_a_marked_one_that_is_asked_for_by_name_is_used_and_that_is_said() -> None:
    found = plan(OLD, WHOLE, RecoveryTarget(), OLD[1].name)

    assert found.chain == OLD[:2]
    assert found.notes[0].startswith("NOT TO BE TRUSTED: ")


def test_the_reason_for_a_refusal_is_still_the_newest_backups() -> None:
    gone = archive({1: [run("0/1000000", "0/1800000"), run("0/3000000", "0/3800000"), run("0/9000000", "0/A000000")]})

    with pytest.raises(RefusedError, match="cannot be reached") as refusal:
        plan(OLD, gone, RecoveryTarget(kind="lsn", text="0/9500000", lsn=Lsn.parse("0/9500000")))
    assert "0/3800000" in refusal.value.hint
