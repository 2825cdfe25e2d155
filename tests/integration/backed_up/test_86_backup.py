"""Backups of a live cluster: proven by restoring them, whatever happened while they were made."""

import fcntl
import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from backup.trust import incremental_trusted, version_number
from cluster.postgres.data_directory import PGDATA
from cluster.waiting import wait_until
from compose.report.history import history_report
from tests import hostile
from tests.fix_backup import NEVER, QUIET, Diary, Kept, running_cluster, utc
from tests.fix_chaos import walk
from tests.fix_inv import Inv
from tests.fix_s3 import KEYS, self_signed
from tests.fix_stack import new_project, purge, write_env
from tests.fix_wait import wait_for_port
from tests.row_hashes import Hashes

BALANCES = "SELECT concat_ws(' ', count(*), sum(abalance), sum(aid::bigint * abalance)) AS x FROM pgbench_accounts"
TIMELINE = "SELECT timeline_id FROM pg_control_checkpoint()"


def test_the_first_backup_is_taken_by_itself_and_its_metrics_say_so(kept: Kept) -> None:
    (first,) = kept.backups()
    assert (first["kind"], first["store"]) == ("full", "local")
    taken = kept.ask("backup.now", "--type", "incremental")
    assert taken["kind"] == "incremental"
    newest = kept.backups()[-1]
    assert newest["parent"] == first["name"]
    trusted = incremental_trusted(version_number(newest["server_version"]))
    assert (not newest["untrusted"]) is trusted
    assert ("(!) not to be trusted: incremental" in kept.inv.ok("backup.list").out) is not trusted
    assert ("is passed over" in kept.inv.ok("backup.restore", "--plan").err) is not trusted
    kept.inv.ok("backup.verify", "--name", "all")
    drill = kept.ask("backup.drill")
    assert drill["ok"], drill
    values = _metrics(kept)
    since = time.time() - 300
    assert values['pods_backup_last_success_timestamp_seconds{storage="local",type="full"}'] > since
    assert values['pods_backup_kept{storage="local",type="incremental"}'] == 1
    assert values['pods_backup_last_verify_timestamp_seconds{storage="local"}'] > since
    assert values['pods_backup_untrusted{storage="local"}'] == int(not trusted)
    assert values["pods_backup_drill_success{}"] == 1
    assert values["pods_backup_drill_rto_seconds{}"] > 0
    assert values["pods_wal_archive_streaming{}"] == 1
    assert values['pods_wal_archive_failing{storage="local"}'] == 0
    assert values['pods_backup_missing_wal_segments{storage="local"}'] == 0


def test_a_drill_asks_what_its_owner_says_must_be_true(kept: Kept) -> None:
    questions = kept.home.user_config / "drill"
    (questions / "true.sql").write_text("SELECT count(*) > 0 FROM pg_class")
    (questions / "balanced.sql").write_text("SELECT relname FROM pg_class WHERE relname = 'pg_proc'")
    result = kept.inv("backup.drill")
    assert result.code == 3, result
    assert "✗ balanced.sql: 1 row, the first: relname=pg_proc" in result.out
    assert "true.sql" not in result.out
    assert _metrics(kept)["pods_backup_drill_success{}"] == 0
    (questions / "balanced.sql").unlink()
    assert "restored and recovered in" in kept.inv.ok("backup.drill").out


SEEN = r"""
for path in /run/secrets /run/tls /backups /etc/pods /etc/drill /var/lib/pods /run/docker.sock; do
    test ! -e $path || echo there is $path
done
tail -n +3 /proc/net/dev | cut -d: -f1 | while read name; do echo network $name; done
grep -h ^CapEff /proc/self/status | tr "\t" " "
cut -d" " -f2 /proc/self/mounts | grep -v "^/proc\|^/dev" |
    while read path; do test ! -w $path || echo writes $path; done
tr "\0" "\n" < /proc/self/environ | grep -i "secret\|password\|aws"
cat /proc/[0-9]*/cmdline 2>/dev/null | tr "\0" "\n" | grep "^serve$\|^drill$" | sort -u
(echo > /run/sandbox/mine) 2>/dev/null && echo writes where they meet
(echo > /etc/passwd) 2>/dev/null && echo writes its users
"""
"""A line for each thing that a program sees and might want."""
ELSEWHERE = "current_setting('data_directory') <> '/var/lib/postgresql/18/docker'"
SHOWS_WHAT_IT_SEES = f"""
        EXECUTE format('COPY (SELECT 1) TO PROGRAM %L', $program$exec > /tmp/seen 2>&1; {SEEN} true$program$);
        RAISE EXCEPTION 'SEEN %', replace(pg_read_file('/tmp/seen'), chr(10), '|')
"""
RUNS_AT_LOGIN = """
CREATE FUNCTION own() RETURNS event_trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN
    IF current_setting('data_directory') <> '/var/lib/postgresql/18/docker' THEN
        COPY (SELECT 1) TO PROGRAM 'touch ran';
    END IF;
END $$;
CREATE EVENT TRIGGER own ON login EXECUTE FUNCTION own(); ALTER EVENT TRIGGER own ENABLE ALWAYS
"""


