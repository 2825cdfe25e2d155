import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from backup.drill import Ground, drill, read_last, record
from backup.restore.programs import Programs
from tests.fix_images import image
from tests.integration.backup.base_server import box
from tests.integration.backup.base_world import World, fill, world


@pytest.fixture(scope="module")
def here(engine: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    tmp = tmp_path_factory.mktemp("drill")
    with box(tmp / "box", image()) as made:
        found = world(made, tmp)
        fill(found.server, made.directory("aside"))
        found.take()
        found.server.sql("INSERT INTO ledger VALUES (1, 'after the backup')")
        found.flush()
        yield found


@pytest.fixture
def ground(here: World, tmp_path: Path) -> Ground:
    (tmp_path / "template1").mkdir()
    return Ground(
        directory=here.box.path,
        restore_command=f"cp {here.wal}/%f %p",
        programs=Programs(here.box.bin),
        assertions=tmp_path,
        timeout=60,
    )


def test_the_newest_commit_is_restored_looked_at_and_timed(here: World, ground: Ground, tmp_path: Path) -> None:
    newest = here.server.value("SELECT extract(epoch FROM now())::float8")
    (tmp_path / "1.sql").write_text("SELECT count(*) = 1 FROM ledger WHERE note = 'after the backup'")
    (tmp_path / "2.sql").write_text("SELECT id FROM large WHERE note <> repeat(md5(id::text), 8)")
    (tmp_path / "template1" / "3.sql").write_text("SELECT current_database() = 'template1'")

    found = drill(here.catalog(), here.archive(), here.store, ground, here.told.append)

    assert found.ok, found
    assert [each.name for each in found.assertions] == ["1.sql", "2.sql", "template1/3.sql"]
    assert found.restored is not None
    assert found.rto is not None
    assert 0 < found.restored < found.rto < 60
    assert found.newest is not None
    assert newest - 60 < found.newest < newest
    assert found.backup == here.catalog()[-1].name
    assert not list(here.box.path.glob("drill-*"))


def test_the_last_result_is_read_back(here: World, ground: Ground) -> None:
    found = drill(here.catalog(), here.archive(), here.store, ground, here.told.append)

    record(here.store, here.system, found)

    assert read_last(here.store, here.system) == found


def test_an_assertion_that_does_not_hold_fails_the_drill_and_is_named(
    here: World, ground: Ground, tmp_path: Path
) -> None:
    (tmp_path / "a.sql").write_text("SELECT id, note FROM ledger WHERE id = 1")
    (tmp_path / "b.sql").write_text("SELECT no_such_column FROM ledger")
    (tmp_path / "c.sql").write_text("DELETE FROM ledger")

    found = drill(here.catalog(), here.archive(), here.store, ground, here.told.append)

    assert not found.ok
    assert found.problems == ()
    details = {each.name: each.detail for each in found.assertions}
    assert details["a.sql"] == "1 row, the first: id=1, note=after the backup"
    assert "no_such_column" in details["b.sql"]
    assert "read-only transaction" in details["c.sql"]


def test_a_broken_index_is_found(here: World, ground: Ground) -> None:
    """A page of an index overwritten in the running cluster, with a checksum that fits: only amcheck can tell."""
    other = world(here.box, here.spool, "two", 5470, initdb=("--no-data-checksums",))
    other.server.sql("CREATE TABLE t AS SELECT n AS id FROM generate_series(1, 5000) n", "CREATE INDEX i ON t (id)")
    path = other.server.data / str(other.server.value("SELECT pg_relation_filepath('i')"))
    other.server.sql("CHECKPOINT")
    other.server.stop()
    with path.open("r+b") as file:
        file.seek(8192 + 4096)
        file.write(os.urandom(2048))
    other.server.start()
    other.take()
    other.flush()

    found = drill(
        other.catalog(),
        other.archive(),
        other.store,
        replace(ground, restore_command=f"cp {other.wal}/%f %p", assertions=None),
        here.told.append,
    )

    other.server.stop("immediate")
    assert not found.ok
    assert found.rto is not None
    assert any("index" in problem for problem in found.problems)


def test_wal_that_cannot_be_had_is_the_result_of_the_drill_and_nothing_stays(here: World, ground: Ground) -> None:
    found = drill(
        here.catalog(), here.archive(), here.store, replace(ground, restore_command="exit 200"), here.told.append
    )

    assert not found.ok
    assert found.restored is not None
    assert found.rto is None
    assert "FATAL" in found.problems[0]
    assert not list(here.box.path.glob("drill-*"))
