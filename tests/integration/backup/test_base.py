import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import pytest

from backup.base import take
from backup.base.take import BackupOptions
from backup.layout import MANIFEST, backups_prefix
from backup.store import StoreError
from backup.store.local import LocalStore
from backup.verify import verify
from cluster.errors import MachineError, PodsError, RefusedError, TimedOutError
from cluster.postgres.failures import ServerError
from cluster.waiting import wait_until
from tests.fix_images import image
from tests.fix_postgres import Server, box, standby
from tests.integration.backup.base_world import World, fill, world

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def here(engine: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    tmp = tmp_path_factory.mktemp("base")
    with box(tmp / "box", image()) as made:
        found = world(made, tmp)
        fill(found.server, made.directory("aside"))
        yield found


@pytest.fixture
def other(here: World, tmp_path: Path) -> Iterator[World]:
    """A cluster of the test's own."""
    made = world(here.box, tmp_path, f"own{len(list(here.box.path.iterdir()))}", 5480)
    made.server.sql("CREATE TABLE t AS SELECT n AS id, md5(n::text) AS note FROM generate_series(1, 50000) n")
    yield made
    made.server.stop("immediate")


@pytest.fixture
def replica(other: World) -> Iterator[Server]:
    made = standby(other.server, f"{other.server.name}b", 5481)
    other.nodes[made.name] = made.access
    yield made
    made.stop("immediate")


def objects(here: World) -> set[str]:
    """Everything of backups in the store."""
    return {stored.key for stored in here.store.list(backups_prefix(here.system))}


def spawn(here: World, *, rate: int, archived: bool) -> "subprocess.Popen[str]":
    access = asdict(here.server.access) | {"ca": str(here.server.access.ca)}
    given = {
        "access": access,
        "store": str(here.store.root),
        "spool": str(here.spool),
        "rate": rate,
        "archived": archived,
    }
    argv = [sys.executable, "-m", "tests.integration.backup.base_taker", json.dumps(given)]
    return subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd=ROOT)


def kill_at(process: "subprocess.Popen[str]", words: str) -> None:
    assert process.stdout
    for line in process.stdout:
        if words in line:
            break
    else:
        raise AssertionError(f"it never said {words!r}")
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    process.stdout.close()


def test_a_full_backup_holds_every_byte_of_every_tablespace_and_is_listed_with_its_wal(here: World) -> None:
    taken = here.take()

    (listed,) = [backup for backup in here.catalog() if backup.name == taken.backup.name]
    assert listed == taken.backup
    assert listed.kind == "full"
    assert {file.name for file in listed.files} == {
        "base.tar.zst",
        f"{listed.tablespaces[0][0]}.tar.zst",
        MANIFEST,
    }
    assert listed.tablespaces[0][1] == str(here.box.path / "aside")
    assert listed.checksums
    assert listed.wal_segment_size == 16 << 20
    assert all((here.wal / segment).exists() for segment in listed.segments)
    assert verify(here.store, listed, here.told.append).ok


def test_an_incremental_backup_holds_only_what_changed(here: World) -> None:
    full = here.take().backup
    here.server.sql("UPDATE large SET note = 'x' WHERE id = 7")

    taken = here.take("incremental")

    assert taken.backup.parent == full.name
    assert taken.backup.data_bytes < full.data_bytes / 2
    assert verify(here.store, taken.backup, here.told.append).ok


def test_plain_tar_can_be_asked_for(here: World) -> None:
    taken = here.take(codec="none")

    assert {file.name.split(".", 1)[-1] for file in taken.backup.files} == {"tar", MANIFEST}
    assert verify(here.store, taken.backup, here.told.append).ok


def test_progress_tells_share_and_rate(here: World) -> None:
    here.told.clear()

    here.take(rate=20_000)

    assert any("%" in line and "/s" in line for line in here.told), here.told


def test_a_replica_that_keeps_up_is_asked_rather_than_the_primary(other: World, replica: Server) -> None:
    taken = other.take()

    assert taken.backup.node == replica.name
    assert all((other.wal / segment).exists() for segment in taken.backup.segments)