def test_what_restored_data_runs_reaches_nothing(kept: Kept, tmp_path: Path) -> None:
    """Operators of an index run within amcheck, as the superuser: what they see is told in the drill's result."""
    own = hostile.index(where=ELSEWHERE, runs=SHOWS_WHAT_IT_SEES)
    kept.query(f"CREATE SCHEMA hostile; SET search_path = hostile; {own}")
    kept.query(RUNS_AT_LOGIN, database="postgres")
    kept.wait_archived()
    try:
        drill = json.loads(kept.inv("backup.drill", "--json").out)
        kept.inv.ok("backup.restore", "--into", str(tmp_path / "new"))
    finally:
        kept.query("DROP EVENT TRIGGER own; DROP FUNCTION own()", database="postgres")
        kept.query("DROP SCHEMA hostile CASCADE")
        kept.wait_archived()  # the next drill is of data that has it no more
    (told,) = (line for line in drill["problems"] if "SEEN" in line)
    seen = set(told.partition("SEEN ")[2].strip("|").split("|"))
    assert {"network lo", "CapEff: 0000000000000000", "writes /restore"} <= seen, told
    memory = {f"writes {path}" for path in ("/tmp", "/run/pods", "/run/postgresql", "/var/run/postgresql")}
    assert seen - memory == {"network lo", "CapEff: 0000000000000000", "writes /restore", "serve"}, told
    assert not list((tmp_path / "new").rglob("ran"))
    assert list((kept.home.data / "sandbox").iterdir()) == []


def test_a_sandbox_or_a_service_that_dies_fails_one_drill_and_no_other(kept: Kept) -> None:
    work = kept.home.data / "sandbox" / "data"
    for victim in ("sandbox", "backup"):
        held = kept.inv.start("backup.drill")
        wait_until(lambda: "" if work.exists() else "no", timeout=60, what="it did not begin", hint="", pause=0.02)
        os.kill(kept.main_pid(victim), signal.SIGKILL)
        assert held.wait(60) in (3, 4)
        wait_until(lambda: "its data" if work.exists() else "", timeout=20, what="there stays", hint="")
    wait_until(lambda: _streams(kept), timeout=60, what="it did not go on", hint="")
    assert kept.ask("backup.drill")["ok"]


def _metrics(kept: Kept) -> dict[str, float]:
    """Samples about backups, but for the label that all have."""
    address = f"http://127.0.0.1:{kept.stack.settings.exporter_port}/metrics"
    page = httpx.get(address, auth=kept.login("exporter"), trust_env=False, timeout=10).text
    found = re.findall(r"^(pods_(?:backup|wal_archive)_\w+)(?:\{(.*)\})? (\S+)", page, re.MULTILINE)
    values = {}
    for name, labels, value in found:
        ours = sorted(label for label in labels.split(",") if label and not label.startswith("cluster="))
        values[f"{name}{{{','.join(ours)}}}"] = float(value)
    return values


@pytest.mark.parametrize("number", walk(range(2), sample=(0,)))
def test_any_moment_of_a_busy_cluster_comes_back_row_for_row(kept: Kept, tmp_path: Path, number: int) -> None:
    """In CI a time, a place in the WAL and a transaction; a name and the end have tests of their own there."""
    every = number == 1
    diary = Diary(kept)
    with diary.writing():
        kept.ask("backup.now", "--type", "full")
        time.sleep(1)
        moments = sorted(random.uniform(0.2, 3) for _ in range(1 + every))
        began = time.time()
        for moment in moments:
            time.sleep(max(0.0, began + moment - time.time()))
            assert diary.entries
        marked = _between(kept, "SELECT pg_create_restore_point('before the mistake')::text AS x")
        time.sleep(0.2)
        placed = _between(kept, "SELECT pg_current_wal_flush_lsn()::text AS x")
        lsn = placed[1]
        time.sleep(0.2)
        xid = kept.query("INSERT INTO diary VALUES (-1, 'x') RETURNING pg_current_xact_id()::text AS x")[0]["x"]
        time.sleep(0.5)
    kept.wait_archived()
    for moment in moments:
        with kept.restored(tmp_path / f"time{moment}", "--to-time", utc(began + moment)) as server:
            diary.check(server.rows(diary.sql), began + moment)
    targets = [(["--to-lsn", lsn], placed), *([(["--to-name", "before the mistake"], marked)] if every else [])]
    for target, (since, _, until) in targets:
        with kept.restored(tmp_path / target[0], *target) as server:
            diary.check(server.rows(diary.sql), since, until)
    with kept.restored(tmp_path / "xid", "--to-xid", xid) as server:
        assert server.rows("SELECT text FROM diary WHERE number = -1") == ["x"]
    kept.query("DROP TABLE diary")


