import signal
import subprocess
import sys
from pathlib import Path
from typing import Any, ClassVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backup.layout import Segment, history_key, tail_key, wal_key
from backup.restore.plan import Plan, plan
from backup.restore.recovery_settings import Recovery, rewrite, settings
from backup.restore.target import RecoveryTarget, check_target
from backup.restore.target_directory import MARKER, claim
from backup.restore.wal_coverage import Run, WalCoverage, reach, read_archive, spans_between
from backup.store import MissingError
from backup.store.local import LocalStore
from backup.timelines import TimelineSpan
from cluster.errors import MachineError, RefusedError, UsageError
from cluster.postgres.data_directory import standby_minimums
from cluster.postgres.lsn import Lsn
from cluster.postgres.timeline_history import Switchpoint
from tests.unit.backup.base.test_base import CHAIN, SYSTEM, backup

SIZE = 16 << 20


class TestTarget:
    @pytest.mark.parametrize(
        ("text", "kind"),
        [
            ("latest", "latest"),
            ("immediate", "immediate"),
            ("2026-11-22T10:00:00Z", "time"),
            ("0/3000148", "lsn"),
            ("12345", "xid"),
            ("before_migration", "name"),
        ],
    )
    def test_a_target_is_what_it_looks_like(self, text: str, kind: str) -> None:
        assert check_target(text).kind == kind

    @pytest.mark.parametrize(
        "text",
        ["2026-11-22T10:00:00Z", "2026-11-22 12:00:00+02:00", "2026-11-22 12:00:00+02", "2026-11-22T05:30:00-04:30"],
    )
    def test_times_with_an_offset_mean_the_same_moment_and_reach_the_server_in_utc(self, text: str) -> None:
        target = check_target(text)

        assert target.time == 1795341600.0
        assert target.settings() == {"recovery_target_time": "2026-11-22 10:00:00+00:00"}

    @pytest.mark.parametrize("text", ["2026-11-22T10:00:00", "2026-11-22", "2026-11-22 10:00 Europe/Berlin"])
    def test_a_time_without_an_offset_is_refused_with_an_example(self, text: str) -> None:
        with pytest.raises(UsageError, match=r"such as 2026-11-22T10:00:00Z"):
            check_target(text)

    @pytest.mark.parametrize(
        ("text", "kind"),
        [
            ("0/x", "lsn"),
            ("2", "xid"),
            ("-5", "xid"),
            ("x" * 64, "name"),
            ("", "name"),
            ("a\nb", "name"),
            ("x", "when"),
        ],
    )
    def test_what_is_no_target_is_refused(self, text: str, kind: Any) -> None:
        with pytest.raises(UsageError):
            check_target(text, kind)

    def test_a_name_that_looks_like_something_else_can_be_given_as_one(self) -> None:
        assert check_target("immediate", "name").settings() == {"recovery_target_name": "immediate"}

    @given(st.integers(0, 2**64 - 1))
    def test_an_lsn_comes_back_as_postgresql_writes_it(self, number: int) -> None:
        assert check_target(str(Lsn(number)), "lsn").lsn == number


def run(start: str, end: str, made: float = 5000.0) -> Run:
    return Run(Lsn.parse(start), Lsn.parse(end), made)


def archive(runs: dict[int, list[Run]], histories: dict[int, list[tuple[int, str]]] | None = None) -> WalCoverage:
    parsed = {
        line: tuple(Switchpoint(tli, Lsn.parse(lsn)) for tli, lsn in steps) for line, steps in (histories or {}).items()
    }
    return WalCoverage(wal_segment_size=SIZE, runs=runs, histories=parsed)


WHOLE = archive({1: [run("0/1000000", "0/9000000")]})