def test_a_primary_that_is_away_at_the_end_of_a_replicas_backup_is_asked_again(other: World, replica: Server) -> None:
    """Nobody else ends the segment of an idle cluster, and the backup would wait for it for ever."""
    asked: list[int] = []
    other.server.sql("INSERT INTO t VALUES (0, '')", "CHECKPOINT")
    written = other.server.value("SELECT pg_current_wal_lsn()::text")
    behind = f"SELECT pg_last_wal_replay_lsn() < '{written}'"
    wait_until(lambda: "behind" if replica.value(behind) else "", timeout=30, what="replay", hint="")

    def switch() -> None:
        asked.append(len(asked))
        if len(asked) < 3:
            raise MachineError("primary does not answer", "")
        other.switch()

    taken = take(other.site(switch_wal=switch), BackupOptions(kind="full", wal_timeout=30))

    assert taken.backup.node == replica.name
    assert asked == [0, 1, 2]


def test_an_incremental_backup_that_a_replica_cannot_give_is_taken_from_the_primary(
    other: World, replica: Server
) -> None:
    """Nothing was written since the full one, so the replica has no newer restart point (research, trap 24)."""
    full = other.take().backup
    wait_until(
        lambda: "" if other.server.value("SELECT count(*) FROM pg_available_wal_summaries()") else "none",
        timeout=30,
        what="summaries",
        hint="",
    )

    taken = other.take("incremental")

    assert full.node == replica.name
    assert taken.backup.parent == full.name
    assert taken.backup.node == other.server.name
    assert any("restart" in line or "manifest requires WAL" in line for line in other.told), other.told


def test_a_dead_replica_costs_a_line_and_no_backup(other: World, replica: Server) -> None:
    replica.stop()

    taken = other.take()

    assert taken.backup.node == other.server.name
    assert any(line.startswith(f"{replica.name} is left out") for line in other.told)
    replica.start()


def test_after_a_promotion_the_next_backup_is_full_and_says_why(other: World, replica: Server) -> None:
    other.take()
    other.server.stop()
    replica.sql("SELECT pg_promote()")
    wait_until(
        lambda: "in recovery" if replica.value("SELECT pg_is_in_recovery()") else "",
        timeout=30,
        what="promote",
        hint="",
    )
    del other.nodes[other.server.name]
    site = other.site(primary=lambda: replica.name, wal_archived=lambda *_: True)

    taken = take(site, BackupOptions(kind="incremental", trusted_since=0))

    assert taken.backup.kind == "full"
    assert taken.why == "the timeline changed from 1 to 2"
    assert taken.backup.timeline == 2
    other.server.start()


def test_without_the_summaries_it_needs_the_server_says_so_and_a_full_one_is_taken(other: World) -> None:
    other.take()
    other.server.sql("ALTER SYSTEM SET summarize_wal = off", "SELECT pg_reload_conf()")
    for _ in range(3):
        other.server.sql("INSERT INTO t VALUES (0, '')", "SELECT pg_switch_wal()", "CHECKPOINT")
    other.server.sql("ALTER SYSTEM SET summarize_wal = on", "SELECT pg_reload_conf()")

    taken = other.take("incremental")

    assert taken.backup.kind == "full"
    assert "WAL summaries are required" in taken.why


def test_a_server_whose_incremental_backups_cannot_be_trusted_gives_a_full_one_and_says_why(here: World) -> None:
    number = int(here.server.value("SHOW server_version_num"))
    here.take()

    taken = here.take("incremental", trusted_since=number + 1)
    still = here.take("incremental", trusted_since=number)

    assert taken.backup.kind == "full"
    assert taken.why.startswith(f"incremental backups of PostgreSQL {taken.backup.server_version} cannot be trusted")
    assert still.backup.parent == taken.backup.name


def test_a_chain_does_not_grow_beyond_its_bound(here: World) -> None:
    here.take()
    here.take("incremental", longest=1)

    taken = here.take("incremental", longest=1)

    assert taken.backup.kind == "full"
    assert taken.why == "1 incremental backups stand on one full one"


def test_a_second_backup_at_once_is_refused_in_one_line(here: World) -> None:
    running = spawn(here, rate=1024, archived=True)
    assert running.stdout
    assert any("Reading" in line for line in running.stdout)

    with pytest.raises(
        RefusedError, match=r"another base backup is running \(\d{8}T\d{6}Z-full-[0-9a-f]{6}\)"
    ) as caught:
        here.take()

    running.kill()
    running.wait()
    running.stdout.close()
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("moment", ["waiting for a checkpoint", "Reading one", "Waiting for WAL"])
def test_a_backup_that_is_killed_is_not_listed_and_the_next_clears_what_it_left(here: World, moment: str) -> None:
    before = {backup.name for backup in here.catalog()}
    listed = objects(here)
    kill_at(spawn(here, rate=0 if moment == "Waiting for WAL" else 4096, archived=False), moment)
    assert {backup.name for backup in here.catalog()} == before
    if moment == "Waiting for WAL":
        assert objects(here) > listed

    taken = here.take()

    assert {key for key in objects(here) if taken.backup.name not in key} == listed