def test_a_moment_just_now_is_archived_first_and_then_restored_to(kept: Kept, tmp_path: Path) -> None:
    kept.query("CREATE TABLE just AS SELECT 1 AS now")
    moment = time.time()
    time.sleep(0.1)
    kept.query("SELECT pg_current_xact_id()")  # a host so slow that the next tail is archived by now is none the worse
    with kept.restored(tmp_path / "now", "--to-time", utc(moment)) as server:
        assert server.rows("SELECT now FROM just") == ["1"]
    kept.query("DROP TABLE just")


def _between(kept: Kept, sql: str) -> tuple[float, str, float]:
    """When it was asked, the answer, when it came."""
    began = time.time()
    answer = kept.query(sql)[0]["x"]
    return began, answer, time.time()


def test_the_original_verbs_take_list_and_restore(kept: Kept, tmp_path: Path) -> None:
    kept.inv.ok("backup")
    name = kept.backups()[-1]["name"]
    assert name in kept.inv.ok("backup-list").out
    kept.inv.ok("restore", name, "--to-immediate", "--into", str(tmp_path / "new"))
    assert (tmp_path / "new" / PGDATA / "PG_VERSION").exists()


Command = tuple[int, list[str]]
REFUSED: list[Command] = [
    (3, ["backup.show", "--name", "nonsense"]),
    (3, ["backup.delete", "--name", "20200101T000000Z-full-000000", "--yes"]),
    (1, ["backup.restore", "--plan", "--to-time", "tomorrow"]),
    (3, ["backup.restore", "--plan", "--timeline", "99"]),
    (3, ["backup.restore", "--in-place", "--yes", "--to-time", "2020-01-01T00:00:00Z"]),
    (3, ["backup.restore", "--in-place", "--yes", "--to-lsn", "FFFF/0"]),
    (3, ["backup.restore", "--into", "{home}"]),
    (3, ["backup.restore", "--in-place"]),
]
REFUSED_TOO: list[Command] = [
    (1, ["backup.now", "--type", "differential"]),
    (3, ["backup.show", "--name=--help"]),
    (3, ["backup.hold", "--name", "20200101T000000Z-full-000000"]),
    (3, ["backup.verify", "--name", "20200101T000000Z-full-000000"]),
    (3, ["backup.drill", "--store", "tape"]),
    (1, ["backup.restore"]),
    (1, ["backup.restore", "--in-place", "--into", "{home}/new"]),
    (1, ["backup.restore", "--plan", "--to-time", "2026-11-22 10:00:00"]),
    (1, ["backup.restore", "--plan", "--to-lsn", "zero"]),
    (1, ["backup.restore", "--plan", "--to-lsn", "0/3000000", "--to-xid", "800"]),
    (1, ["backup.restore", "--plan", "--timeline", "two"]),
    (3, ["backup.restore", "--into", "{home}/no/such/parent"]),
    (3, ["backup.restore", "--plan", "--store", "s3"]),
]


def _check_refused(kept: Kept, commands: list[Command]) -> None:
    before = _state(kept)
    for code, arguments in commands:
        result = kept.inv(*(part.format(home=kept.home.path) for part in arguments))
        assert result.code == code, f"{arguments}: {result}"
        told = re.findall(r"^✗ (?!Looking|Reading|Taking|Holding|Deleting|Verifying)", result.err, re.MULTILINE)
        assert len(told) == 1, f"{arguments}: {result}"
        assert "Traceback" not in result.err
        assert _state(kept) == before, arguments
    assert not (kept.home.path / "new").exists()


def test_what_cannot_be_done_is_refused_in_one_line_and_changes_nothing(kept: Kept) -> None:
    _check_refused(kept, REFUSED)


