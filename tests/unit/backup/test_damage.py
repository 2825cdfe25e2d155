"""Known damage: nothing is planned with it, nothing builds on it, and nothing good goes because of it."""

from dataclasses import replace
from datetime import UTC
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backup import catalog
from backup.annotations import Verified, VerifiedWal, mark_verified, mark_wal, read_damaged_wal, read_verified
from backup.base.parent import decide as choose_parent
from backup.catalog import Backup, chain
from backup.damage import damage, damaged_ones
from backup.recovery_windows import audit
from backup.restore.plan import DamagedBackupError, HoleError, plan
from backup.restore.read_plan import plan_from
from backup.restore.target import RecoveryTarget, check_target
from backup.restore.wal_coverage import read_archive, vouch
from backup.retention import Policy, decide
from backup.service.inventory import _summary, read_holdings
from backup.store.local import LocalStore
from backup.wal.identity import ArchiveIdentity, claim
from cluster.errors import RefusedError
from cluster.postgres.lsn import Lsn
from tests.unit.backup.base.test_base import CHAIN, node
from tests.unit.backup.base.test_base import backup as link
from tests.unit.backup.restore.test_restore import WHOLE
from tests.unit.backup.samples import DAY, SEGMENT, SYSTEM, a_backup, an_increment, segments
from tests.unit.backup.test_recovery_windows import archive
from tests.unit.backup.test_retention import NOW, POLICIES, catalogues
from tests.unit.backup.wal.wal_made import SIZE, name, put
from tests.unit.backup.wal.wal_made import SYSTEM as WAL_SYSTEM

OLDER = a_backup(1)
FULL = a_backup(2)
STEP = an_increment(3, FULL, server_version="18.8")
KNOWN = (OLDER, FULL, STEP)
LONG = archive(*segments(1, 10, 60))


def broken(*backups: Backup) -> dict[str, Verified]:
    return {each.name: Verified(name=each.name, when=1.0, ok=False, detail="base.tar.zst is short") for each in backups}


def test_what_builds_on_damage_is_damaged() -> None:
    assert damaged_ones(KNOWN, broken(FULL)) == {
        FULL.name: "base.tar.zst is short",
        STEP.name: f"it builds on {FULL.name}, which is damaged",
    }
    assert damaged_ones(KNOWN, {FULL.name: Verified(name=FULL.name, when=1.0, ok=True)}) == {}
    assert damage(STEP, (STEP,), broken(FULL)) == ""  # its chain is not whole, which is refused for itself


def test_a_damaged_chain_is_passed_over_and_named() -> None:
    made = plan(KNOWN, LONG, RecoveryTarget(), damaged=damaged_ones(KNOWN, broken(FULL)))

    assert made.backup == OLDER
    assert any(f"passed over: backup {STEP.name} is damaged: it builds on {FULL.name}" in note for note in made.notes)
    assert any(f"passed over: backup {FULL.name} is damaged: base.tar.zst is short" in note for note in made.notes)


def test_one_that_would_not_have_led_there_is_not_spoken_of() -> None:
    early = RecoveryTarget(kind="time", text="x", time=1.5 * DAY)
    held = {FULL.name: "it is short"}
    known = vouch(LONG, 1, Lsn(61 * SEGMENT), 3 * DAY)
    assert plan(KNOWN, known, early, damaged=held).notes[0].startswith("if nothing was")


def test_a_damaged_backup_is_refused_by_name_too() -> None:
    with pytest.raises(DamagedBackupError, match=f"backup {FULL.name} is damaged: it is short") as caught:
        plan(KNOWN, LONG, RecoveryTarget(), FULL.name, damaged={FULL.name: "it is short"})
    assert f"inv backup.verify --name {FULL.name}" in caught.value.hint


def test_where_every_way_is_damaged_that_is_the_reason() -> None:
    with pytest.raises(DamagedBackupError):
        plan(KNOWN, LONG, RecoveryTarget(), damaged=damaged_ones(KNOWN, broken(OLDER, FULL)))


def test_a_full_backup_is_taken_where_the_newest_is_damaged() -> None:
    choice = choose_parent("incremental", [CHAIN], node(), 6, damaged={CHAIN[-1].name})
    assert (choice.parent, choice.why) == (None, f"{CHAIN[-1].name} is damaged")
    newer = link(4, started=9000.0)
    assert choose_parent("incremental", [(*CHAIN, newer)], node(), 6, damaged={CHAIN[-1].name}).parent == newer


EVERYTHING = archive(*segments(1, 0, 4100))


