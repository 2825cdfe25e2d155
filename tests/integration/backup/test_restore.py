import os
import re
import resource
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import zstandard

from backup.layout import backup_key
from backup.restore import Recovery, RecoveryTarget, check_target, plan, restore
from backup.restore.pg_programs import PgPrograms
from backup.restore.target_directory import MARKER
from backup.store import DamagedError
from cluster.errors import MachineError, RefusedError
from cluster.waiting import wait_until
from tests.fix_images import image
from tests.fix_postgres import INSIDE, Server, box, configuration, standby
from tests.integration.backup.base_world import World, fill, hashes, wait_promoted, world

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def here(engine: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    tmp = tmp_path_factory.mktemp("restore")
    with box(tmp / "box", image()) as made:
        yield world(made, tmp, max_connections="150")


@pytest.fixture(scope="module")
def chain(here: World) -> World:
    """A full backup, two incremental ones on it, and changes after each."""
    fill(here.server, here.box.directory("aside"))
    here.take()
    here.server.sql("UPDATE large SET note = 'first' WHERE id % 50 = 0", "INSERT INTO ledger VALUES (1, 'a')")
    here.server.sql("DELETE FROM apart WHERE id > 15000", "VACUUM apart")
    here.take("incremental")
    here.server.sql("INSERT INTO ledger VALUES (2, 'b')", "CREATE TABLE late AS SELECT 1 AS one")
    here.take("incremental")
    here.server.sql("INSERT INTO ledger VALUES (3, 'c')")
    here.flush()
    return here


@dataclass(frozen=True)
class Moment:
    """After how many rows of the ledger, and every way to name it."""

    rows: int
    time: str
    lsn: str
    xid: str
    name: str


@pytest.fixture(scope="module")
def moments(chain: World) -> list[Moment]:
    """Rows that come one by one after the last backup, with what PostgreSQL says of each moment between."""
    found = []
    for number in range(100, 106):
        xid = chain.server.sql(
            f"INSERT INTO ledger VALUES ({number}, 'moment') RETURNING (pg_current_xact_id())::text AS xid"
        )[0]["xid"]
        chain.server.sql("SELECT pg_sleep(0.05)", f"SELECT pg_create_restore_point('point {number}')")
        time, lsn = chain.server.sql("SELECT now()::text AS time, pg_current_wal_insert_lsn()::text AS lsn")[0].values()
        found.append(Moment(chain.server.value("SELECT count(*) FROM ledger"), time, lsn, xid, f"point {number}"))
        chain.server.sql("SELECT pg_sleep(0.05)")
    chain.flush()
    return found


def rows(chain: World, target: RecoveryTarget, name: str = "") -> int:
    """Rows of the ledger after a restore to ``target``."""
    server = chain.revive(chain.restore(target, name))
    found = int(server.value("SELECT count(*) FROM ledger"))
    chain.stop(server)
    return found


def test_the_newest_moment_is_restored_from_a_chain_of_incremental_backups_with_a_tablespace(chain: World) -> None:
    restored = chain.restore(check_target("latest"))

    server = chain.revive(restored)

    assert hashes(server) == hashes(chain.server)
    assert server.value("SELECT count(*) FROM late") == 1
    where = server.value("SELECT pg_tablespace_location(oid) FROM pg_tablespace WHERE spcname = 'aside'")
    assert where.startswith("pg_tblspc/")
    assert server.value("SHOW archive_mode") == "off"
    assert server.value("SHOW max_connections") == "150"
    chain.stop(server)


@pytest.mark.parametrize("kind", ["time", "lsn", "xid", "name"])
def test_a_moment_is_restored_to_the_row(chain: World, moments: list[Moment], kind: str) -> None:
    moment = moments[{"time": 1, "lsn": 2, "xid": 3, "name": 4}[kind]]

    assert rows(chain, check_target(getattr(moment, kind), kind)) == moment.rows  # type: ignore[arg-type]


def test_immediate_stops_where_the_backup_became_consistent(chain: World, moments: list[Moment]) -> None:
    full, first, *_ = chain.catalog()

    assert rows(chain, check_target("immediate"), first.name) == 1
    assert rows(chain, check_target("immediate"), full.name) == 0


def test_it_can_wait_at_the_target_for_a_decision(chain: World, moments: list[Moment]) -> None:
    restored = chain.restore(check_target(moments[0].lsn), action="pause")
    server = chain.revive(restored)

    wait_until(
        lambda: "" if server.value("SELECT pg_get_wal_replay_pause_state()") == "paused" else "not paused",
        timeout=20,
        what="it did not pause",
        hint="",
    )
    assert server.value("SELECT count(*) FROM ledger") == moments[0].rows
    chain.stop(server)


def test_a_target_that_cannot_be_reached_is_refused_before_anything_is_touched(
    chain: World, moments: list[Moment]
) -> None:
    for target in ("2020-01-01T00:00:00Z", "2099-01-01T00:00:00Z", "0/28", "7F/0"):
        with pytest.raises(RefusedError):
            chain.restore(check_target(target), into="restored-never")

    assert not (chain.box.path / "restored-never").exists()


def test_a_damaged_backup_is_named_and_the_directory_given_back(chain: World, tmp_path: Path) -> None:
    planned = plan(chain.catalog(), chain.archive(), RecoveryTarget(), trusted_since=0)
    path = chain.store.root / backup_key(chain.system, planned.chain[1].name, "base.tar.zst")
    sound = path.read_bytes()
    path.write_bytes(sound[:5000] + bytes([sound[5000] ^ 1]) + sound[5001:])

    with pytest.raises(DamagedError, match=planned.chain[1].name):
        chain.restore(RecoveryTarget(), into="restored-damaged")

    path.write_bytes(sound)
    assert not (chain.box.path / "restored-damaged").exists()


def test_a_disk_that_takes_no_more_is_told_in_one_line_and_the_directory_given_back(chain: World) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, hard))
    try:
        with pytest.raises(MachineError, match=r"the restore cannot write below .*restored-full: File too large"):
            chain.restore(RecoveryTarget(), into="restored-full")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))

    assert not (chain.box.path / "restored-full").exists()