@pytest.mark.chaos
@pytest.mark.walk
def test_nor_does_what_is_refused_besides(kept: Kept) -> None:
    _check_refused(kept, REFUSED_TOO)


def _state(kept: Kept) -> tuple[object, ...]:
    started = {name: found.id + str(found.started) for name, found in kept.stack.containers().items()}
    return started, sorted((kept.store / "backups").iterdir()), sorted(kept.home.data.iterdir())


def test_two_backups_at_once_are_one_too_many(kept: Kept) -> None:
    with (kept.home.data / "backup" / "spool" / "base-backup.lock").open("r+") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        result = kept.inv("backup.now")
    assert result.code == 3, result
    assert "another base backup is running" in result.err


@pytest.mark.chaos
def test_a_flipped_byte_and_a_deleted_segment_are_found_and_named(kept: Kept) -> None:
    name = kept.ask("backup.now", "--type", "full")["name"]
    victim = kept.store / "backups" / name / "base.tar.zst"
    with _altered(victim, _flipped):
        result = kept.inv("backup.verify", "--name", "all")
        assert result.code == 3, result
        assert f"damaged: {name}" in result.err
        assert "DAMAGED" in kept.inv.ok("backup.list").out
        assert _metrics(kept)['pods_backup_damaged{storage="local"}'] == 1
        refused = kept.inv("backup.restore", "--name", name, "--into", str(kept.home.path / "damaged"))
        assert refused.code in (3, 4), refused
        assert f"{name} is damaged" in refused.err
        assert not (kept.home.path / "damaged").exists()
        planned = kept.inv.ok("backup.restore", "--plan").err
        assert f"passed over: backup {name} is damaged" in planned
        assert f"full backup {name}" not in planned
        assert kept.inv("backup.restore", "--in-place", "--yes", "--name", name).code == 3
        assert kept.stack.containers()["primary"].status == "running"
    kept.inv.ok("backup.verify", "--name", name)
    kept.query("SELECT pg_switch_wal()")
    kept.query("CHECKPOINT")
    kept.wait_archived()
    segment = sorted(kept.store.glob("wal/*/*.zst"))[-1]
    with _altered(segment, lambda _: None):
        assert kept.missing() == [segment.stem]
        assert segment.stem in kept.inv.ok("backup.windows").out
        kept.inv.ok("backup.hold", "--name", name)  # looks through the stores anew
        assert _metrics(kept)['pods_backup_missing_wal_segments{storage="local"}'] == 1
    kept.inv.ok("backup.release", "--name", name)
    with _altered(segment, _flipped):
        to_end = kept.inv("backup.restore", "--name", name, "--into", str(kept.home.path / "damaged"))
        assert (to_end.code, f"WAL that recovery needs: {segment.stem}: " in to_end.err) == (4, True), to_end
        assert "command not executable" not in to_end.err
        result = kept.inv("backup.verify", "--name", name, "--wal")
        assert (result.code, f"segment {segment.stem} is damaged: " in result.out) == (3, True), result
        refused = kept.inv("backup.restore", "--in-place", "--yes", "--name", name)
        assert (refused.code, f"segment {segment.stem} of the archive is damaged" in refused.err) == (3, True), refused
        # no backup leads to the present any more, so the service takes another by itself
        wait_until(lambda: "" if kept.backups()[-1]["name"] != name else "none", timeout=120, what="no backup", hint="")
    kept.inv.ok("backup.verify", "--name", name, "--wal")


@pytest.mark.chaos
def test_a_target_between_two_backups_and_one_that_never_was(kept: Kept, tmp_path: Path) -> None:
    """What the archive's own WAL says, read without PostgreSQL, is where PostgreSQL stops."""
    kept.query("CREATE TABLE ledger (entry int)")
    kept.query("INSERT INTO ledger VALUES (1)")
    kept.query("SELECT pg_create_restore_point('between two')")
    kept.query("INSERT INTO ledger VALUES (2)")
    (last,) = kept.query("INSERT INTO ledger VALUES (3) RETURNING pg_current_xact_id()::text AS xid")
    kept.query("INSERT INTO ledger VALUES (4)")
    newest = kept.ask("backup.now", "--type", "full")["name"]
    with kept.restored(tmp_path / "point", "--to-name", "between two") as restored:
        assert restored.rows("SELECT entry FROM ledger ORDER BY 1") == ["1"]
    assert newest not in kept.inv.ok("backup.restore", "--plan", "--to-xid", last["xid"]).err
    with kept.restored(tmp_path / "xid", "--to-xid", last["xid"]) as restored:
        assert restored.rows("SELECT entry FROM ledger ORDER BY 1") == ["1", "2", "3"]
    kept.query("DROP TABLE ledger")
    never = kept.inv("backup.restore", "--plan", "--to-name", "never")
    assert (never.code, "there is no name never in the archive" in never.err) == (3, True), never


