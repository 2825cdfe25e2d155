"""Restores put a chain together by themselves; PostgreSQL's pg_combinebackup is the judge of what comes out."""

import filecmp
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest
import zstandard

from backup.base.archive_reader import archives
from backup.catalog import Backup
from backup.layout import MANIFEST, backup_key
from backup.restore import RecoveryTarget
from backup.restore.pg_programs import PgPrograms
from backup.restore.unpack import unpack
from backup.store import DamagedError
from tests.fix_images import image
from tests.fix_postgres import box
from tests.integration.backup.base_world import World, fill, world

OTHER = {MANIFEST, "tablespace_map", "postgresql.auto.conf", "recovery.signal"}
"""What a restore leaves out, or writes for the recovery."""


@pytest.fixture(scope="module")
def chain(engine: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """A full backup and three incremental ones; files grow, shrink, grow again, come and go between them."""
    tmp = tmp_path_factory.mktemp("chain")
    with box(tmp / "box", image()) as made:
        here = world(made, tmp)
        fill(here.server, here.box.directory("aside"))
        here.server.sql("CREATE DATABASE passing", "CREATE TABLE going AS SELECT 1 AS one")
        here.take()
        here.server.sql("UPDATE large SET note = 'first' WHERE id % 50 = 0", "DELETE FROM apart WHERE id > 9000")
        here.server.sql("VACUUM apart", "DROP TABLE going", "CREATE TABLE coming AS SELECT 2 AS two")
        here.take("incremental")
        here.server.sql("INSERT INTO apart SELECT n, md5(n::text) FROM generate_series(1, 9000) n")
        here.server.sql("DROP DATABASE passing", "TRUNCATE ledger", "DELETE FROM large WHERE id > 100", "VACUUM large")
        here.take("incremental")
        here.server.sql("INSERT INTO large SELECT n, 'again' FROM generate_series(1, 70000) n", "VACUUM FULL apart")
        here.take("incremental")
        here.flush()
        yield here


def contents(directory: Path) -> set[str]:
    """Every file and folder, relative to the directory."""
    return {str(path.relative_to(directory)) for path in directory.rglob("*")} - OTHER


def extract(chain: World, backup: Backup, into: Path) -> Path:
    """A backup as its archives have it, unpacked by Python's own tarfile."""
    for file in archives(backup):
        name = file.name.split(".")[0]
        target = into if name == "base" else into / "pg_tblspc" / name
        target.mkdir(parents=True, exist_ok=True, mode=0o700)
        with (chain.store.root / backup_key(chain.system, backup.name, file.name)).open("rb") as stored:
            tar = zstandard.ZstdDecompressor().stream_reader(stored, read_across_frames=True)
            with tarfile.open(fileobj=tar, mode="r|") as entries:
                entries.extraction_filter = getattr(tarfile, "data_filter", None)  # not before Python 3.11.4
                entries.extractall(target)
    (into / MANIFEST).write_bytes(chain.store.get(backup_key(chain.system, backup.name, MANIFEST)))
    return into


def test_a_chain_becomes_byte_for_byte_what_pg_combinebackup_makes_of_it(chain: World) -> None:
    backups = chain.catalog()
    assert [backup.kind for backup in backups] == ["full", "incremental", "incremental", "incremental"]
    place = chain.box.path
    parts = [extract(chain, each, place / f"restored-part-{n}") for n, each in enumerate(backups)]
    combined = place / "restored-combined"
    PgPrograms(chain.box.bin).run("pg_combinebackup", f"--output={combined}", *map(str, parts))

    made = chain.restore(RecoveryTarget(kind="immediate")).directory

    assert contents(made) == contents(combined)
    files = [path for path in contents(made) if (made / path).is_file()]
    assert filecmp.cmpfiles(made, combined, files, shallow=False)[1:] == ([], [])


def test_an_incremental_backup_goes_on_no_other_than_its_parent(chain: World, tmp_path: Path) -> None:
    full, _, second, _ = chain.catalog()

    with pytest.raises(DamagedError, match=f"{second.name} is damaged: it builds on"):
        unpack(chain.store, (full, second), tmp_path / "made")