def test_a_program_that_is_missing_is_named_and_the_directory_given_back(chain: World, tmp_path: Path) -> None:
    planned = plan(chain.catalog(), chain.archive(), RecoveryTarget(), trusted_since=0)
    into = tmp_path / "into"
    into.mkdir()

    with pytest.raises(MachineError, match="pg_controldata cannot be run"):
        restore(planned, chain.store, into, Recovery(restore_command="x"), chain.told.append, PgPrograms(tmp_path))

    assert not list(into.iterdir())


@pytest.mark.parametrize("moment", ["-full-", "-incr-", "Moving"])
def test_a_restore_that_is_killed_leaves_no_cluster_and_can_be_done_again(chain: World, moment: str) -> None:
    into = chain.box.path / "restored-killed"
    argv = [sys.executable, "-m", "tests.integration.backup.base_restorer"]
    running = subprocess.Popen(
        [*argv, str(chain.store.root), str(into), str(chain.box.bin)], stdout=subprocess.PIPE, text=True, cwd=ROOT
    )
    assert running.stdout
    assert any(moment in line for line in running.stdout)
    os.kill(running.pid, signal.SIGKILL)
    running.wait()
    running.stdout.close()
    assert [entry.name for entry in into.iterdir()] == [MARKER] or not (into / "global" / "pg_control").exists()
    chain.box.run("chown", "-R", "999:999", str(into), user="0")
    with pytest.raises(AssertionError, match=r"not a valid data directory|could not find"):
        chain.box.run("sh", "-c", f"{INSIDE}/postgres -D {into} -c config_file=/dev/null")

    server = chain.revive(chain.restore_over(into))

    assert hashes(server) == hashes(chain.server)
    chain.stop(server)