@contextmanager
def _altered(path: Path, change: "object") -> Iterator[None]:
    """A file changed by ``change(bytes)``, gone where that gives None, and put back at the end."""
    content, stat = path.read_bytes(), path.stat()
    path.unlink()
    changed = change(content)  # type: ignore[operator]
    if changed is not None:
        path.write_bytes(changed)
        os.chown(path, stat.st_uid, stat.st_gid)
    try:
        yield
    finally:
        path.unlink(missing_ok=True)
        path.write_bytes(content)
        os.chown(path, stat.st_uid, stat.st_gid)
        os.utime(path, (stat.st_atime, stat.st_mtime))


def _flipped(content: bytes) -> bytes:
    middle = len(content) // 2
    return content[:middle] + bytes([content[middle] ^ 0x10]) + content[middle + 1 :]


def test_prune_does_what_its_dry_run_explains_and_a_held_backup_stays(kept: Kept, tmp_path: Path) -> None:
    goes = kept.backups()[0]["name"]
    held = kept.ask("backup.now", "--type", "full")["name"]
    stays = kept.ask("backup.now", "--type", "full")["name"]
    kept.inv.ok("backup.hold", "--name", held, "--why", "before the audit")
    kept.set(BACKUP_RETENTION_DAYS="0", BACKUP_RETENTION_COUNT="1")
    before = {row["name"] for row in kept.backups()}
    dry = kept.inv.ok("backup.prune", "--dry-run").out
    assert {row["name"] for row in kept.backups()} == before
    doomed = set(re.findall(r"delete (\S+-\w+-\w+):", dry))
    assert goes in doomed
    assert {held, stays} & doomed == set()
    assert f"keep   {held}: it is held" in dry
    assert _decisions(kept.inv.ok("backup.prune").out) == _decisions(dry)
    rows = {row["name"]: row for row in kept.backups()}
    assert set(rows) == before - doomed
    assert rows[held]["hold"] == "before the audit"
    with kept.restored(tmp_path / "held", "--name", held, "--to-immediate") as server:
        assert server.rows("SELECT 1") == ["1"]
    kept.inv.ok("backup.release", "--name", held)
    kept.inv.ok("backup.delete", "--name", held, "--yes")
    assert held not in {row["name"] for row in kept.backups()}
    kept.set(BACKUP_RETENTION_DAYS="", BACKUP_RETENTION_COUNT="")


def _decisions(out: str) -> str:
    """Without how much WAL there is in all, which the archiver adds to meanwhile."""
    return re.sub(r" of \d+ \(.*\)$", "", out, flags=re.MULTILINE)