class TestArchive:
    def test_segments_and_the_tail_of_the_last_join_to_one_run(self, tmp_path: Path) -> None:
        store = LocalStore(tmp_path)
        for name in ("000000010000000000000003", "000000010000000000000004"):
            store.create(wal_key(SYSTEM, name), b"x")
        store.create(tail_key(SYSTEM, "000000010000000000000005", 0, 0x800), b"x")
        store.create(tail_key(SYSTEM, "000000010000000000000005", 0x800, 0x9000), b"x")

        found = read_archive(store, SYSTEM, SIZE)

        assert [(str(each.start), str(each.end)) for each in found.runs[1]] == [("0/3000000", "0/5009000")]

    def test_a_piece_that_is_missing_is_a_hole(self, tmp_path: Path) -> None:
        store = LocalStore(tmp_path)
        store.create(tail_key(SYSTEM, "000000010000000000000005", 0, 0x800), b"x")
        store.create(tail_key(SYSTEM, "000000010000000000000005", 0x900, 0xA00), b"x")

        assert len(read_archive(store, SYSTEM, SIZE).runs[1]) == 2

    @given(st.sets(st.integers(0, 600), max_size=60), st.sampled_from([1 << 20, 16 << 20, 1 << 30]))
    def test_runs_are_what_is_there_and_nothing_else(self, numbers: set[int], size: int) -> None:
        keys = sorted(wal_key(SYSTEM, str(Segment(timeline=1, start=Lsn(n * size), size=size))) for n in numbers)
        runs = read_archive(Listing(keys), SYSTEM, size).runs.get(1, ())  # type: ignore[arg-type]

        covered = {n for each in runs for n in range(each.start // size, each.end // size)}
        assert covered == numbers
        assert all(a.end < b.start for a, b in zip(runs, list(runs)[1:], strict=False))

    def test_a_history_is_read_with_its_comments(self, tmp_path: Path) -> None:
        text = "1\t0/5000000\tno recovery target specified\n\n# made by hand\n2\t0/6000000\tbefore 2026\n"
        store = LocalStore(tmp_path)
        store.create(history_key(SYSTEM, 3), text.encode())

        assert read_archive(store, SYSTEM, SIZE).histories[3] == (
            Switchpoint(1, Lsn.parse("0/5000000")),
            Switchpoint(2, Lsn.parse("0/6000000")),
        )

    def test_a_damaged_history_is_refused_by_its_timeline(self, tmp_path: Path) -> None:
        store = LocalStore(tmp_path)
        store.create(history_key(SYSTEM, 3), b"2\t0/6000000\tx\n1\t0/5000000\tx\n")

        with pytest.raises(RefusedError, match="the history of timeline 3 in the archive is damaged"):
            read_archive(store, SYSTEM, SIZE)


class Listing:
    """A store that only lists: nothing in it was ever verified."""

    def get(self, key: str, most: int = 0) -> bytes:
        raise MissingError(key)

    def __init__(self, keys: list[str]) -> None:
        self.keys = keys

    def list(self, prefix: str) -> list[Any]:
        from backup.store import Stored

        return [Stored(key=key, size=1, made=1.0) for key in self.keys if key.startswith(prefix)]


class TestWay:
    HISTORIES: ClassVar = {2: [(1, "0/5000400")], 3: [(1, "0/5000400"), (2, "0/7000000")], 4: [(1, "0/4000000")]}

    def test_it_follows_the_history(self) -> None:
        known = archive({}, self.HISTORIES)
        start, first, second = (Lsn.parse(lsn) for lsn in ("0/3000028", "0/5000400", "0/7000000"))

        assert spans_between(known, 1, start, 3) == (
            TimelineSpan(1, start, first),
            TimelineSpan(2, first, second),
            TimelineSpan(3, second, None),
        )

    def test_a_timeline_that_branched_off_before_does_not_lead_there(self) -> None:
        known = archive({}, self.HISTORIES)

        assert spans_between(known, 1, Lsn.parse("0/6000000"), 2) is None
        assert spans_between(known, 2, Lsn.parse("0/6000000"), 4) is None

    def test_an_unknown_history_is_said(self) -> None:
        with pytest.raises(RefusedError, match="history of timeline 9 is not in the archive"):
            spans_between(archive({}), 1, Lsn(0), 9)

    def test_the_segment_of_the_switch_may_be_on_the_new_timeline_only(self) -> None:
        """The old primary died before it had sent its last segment; the new one's copy of it is whole."""
        known = archive(
            {1: [run("0/3000000", "0/5000000")], 2: [run("0/5000000", "0/6000000", 6000.0)]},
            {2: [(1, "0/5000400")]},
        )
        parts = spans_between(known, 1, Lsn.parse("0/3000028"), 2)

        assert parts
        assert reach(known, parts).lsn == Lsn.parse("0/6000000")
        assert reach(known, parts).made == 6000.0

    def test_a_new_timeline_whose_wal_is_missing_is_a_hole(self) -> None:
        known = archive({1: [run("0/3000000", "0/6000000")]}, {2: [(1, "0/5000400")]})
        parts = spans_between(known, 1, Lsn.parse("0/3000028"), 2)

        assert parts
        found = reach(known, parts)
        assert found.lsn == Lsn.parse("0/5000400")
        assert found.hole == "WAL from 0/5000400 of timeline 2 is missing in the archive"


class TestPlan:
    def test_the_newest_backup_and_its_chain_are_chosen_for_latest(self) -> None:
        made = plan(CHAIN, WHOLE, RecoveryTarget())

        assert made.chain == CHAIN
        assert made.timeline == 1
        assert made.reach.lsn == Lsn.parse("0/9000000")

    def test_the_newest_backup_that_ended_before_the_moment_is_chosen(self) -> None:
        made = plan(CHAIN, WHOLE, RecoveryTarget(kind="time", text="x", time=1500.0))

        assert made.backup == CHAIN[1]

    def test_a_moment_in_the_middle_of_a_backup_is_reached_from_the_one_before(self) -> None:
        assert plan(CHAIN, WHOLE, RecoveryTarget(kind="time", text="x", time=2005.0)).backup == CHAIN[1]
        assert plan(CHAIN, WHOLE, check_target("0/3000100")).backup == CHAIN[1]
        assert plan(CHAIN, WHOLE, check_target("0/3000120")).backup == CHAIN[2]

    def test_a_moment_before_every_backup_is_refused_with_the_oldest(self) -> None:
        with pytest.raises(RefusedError, match=f"before the end of backup {CHAIN[0].name}"):
            plan(CHAIN, WHOLE, RecoveryTarget(kind="time", text="x", time=5.0))

    def test_a_named_backup_that_ended_later_is_refused(self) -> None:
        with pytest.raises(RefusedError, match=f"before the end of backup {CHAIN[2].name}"):
            plan(CHAIN, WHOLE, RecoveryTarget(kind="time", text="x", time=1500.0), CHAIN[2].name)

    @pytest.mark.parametrize("target", [RecoveryTarget(kind="time", text="x", time=5000.5), check_target("0/9000001")])
    def test_a_moment_beyond_the_archive_is_refused(self, target: RecoveryTarget) -> None:
        with pytest.raises(RefusedError, match="beyond the archive, which ends at 0/9000000 of timeline 1"):
            plan(CHAIN, WHOLE, target)

    HOLE = archive({1: [run("0/1000000", "0/4000000", 2500.0), run("0/5000000", "0/9000000")]})

    @pytest.mark.parametrize(
        "target",
        [
            RecoveryTarget(),
            RecoveryTarget(kind="time", text="x", time=3000.0),
            check_target("0/4800000"),
            check_target("0/6000000"),
        ],
    )
    def test_a_hole_on_the_way_is_refused_and_named(self, target: RecoveryTarget) -> None:
        with pytest.raises(RefusedError, match="WAL from 0/4000000 to 0/5000000 of timeline 1 is missing"):
            plan(CHAIN, self.HOLE, target)

    def test_before_the_hole_it_can_be_done(self) -> None:
        assert plan(CHAIN, self.HOLE, RecoveryTarget(kind="time", text="x", time=2400.0)).backup == CHAIN[2]
        assert plan(CHAIN, self.HOLE, check_target("0/3800000")).backup == CHAIN[2]
        assert plan(CHAIN, self.HOLE, RecoveryTarget(kind="immediate")).backup == CHAIN[2]

    def test_a_backup_after_the_hole_makes_latest_possible_again(self) -> None:
        after = backup(4, start_lsn="0/5000028", stop_lsn="0/5000120")

        assert plan((*CHAIN, after), self.HOLE, RecoveryTarget()).chain == (after,)

    def test_a_backup_whose_own_wal_is_missing_is_refused_and_an_older_one_taken(self) -> None:
        known = archive({1: [run("0/1000000", "0/3000000", 2500.0)]})

        with pytest.raises(RefusedError, match=f"{CHAIN[2].name} cannot become consistent"):
            plan(CHAIN, known, RecoveryTarget(kind="immediate"), CHAIN[2].name)
        assert plan(CHAIN, known, RecoveryTarget(kind="immediate")).backup == CHAIN[1]

    PROMOTED = archive(
        {1: [run("0/1000000", "0/6000000")], 2: [run("0/3000000", "0/9000000", 9000.0)]},
        {2: [(1, "0/3000400")]},
    )

    def test_the_newest_timeline_is_followed(self) -> None:
        assert plan(CHAIN, self.PROMOTED, RecoveryTarget()).timeline == 2

    def test_a_backup_taken_on_the_old_timeline_after_it_was_left_leads_only_along_the_old_one(self) -> None:
        stray = backup(4, start_lsn="0/5000028", stop_lsn="0/5000120")
        known = (*CHAIN, stray)

        assert plan(known, self.PROMOTED, RecoveryTarget()).backup == CHAIN[2]
        assert plan(known, self.PROMOTED, RecoveryTarget(), timeline=1).backup == stray
        with pytest.raises(RefusedError, match="from which none leads to timeline 2"):
            plan(known, self.PROMOTED, RecoveryTarget(), stray.name)

    def test_immediate_stays_on_the_backups_own_timeline(self) -> None:
        made = plan(CHAIN, self.PROMOTED, RecoveryTarget(kind="immediate"))

        assert made.timeline == 1
        assert written(made)["recovery_target_timeline"] == "current"

    def test_without_backups_it_says_so(self) -> None:
        with pytest.raises(RefusedError, match="there is no backup to restore from"):
            plan((), WHOLE, RecoveryTarget())

    def test_a_chain_with_a_missing_parent_is_refused_and_an_older_backup_taken(self) -> None:
        broken = (CHAIN[0], CHAIN[2])

        assert plan(broken, WHOLE, RecoveryTarget()).backup == CHAIN[0]
        with pytest.raises(RefusedError, match="builds on"):
            plan(broken, WHOLE, RecoveryTarget(), CHAIN[2].name)

    def test_what_cannot_be_known_beforehand_is_said(self) -> None:
        assert "cannot be known beforehand" in plan(CHAIN, WHOLE, check_target("12345")).notes[0]
        assert plan(CHAIN, WHOLE, RecoveryTarget()).notes == ()

    def test_the_plan_tells_chain_wal_and_room(self) -> None:
        told = "\n".join(plan(CHAIN, WHOLE, RecoveryTarget()).lines())

        for words in (CHAIN[0].name, CHAIN[2].name, "0/9000000 of timeline 1", "needs up to 6.0 GB"):
            assert words in told

    @given(st.data())
    def test_whatever_is_planned_is_covered_by_the_archive(self, data: st.DataObject) -> None:
        """Every segment from the backup's start to the target is there, and the backup ended before the target."""
        numbers = data.draw(st.sets(st.integers(1, 12), min_size=1))
        covered = read_archive(
            Listing(sorted(wal_key(SYSTEM, str(Segment(timeline=1, start=Lsn(n * SIZE), size=SIZE))) for n in numbers)),  # type: ignore[arg-type]
            SYSTEM,
            SIZE,
        )
        target = RecoveryTarget(kind="lsn", text="x", lsn=Lsn(data.draw(st.integers(0, 13 * SIZE))))
        try:
            made = plan(CHAIN, covered, target)
        except RefusedError:
            return
        assert target.lsn is not None
        assert Lsn.parse(made.backup.stop_lsn) <= target.lsn
        needed = range(Lsn.parse(made.backup.start_lsn) // SIZE, -(-target.lsn // SIZE))
        assert set(needed) <= numbers


CONTROLDATA = """pg_control version number:            1800
max_connections setting:              200
max_worker_processes setting:         8
max_wal_senders setting:              40
max_prepared_xacts setting:           0
max_locks_per_xact setting:           64
"""


def written(made: Plan, **changes: Any) -> dict[str, str]:
    return settings(made, Recovery(restore_command="fetch %f %p", **changes), CONTROLDATA)


class TestRecovery:
    def test_it_recovers_without_archiving_and_promotes_by_itself(self) -> None:
        found = written(plan(CHAIN, WHOLE, RecoveryTarget()))

        assert found["archive_mode"] == "off"
        assert found["recovery_target_action"] == "promote"
        assert found["recovery_target_timeline"] == "1"
        assert "recovery_target" not in found

    def test_what_must_not_be_smaller_than_on_the_primary_is_written(self) -> None:
        assert standby_minimums(CONTROLDATA) == {
            "max_connections": "200",
            "max_worker_processes": "8",
            "max_wal_senders": "40",
            "max_prepared_transactions": "0",
            "max_locks_per_transaction": "64",
        }
        assert "max_connections" not in written(plan(CHAIN, WHOLE, RecoveryTarget()), floor=False)

    def test_tablespaces_become_folders(self) -> None:
        with_one = (backup(0, tablespaces=((16384, "/srv/fast"),)),)

        assert written(plan(with_one, WHOLE, RecoveryTarget()))["allow_in_place_tablespaces"] == "on"

    def test_the_callers_parameters_win(self) -> None:
        assert written(plan(CHAIN, WHOLE, RecoveryTarget()), parameters={"archive_mode": "on"})["archive_mode"] == "on"

    def test_stale_parameters_go_and_others_stay(self) -> None:
        old = (
            "# Do not edit\nwork_mem = '64MB'\nprimary_conninfo = 'host=gone'\nRecovery_Target_Time = '2020-01-01'\n"
            "restore_command = 'old'\narchive_command = 'cp'\nsynchronous_standby_names = 'replica1'\n"
            "recovery_target_action = 'pause'\nmax_connections = '10'\n"
        )

        found = rewrite(old, {"restore_command": "it's \\ new", "max_connections": "200"})

        assert found.splitlines() == [
            "# Do not edit",
            "work_mem = '64MB'",
            "# From the restore:",
            r"restore_command = 'it''s \\ new'",
            "max_connections = '200'",
        ]

    def test_a_second_restore_leaves_nothing_of_the_first(self) -> None:
        once = rewrite("", {"restore_command": "a", "recovery_target_xid": "5"})

        assert "recovery_target_xid" not in rewrite(once, {"restore_command": "b"})


class TestDirectory:
    def test_a_finished_cluster_moves_in_with_its_control_file_last(self, tmp_path: Path) -> None:
        path = tmp_path / "new"
        with claim(path, 0) as claimed:
            claimed.settle(cluster(claimed.workshop / "0"))
            assert not (path / MARKER).exists()

        assert (path / "global" / "pg_control").read_text() == "control"
        assert path.stat().st_mode & 0o777 == 0o700

    def test_while_it_is_made_nothing_a_server_would_start_is_to_be_seen(self, tmp_path: Path) -> None:
        with claim(tmp_path / "new", 0) as claimed:
            cluster(claimed.workshop / "0")
            assert [entry.name for entry in (tmp_path / "new").iterdir()] == [MARKER]

    @pytest.mark.parametrize("name", ["PG_VERSION", "anything", "postmaster.pid"])
    def test_a_directory_that_is_not_empty_is_refused_and_kept(self, tmp_path: Path, name: str) -> None:
        (tmp_path / name).write_text("mine")

        with pytest.raises(RefusedError), claim(tmp_path, 0):
            pass

        assert (tmp_path / name).read_text() == "mine"
        assert not (tmp_path / MARKER).exists()

    def test_what_a_killed_restore_left_is_cleared(self, tmp_path: Path) -> None:
        cluster(tmp_path / MARKER / "0")
        (tmp_path / "base").mkdir()
        (tmp_path / "PG_VERSION").write_text("18")

        with claim(tmp_path, 0) as claimed:
            assert [entry.name for entry in tmp_path.iterdir()] == [MARKER]
            assert not list(claimed.workshop.iterdir())

    def test_a_cluster_beside_a_marker_is_never_cleared(self, tmp_path: Path) -> None:
        cluster(tmp_path)
        (tmp_path / MARKER).mkdir()

        with pytest.raises(RefusedError, match="is not empty"), claim(tmp_path, 0):
            pass

        assert (tmp_path / "global" / "pg_control").exists()

    def test_two_restores_into_one_directory_are_kept_apart(self, tmp_path: Path) -> None:
        refused = pytest.raises(RefusedError, match="another restore is at work")

        with claim(tmp_path, 0), refused, claim(tmp_path, 0):
            pass

    def test_too_small_a_disk_is_refused_before_anything_is_fetched(self, tmp_path: Path) -> None:
        with pytest.raises(MachineError, match="the restore may need 1048576"), claim(tmp_path / "new", 1 << 60):
            pass

        assert not (tmp_path / "new").exists()

    def test_a_mount_point_may_hold_lost_and_found(self, tmp_path: Path) -> None:
        (tmp_path / "lost+found").mkdir()

        with claim(tmp_path, 0) as claimed:
            claimed.settle(cluster(claimed.workshop / "0"))

        assert (tmp_path / "lost+found").exists()

    def test_a_parent_that_is_not_there_is_named(self, tmp_path: Path) -> None:
        with pytest.raises(MachineError, match="cannot be made"), claim(tmp_path / "a" / "b", 0):
            pass

    @pytest.mark.parametrize("step", range(12))
    def test_killed_at_any_rename_it_is_a_whole_cluster_or_known_to_be_none(self, tmp_path: Path, step: int) -> None:
        """The process dies at its nth rename or removal; then the next restore either refuses or makes it whole."""
        killed = subprocess.run([sys.executable, "-c", _KILLED, str(tmp_path), str(step)], check=False)

        whole = (tmp_path / "global" / "pg_control").exists()
        assert killed.returncode in (0, -signal.SIGKILL)
        if whole:
            assert (tmp_path / "PG_VERSION").exists()
            assert (tmp_path / "base" / "1").exists()
            with pytest.raises(RefusedError), claim(tmp_path, 0):
                pass
        else:
            with claim(tmp_path, 0) as claimed:
                claimed.settle(cluster(claimed.workshop / "0"))
            assert (tmp_path / "global" / "pg_control").exists()


_KILLED = """
import os, signal, sys
from pathlib import Path
from backup.restore.target_directory import claim
from tests.unit.backup.restore.test_restore import cluster
left = int(sys.argv[2])
def die(event, arguments):
    global left
    if event in ("os.rename", "os.rmdir", "shutil.rmtree"):
        left -= 1
        if left < 0:
            os.kill(os.getpid(), signal.SIGKILL)
with claim(Path(sys.argv[1]), 0) as claimed:
    made = cluster(claimed.workshop / "0")
    sys.addaudithook(die)
    claimed.settle(made)
"""


def cluster(path: Path) -> Path:
    """Something like a data directory."""
    for folder in ("global", "base"):
        (path / folder).mkdir(parents=True)
    (path / "PG_VERSION").write_text("18")
    (path / "base" / "1").write_text("data")
    (path / "global" / "pg_control").write_text("control")
    return path