def test_recovery_follows_a_promotion_and_immediate_does_not(here: World, tmp_path: Path) -> None:
    """The replica becomes primary and archives into the same place; what was written on either is there."""
    made = world(here.box, tmp_path, "old", 5482)
    made.server.sql("CREATE TABLE t (id int)", "INSERT INTO t VALUES (1)")
    before = made.take().backup
    replica = standby(made.server, "new", 5483)
    made.server.sql("INSERT INTO t VALUES (2)")
    made.server.stop()
    replica.sql("SELECT pg_promote()", "INSERT INTO t VALUES (3)")
    after = World(here.box, replica, made.store, made.spool, made.wal, {"new": replica.access})
    after.flush()

    latest, immediate = (values(made, after, check_target(text), before.name) for text in ("latest", "immediate"))

    replica.stop("immediate")
    assert latest == [1, 2, 3]
    assert immediate == [1]


def values(old: World, new: World, target: RecoveryTarget, name: str) -> list[int]:
    planned = plan(new.catalog(), new.archive(), target, name, trusted_since=0)
    assert planned.timeline == (2 if target.kind == "latest" else 1)
    directory = old.box.path / "restored-line"
    shutil.rmtree(directory, ignore_errors=True)
    server = old.revive(
        restore(planned, old.store, directory, old.recovery(), old.told.append, PgPrograms(old.box.bin))
    )
    found = [row["id"] for row in server.sql("SELECT id FROM t ORDER BY id")]
    old.stop(server)
    return found


def test_what_the_guide_says_restores_by_hand(chain: World) -> None:
    """The commands of docs/how-to/restore-by-hand.md as they stand there, with PostgreSQL's own tools alone."""
    settings, *commands = re.findall(r"```sh\n(.*?)```", (ROOT / "docs/how-to/restore-by-hand.md").read_text(), re.S)
    copied = chain.box.path / "restored-by-hand-store"
    shutil.copytree(chain.store.root / chain.system, copied)
    leave_only_pieces_of_the_last_segment(copied)
    given = {
        "STORE": str(copied),
        "CHAIN": " ".join(backup.name for backup in chain.catalog()[:3]),
        "WORK": str(chain.box.path / "restored-by-hand-work"),
        "TARGET": str(chain.box.path / "restored-by-hand"),
    }
    assert re.findall(r"^(\w+)=", settings, re.M) == list(given)
    chain.box.run("test", "-x", "/usr/bin/tar")
    subprocess.run(["docker", "cp", "/usr/bin/zstd", f"{chain.box.name}:/usr/local/bin/zstd"], check=True)

    environment = {**os.environ, **given, "PATH": f"{chain.box.bin}:{os.environ['PATH']}"}
    done = subprocess.run(
        ["sh", "-euc", "\n".join(commands)], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("backup successfully verified") == 4

    chain.box.run("sh", "-c", f"chown -R 999:999 {chain.box.path}/restored-by-hand*", user="0")
    server = Server(chain.box, "restored-by-hand", 5460)
    server.configure(**configuration(chain.box, 5460), max_connections="150")
    server.start()
    wait_promoted(server)
    assert hashes(server) == hashes(chain.server)
    chain.stop(server)


def leave_only_pieces_of_the_last_segment(store: Path) -> None:
    """As it is while the last segment is still being written."""
    last = max((store / "wal").glob("*/*.zst"))
    body = zstandard.decompress(last.read_bytes())
    end = len(body.rstrip(b"\0")) + 4096
    pieces = last.with_suffix(".tail")
    pieces.mkdir()
    for start, stop in ((0, 0x2000), (0x2000, end)):
        (pieces / f"{start:08X}-{stop:08X}.zst").write_bytes(zstandard.compress(body[start:stop]))
    last.unlink()