@given(backups=catalogues(), data=st.data())
def test_no_plan_has_damage_in_it_while_a_good_chain_leads_there(
    backups: tuple[Backup, ...], data: st.DataObject
) -> None:
    marks = broken(*data.draw(st.sets(st.sampled_from(backups))))
    target = check_target(str(Lsn(data.draw(st.integers(0, 4100)) * SEGMENT)), "lsn")
    usable = [each for each in backups if each.timeline == 1]
    damaged = damaged_ones(usable, marks)
    good = [each for each in usable if not any(part.name in damaged for part in chain(usable, each.name))]
    try:
        best = plan(good, EVERYTHING, target)
    except RefusedError:
        with pytest.raises(RefusedError):
            plan(usable, EVERYTHING, target, damaged=damaged)
        return
    made = plan(usable, EVERYTHING, target, damaged=damaged)
    assert made.chain == best.chain
    assert not {each.name for each in made.chain} & marks.keys()


@given(backups=catalogues(), chosen=POLICIES, now=NOW, data=st.data())
def test_what_damage_leaves_is_kept_as_if_it_were_all_there_is(
    backups: tuple[Backup, ...], chosen: Policy, now: float, data: st.DataObject
) -> None:
    damaged = damaged_ones(backups, broken(*data.draw(st.sets(st.sampled_from(backups)))))
    stay = {each.backup.name for each in decide(backups, chosen, now, damaged=damaged) if each.keep}
    before = {each.backup.name for each in decide(backups, chosen, now) if each.keep}
    good = [each for each in backups if each.name not in damaged]
    alone = {each.backup.name for each in decide(good, chosen, now) if each.keep}
    assert before | alone <= stay


def test_the_last_good_backup_stays_though_a_damaged_one_is_newer() -> None:
    rules = Policy(zone=UTC, days=0, count=1)
    assert [each.keep for each in decide([OLDER, FULL], rules, 9 * DAY)] == [False, True]
    assert [each.keep for each in decide([OLDER, FULL], rules, 9 * DAY, damaged={FULL.name})] == [True, True]


def store_with(path: Path, *backups: Backup) -> LocalStore:
    store = LocalStore(path)
    claim(store, ArchiveIdentity(system_identifier=SYSTEM, wal_segment_size=SEGMENT))
    for each in backups:
        catalog.write(store, each)
    return store


def test_the_inventory_neither_counts_nor_offers_it(tmp_path: Path) -> None:
    store = store_with(tmp_path, *KNOWN)
    mark_verified(store, FULL, broken(FULL)[FULL.name])

    found = read_holdings(store, SYSTEM)

    assert found.restorable == (OLDER,)
    told = _summary(found, ())
    assert (told.broken, told.last_full, told.last_started) == (2, OLDER.started, OLDER.started)


def test_marks_in_the_store_count_for_a_plan(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    put(store, *(name(number) for number in range(1, 9)))
    first = a_backup(
        1,
        system_identifier=WAL_SYSTEM,
        wal_segment_size=SIZE,
        start_lsn=str(Lsn(SIZE + 40)),
        stop_lsn=str(Lsn(2 * SIZE)),
    )
    second = replace(
        first, name=a_backup(2).name, start_lsn=str(Lsn(3 * SIZE + 40)), stop_lsn=str(Lsn(4 * SIZE)), started=DAY
    )
    for each in (first, second):
        catalog.write(store, each)
    assert plan_from(store, WAL_SYSTEM, RecoveryTarget()).backup == second

    mark_verified(store, second, broken(second)[second.name])
    assert plan_from(store, WAL_SYSTEM, RecoveryTarget()).backup == first

    mark_verified(store, second, Verified(name=second.name, when=2.0, ok=True))
    assert plan_from(store, WAL_SYSTEM, RecoveryTarget()).backup == second


def test_a_damaged_segment_is_a_hole_with_a_name(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    put(store, *(name(number) for number in range(1, 9)))
    mark_wal(store, WAL_SYSTEM, VerifiedWal(when=1.0, segments=8, damaged={name(5): "a frame cannot be read"}))

    covered = read_archive(store, WAL_SYSTEM, SIZE)

    assert [(run.start // SIZE, run.end // SIZE) for run in covered.runs[1]] == [(1, 5), (6, 9)]
    first = a_backup(
        1,
        system_identifier=WAL_SYSTEM,
        wal_segment_size=SIZE,
        start_lsn=str(Lsn(SIZE + 40)),
        stop_lsn=str(Lsn(2 * SIZE)),
    )
    with pytest.raises(HoleError, match=f"segment {name(5)} of the archive is damaged"):
        plan([first], covered, RecoveryTarget())
    assert plan([first], covered, check_target(str(Lsn(5 * SIZE)), "lsn")).backup == first
    (lost,) = audit([first], covered, {})
    assert (lost.segment, lost.damaged, lost.known) == (name(5), True, False)


def test_the_mark_on_wal_is_no_mark_on_a_backup(tmp_path: Path) -> None:
    store = store_with(tmp_path)
    mark_wal(store, SYSTEM, VerifiedWal(when=1.0, segments=0))
    assert (read_verified(store, SYSTEM), read_damaged_wal(store, SYSTEM)) == ({}, {})


def test_without_damage_everything_is_as_it_was() -> None:
    assert plan(CHAIN, WHOLE, RecoveryTarget(), damaged={}) == plan(CHAIN, WHOLE, RecoveryTarget())