def test_a_primary_that_dies_during_the_backup_leaves_nothing(other: World) -> None:
    before = objects(other)
    running = spawn_on(other)
    assert running.stdout
    assert any("Reading" in line for line in running.stdout)

    other.server.stop("immediate")

    assert "broke" in running.stdout.read()
    assert running.wait(30)
    running.stdout.close()
    other.server.start()
    assert objects(other) == before


def spawn_on(other: World) -> "subprocess.Popen[str]":
    return spawn(other, rate=1024, archived=True)


class Failing(LocalStore):
    """A disk that fills up after so many bytes."""

    def __init__(self, root: Path, bytes: int) -> None:
        root.mkdir()
        super().__init__(root, "failing")
        self.left = bytes

    def upload(self, key, metadata=None):  # type: ignore[no-untyped-def]
        from contextlib import contextmanager

        @contextmanager
        def limited():  # type: ignore[no-untyped-def]
            with super(Failing, self).upload(key, metadata) as inner:
                yield _Limited(self, inner)

        return limited()


class _Limited:
    def __init__(self, store: Failing, inner: object) -> None:
        self.store = store
        self.inner = inner

    def write(self, data: bytes) -> None:
        self.store.left -= len(data)
        if self.store.left < 0:
            raise StoreError("the disk is full")
        self.inner.write(data)  # type: ignore[attr-defined]


@pytest.mark.parametrize("room", [0, 600_000, 1_500_000])
def test_a_store_that_fails_is_given_up_and_named_and_the_other_has_it_all(
    here: World, tmp_path: Path, room: int
) -> None:
    failing = Failing(tmp_path / "failing", room)

    taken = take(here.site(stores=[failing, here.store]), BackupOptions())

    assert taken.stores == ("local",)
    assert taken.failures == {"failing": "the disk is full"}
    assert verify(here.store, taken.backup, here.told.append).ok
    assert not any("backup.json" in stored.key for stored in failing.list())


def test_when_every_store_fails_it_is_an_error_that_names_them(here: World, tmp_path: Path) -> None:
    failing = Failing(tmp_path / "failing", 600_000)

    with pytest.raises(MachineError, match="no store takes the backup: failing: the disk is full"):
        take(here.site(stores=[failing]), BackupOptions())


def test_an_incremental_backup_builds_on_what_every_store_holds(here: World, tmp_path: Path) -> None:
    second = LocalStore(tmp_path, "second")
    both = here.site(stores=[here.store, second])
    alone = here.take().backup

    first = take(both, BackupOptions(kind="incremental", trusted_since=0))
    after = take(both, BackupOptions(kind="incremental", trusted_since=0))

    assert first.backup.kind == "full"
    assert first.why == "there is no earlier backup in every store"
    assert after.backup.parent == first.backup.name != alone.name
    assert after.stores == ("local", "second")


def test_a_backup_whose_wal_is_not_archived_does_not_count_and_leaves_nothing(here: World) -> None:
    before = objects(here)
    site = here.site(wal_archived=lambda *_: False)

    with pytest.raises(TimedOutError, match="is not all archived"):
        take(site, BackupOptions(wal_timeout=1))

    assert objects(here) == before


def test_a_damaged_page_of_the_cluster_makes_no_backup(other: World) -> None:
    path = other.server.data / str(other.server.value("SELECT pg_relation_filepath('t')"))
    other.server.sql("CHECKPOINT")
    other.server.stop()
    with path.open("r+b") as file:
        file.seek(8192 * 5 + 100)
        file.write(b"x")
    other.server.start()

    with pytest.raises(PodsError, match="checksum verification failure") as caught:
        other.take()

    assert isinstance(caught.value, ServerError)
    assert objects(other) == set()


def test_large_segments_are_read_from_the_server(here: World, tmp_path: Path) -> None:
    made = world(here.box, tmp_path, "wide", 5490, initdb=("--wal-segsize=64",))
    site = made.site(wal_archived=lambda *_: True)
    began = time.time()

    taken = take(site, BackupOptions())

    made.server.stop("immediate")
    assert taken.backup.wal_segment_size == 64 << 20
    assert began - 1 < taken.backup.started <= taken.backup.stopped < time.time() + 1