@pytest.mark.parametrize("kills", walk([1, 3], sample=(1,)))
def test_a_killed_service_leaves_no_hole_under_load(kept: Kept, tmp_path: Path, kills: int) -> None:
    primary = "host=primary user=postgres dbname=appdb"
    kept.client("pgbench", "--initialize", "--scale=2", "--quiet", primary)
    run = kept.stack.compose.argv("--profile", "tools", "run", "--rm", "--no-deps", "-T", "--entrypoint", "pgbench")
    load = subprocess.Popen(
        [*run, "psql", "--client=4", f"--time={2 + 4 * kills}", primary],
        env=os.environ | kept.stack.compose.environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    for _ in range(kills):
        time.sleep(random.uniform(1, 3))
        os.kill(kept.main_pid("backup"), signal.SIGKILL)
        wait_until(lambda: _streams(kept), timeout=60, what="it did not go on", hint="")
    assert load.wait(60) == 0
    kept.wait_archived()
    assert kept.missing() == []
    expected = [kept.query(BALANCES)[0]["x"]]
    with kept.restored(tmp_path / "new") as server:
        assert server.rows(BALANCES) == expected
        server.rows("CREATE TABLE t AS SELECT 1")  # it is a cluster of its own that takes writes


def _streams(kept: Kept) -> str:
    state = kept.archive()
    return "" if state.streaming and time.time() - state.updated < 3 else state.error or "it does not stream"


def test_a_primary_killed_during_a_backup_spoils_no_other(kept: Kept) -> None:
    kept.set(BACKUP_RATE="4096")
    before = {row["name"] for row in kept.backups()}
    taking = kept.inv.start("backup.now", "--type", "full")
    time.sleep(3)
    os.kill(kept.main_pid("primary"), signal.SIGKILL)
    code = taking.wait(180)
    kept.set(BACKUP_RATE="")
    rows = kept.backups()
    assert (code == 0) == bool({row["name"] for row in rows} - before)
    kept.inv.ok("backup.now", "--type", "full", timeout=180)
    kept.inv.ok("backup.verify", "--name", "latest")


def test_restore_in_place_and_then_once_more_from_what_came_of_it(kept: Kept) -> None:
    """A restore of a restored cluster; old data is kept, replicas follow, the archive goes on without a hole."""
    kept.query("CREATE TABLE story (chapter int)")
    first = _chapter(kept, 1)
    _chapter(kept, 2)
    kept.wait_archived()
    name = kept.stack.topology.project
    assert kept.inv("backup.restore", "--in-place", "--to-time", utc(first), stdin="no\n").code == 3
    assert _story(kept) == [1, 2]
    done = kept.inv.ok("backup.restore", "--in-place", "--to-time", utc(first), "--yes")
    assert _story(kept) == [1]
    assert kept.same_everywhere()["public.story"][0] == 1
    kept_aside = sorted(path.name.partition("-")[0] for path in kept.home.aside.iterdir())
    assert kept_aside == ["primary", "replica1"]
    assert str(kept.home.aside) in done.out
    assert kept.archive().timeline == 2
    third = _chapter(kept, 3)
    _chapter(kept, 4)
    kept.wait_archived()
    kept.inv.ok("backup.restore", "--in-place", "--to-time", utc(third), "--yes")
    assert _story(kept) == [1, 3]
    assert kept.archive().timeline == 3
    noted = history_report(kept.stack).changes
    assert [(change.event, change.timeline) for change in noted[-2:]] == [("restore", 2), ("restore", 3)]
    assert name == kept.stack.topology.project
    taken = kept.ask("backup.now", "--type", "incremental")
    assert taken["kind"] == "full", "an incremental backup cannot build on another timeline's"
    # the way that was left can still be gone
    plan = kept.inv.ok("backup.restore", "--plan", "--timeline", "1", "--name", kept.backups()[0]["name"])
    assert "on timeline 1" in plan.err


def _chapter(kept: Kept, number: int) -> float:
    """Write one; a moment after it and before anything else."""
    kept.query(f"INSERT INTO story VALUES ({number})")
    time.sleep(0.3)
    moment = time.time()
    time.sleep(0.3)
    kept.query("SELECT pg_current_xact_id()")  # something is committed after that moment
    return moment


def _story(kept: Kept) -> list[int]:
    return [row["chapter"] for row in kept.query("SELECT chapter FROM story ORDER BY chapter")]


def test_a_restore_in_place_killed_while_it_restores_leaves_the_old_cluster(kept: Kept) -> None:
    before = kept.hashes("primary")
    restoring = kept.inv.start("backup.restore", "--in-place", "--yes")
    wait_until(
        lambda: "" if list((kept.home.data / ".restored").glob("18/docker/*")) else "not yet",
        timeout=60,
        what="it did not begin",
        hint="",
        pause=0.02,
    )
    os.killpg(restoring.pid, signal.SIGKILL)
    restoring.wait(10)
    kept.inv.ok("up")
    assert kept.hashes("primary") == before


@pytest.mark.parametrize("boundary", walk([4, 5, 6], sample=(5,)))
def test_a_restore_in_place_killed_at_any_step_is_one_command_from_health(kept: Kept, boundary: int) -> None:
    kept.query("CREATE TABLE IF NOT EXISTS steps (n int)")
    kept.query(f"INSERT INTO steps VALUES ({boundary})")
    rows = kept.query("SELECT count(*) AS n FROM steps")[0]["n"]
    again = ("backup.restore", "--in-place", "--yes")
    assert kept.inv.interrupted("KILL", boundary, *again).code == -signal.SIGKILL
    up = kept.inv("up")
    if boundary == 5:  # nothing is where the primary's data was: never is an empty cluster made there
        assert up.code == 3, up
        assert "gone" in up.err
        kept.inv.ok(*again)
    else:
        assert up.code == 0, up
    assert kept.query("SELECT count(*) AS n FROM steps")[0]["n"] == rows
    assert kept.same_everywhere()
    if boundary > 4:
        assert not (kept.home.data / ".restored").exists()


def test_an_interrupted_restore_in_place_takes_everything_back(kept: Kept) -> None:
    timeline = kept.query(TIMELINE)
    aside = sorted(kept.home.aside.iterdir()) if kept.home.aside.exists() else []
    result = kept.inv.interrupted("INT", 5, "backup.restore", "--in-place", "--yes")
    assert result.err.count("↩ taken back") == 3, result
    kept.inv.ok("up")
    assert (sorted(kept.home.aside.iterdir()) if kept.home.aside.exists() else []) == aside
    assert not (kept.home.data / ".restored").exists()
    assert kept.query(TIMELINE) == timeline


@pytest.mark.chaos
@pytest.mark.walk
def test_a_cluster_comes_back_on_an_empty_host_from_the_store_alone(kept: Kept, tmp_path: Path) -> None:
    """With replicas. In CI it has none, and its backups are sealed: the last test of this file."""
    _remember(kept)
    expected = kept.hashes("primary")
    (tmp_path / "data").mkdir()
    subprocess.run(["cp", "-a", str(kept.home.data / "backups"), str(tmp_path / "data" / "backups")], check=True)
    write_env(tmp_path, f"{kept.stack.topology.project}-b", PODS_REPLICAS="1", **QUIET | {"PODS_MONITORING": "off"})
    other = Kept(Inv(tmp_path))
    try:
        assert "the archive leads to" in other.inv.ok("backup.restore", "--plan", timeout=600).err
        assert not (tmp_path / "data" / "primary" / "18").exists()
        other.inv.ok("backup.restore", "--in-place", timeout=600)
        assert other.hashes("primary") == expected
        _is_back(other, kept)
    finally:
        purge(other.inv)


def _remember(cluster: Kept) -> None:
    """A row of the application's, in the archive."""
    cluster.query("CREATE TABLE IF NOT EXISTS mine (n int)")
    cluster.query("ALTER TABLE mine OWNER TO app")
    cluster.query("INSERT INTO mine VALUES (1)")
    cluster.wait_archived()


def _is_back(other: Kept, cluster: Kept) -> None:
    """It is ``cluster``, whole, and its clients get in."""
    assert other.query("SELECT n FROM mine", "pgbouncer", "app", "appdb_write") == [{"n": 1}]
    other.same_everywhere()
    assert other.stack.topology.system_identifier == cluster.stack.topology.system_identifier
    assert other.missing() == []
    assert other.inv("status").code == 0


@contextmanager
def _s3_server(kept: Kept, tmp_path: Path) -> Iterator[tuple[str, Path, "subprocess.Popen[bytes]"]]:
    """Endpoint of a server on the gateway of the cluster's network, whom its certificate trusts, and its process."""
    network = next(iter(json.loads(kept.docker("inspect", kept.container("backup")))[0]["NetworkSettings"]["Networks"]))
    gateway = json.loads(kept.docker("network", "inspect", network))[0]["IPAM"]["Config"][0]["Gateway"]
    program = [str(Path(sys.executable).with_name("moto_server")), "-H", gateway, "-p", "5577"]
    key, certificate = self_signed(tmp_path, gateway)
    program += ["--ssl-cert", str(certificate), "--ssl-key", str(key)]
    server = subprocess.Popen(program, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        wait_for_port(gateway, 5577, lambda: server.poll() is None)
        yield f"https://{gateway}:5577", certificate, server
    finally:
        server.send_signal(signal.SIGCONT)
        server.terminate()
        server.wait(10)


@pytest.mark.chaos
def test_a_bucket_beside_the_directory_takes_everything_and_catches_up(kept: Kept, tmp_path: Path) -> None:
    with _s3_server(kept, tmp_path) as (endpoint, ca, server), _two_stores(kept, endpoint, ca):
        # a store that is new gets a full backup, which nobody has to ask for
        wait_until(lambda: "" if _stores(kept) == {"local", "s3"} else "no", timeout=90, what="none came", hint="")
        taken = kept.ask("backup.now", "--type", "incremental")
        assert (taken["kind"], taken["stores"]) == ("incremental", ["local", "s3"]), taken
        server.send_signal(signal.SIGSTOP)
        kept.query("CREATE TABLE away AS SELECT generate_series(1, 1000) AS n")
        kept.query("SELECT pg_switch_wal()")
        wait_until(lambda: "" if _lacks(kept, "s3") else "no", timeout=30, what="nothing waits for s3", hint="")
        wait_until(lambda: "" if not _lacks(kept, "local") else "yes", timeout=30, what="local waits for s3", hint="")
        server.send_signal(signal.SIGCONT)
        kept.wait_archived(120)
        with kept.restored(tmp_path / "new", "--store", "s3") as restored:
            assert restored.rows("SELECT count(*) FROM away") == ["1000"]
        kept.query("DROP TABLE away")


@contextmanager
def _two_stores(kept: Kept, endpoint: str, ca: Path) -> Iterator[None]:
    from backup.store.s3_client import Bucket, open_client

    bucket = Bucket(name="pods", endpoint=endpoint, ca=str(ca), **KEYS)  # type: ignore[arg-type]
    open_client(bucket).create_bucket(Bucket="pods")
    keys = {"AWS_ACCESS_KEY_ID": KEYS["access_key"], "AWS_SECRET_ACCESS_KEY": KEYS["secret_key"]}
    asked = {"AWS_S3_BUCKET": "pods", "AWS_ENDPOINT_URL": endpoint, "BACKUP_STORES": "local,s3", **keys}
    asked |= {"AWS_CA_BUNDLE": str(ca)}
    kept.set(**asked)
    try:
        yield
    finally:
        kept.set(**dict.fromkeys(asked, ""))


def _stores(kept: Kept) -> set[str]:
    """The stores that have the newest backup."""
    rows = kept.backups()
    return {row["store"] for row in rows if row["name"] == max(each["name"] for each in rows)}


def _lacks(kept: Kept, store: str) -> bool:
    """Whether a whole segment waits for a store."""
    return next(one for one in kept.archive().stores if one.name == store).waiting > 0


def test_sealed_backups_show_nothing_and_open_with_their_key_alone(tmp_path: Path, built: None) -> None:
    home, project = tmp_path / "home", new_project("sealed")
    home.mkdir()
    sealed = QUIET | NEVER | {"PODS_MONITORING": "off", "BACKUP_ENCRYPTION": "on", "PODS_REPLICAS": "0"}
    with running_cluster(home, project, **sealed) as cluster:
        cluster.wait_first_backup()
        cluster.query("CREATE TABLE confidential AS SELECT 'nobody reads this' AS text")
        _remember(cluster)
        expected = cluster.hashes("primary")
        clear = [b"\x28\xb5\x2f\xfd", b"nobody reads", b"ustar", b"system_identifier", b"PostgreSQL-Backup-Manifest"]
        objects = [path for path in cluster.store.rglob("*") if path.is_file()]
        assert len(objects) > 3
        for path in objects:
            content = path.read_bytes()
            assert [word for word in clear if word in content] == [], path
        with cluster.restored(tmp_path / "new") as server:
            assert server.rows("SELECT text FROM confidential") == ["nobody reads this"]
        shutil.move(home / "secrets" / "backup_key", tmp_path / "kept_key")
        refused = cluster.inv("up")
        assert refused.code == 3, refused
        assert "backup_key" in refused.err
        shutil.move(tmp_path / "kept_key", home / "secrets" / "backup_key")
        assert _with_another_key_and_then_with_its_own(cluster, tmp_path) == expected


def _with_another_key_and_then_with_its_own(cluster: Kept, tmp_path: Path) -> Hashes:
    """A new host whose key was made anew cannot read the store, says so, and makes no cluster; with the key it does."""
    other = tmp_path / "other"
    (other / "data").mkdir(parents=True)
    subprocess.run(["cp", "-a", str(cluster.home.data / "backups"), str(other / "data" / "backups")], check=True)
    settings = QUIET | {"PODS_MONITORING": "off", "BACKUP_ENCRYPTION": "on", "PODS_REPLICAS": "0"}
    write_env(other, f"{cluster.stack.topology.project}-b", **settings)
    inv = Inv(other)
    try:
        result = inv("backup.restore", "--in-place", timeout=600)
        assert result.code in (3, 4), result
        assert "key" in result.err
        assert not (other / "data" / "primary" / "18").exists()
        (other / "secrets").mkdir(mode=0o700, exist_ok=True)  # as docs/how-to/disaster-recovery.md says
        shutil.copy2(cluster.home.secrets / "backup_key", other / "secrets" / "backup_key")
        assert "the archive leads to" in inv.ok("backup.restore", "--plan", timeout=600).err
        inv.ok("backup.restore", "--in-place", timeout=600)
        _is_back(Kept(inv), cluster)
        return Kept(inv).hashes("primary")
    finally:
        purge(inv)
