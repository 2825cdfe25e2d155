import os
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from backup.drill import Drill, Rules, drill, read_last, record
from backup.restore import RecoveryTarget, plan
from backup.restore.assertions import read_questions
from backup.restore.pg_programs import PgPrograms
from backup.sandbox.job import Job
from backup.sandbox.rehearsal import DrillSite, rehearse
from backup.store import Store
from tests import hostile
from tests.fix_images import image
from tests.fix_postgres import box
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
def site(here: World, tmp_path: Path) -> DrillSite:
    (tmp_path / "template1").mkdir()
    directory = here.box.directory(f"drill-{tmp_path.name[:30]}")
    return DrillSite(
        directory=directory,
        folder=directory,
        restore_command=f"cp {here.wal}/%f %p",
        programs=PgPrograms(here.box.bin),
    )


def held(here: World, site: DrillSite, assertions: Path | None, databases: tuple[str, ...] = ()) -> Drill:
    """A drill in the box, where there is no wall; what the sandbox does is the same."""

    def run(job: Job, store: Store, progress: Callable[[str], None]) -> dict[str, Any]:
        return rehearse(job, store, site, progress)

    rules = Rules(questions=read_questions(assertions, "postgres"), databases=databases, timeout=60)
    return drill(
        lambda: plan(here.catalog(), here.archive(), RecoveryTarget()), here.store, rules, run, here.told.append
    )


def test_the_newest_commit_is_restored_looked_at_and_timed(here: World, site: DrillSite, tmp_path: Path) -> None:
    newest = here.server.value("SELECT extract(epoch FROM now())::float8")
    (tmp_path / "1.sql").write_text("SELECT count(*) = 1 FROM ledger WHERE note = 'after the backup'")
    (tmp_path / "2.sql").write_text("SELECT id FROM large WHERE note <> repeat(md5(id::text), 8)")
    (tmp_path / "template1" / "3.sql").write_text("SELECT current_database() = 'template1'")

    found = held(here, site, tmp_path, ("postgres", "template1"))

    assert found.ok, found
    assert found.databases == ("postgres", "template1")
    assert [each.name for each in found.assertions] == ["1.sql", "2.sql", "template1/3.sql"]
    assert found.restored is not None
    assert found.rto is not None
    assert 0 < found.restored < found.rto < 60
    assert found.newest is not None
    assert newest - 60 < found.newest < newest
    assert found.backup == here.catalog()[-1].name
    assert not (site.directory / "data").exists()


def test_the_last_result_is_read_back(here: World, site: DrillSite, tmp_path: Path) -> None:
    found = held(here, site, tmp_path)

    record(here.store, here.system, found)

    assert read_last(here.store, here.system) == found


def test_an_assertion_that_does_not_hold_fails_the_drill_and_is_named(
    here: World, site: DrillSite, tmp_path: Path
) -> None:
    (tmp_path / "a.sql").write_text("SELECT id, note FROM ledger WHERE id = 1")
    (tmp_path / "b.sql").write_text("SELECT no_such_column FROM ledger")
    (tmp_path / "c.sql").write_text("DELETE FROM ledger")

    found = held(here, site, tmp_path, ("postgres", "shop", "blog", "template0"))

    assert not found.ok
    assert found.databases == ("postgres",)
    (missing,) = found.problems
    assert re.search('into shop: .*"shop" does not exist, and so for 2 more: declared in', missing)
    details = {each.name: each.detail for each in found.assertions}
    assert details["a.sql"] == "1 row, the first: id=1, note=after the backup"
    assert "no_such_column" in details["b.sql"]
    assert "read-only transaction" in details["c.sql"]


def test_a_broken_index_is_found(here: World, site: DrillSite) -> None:
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

    found = held(other, replace(site, restore_command=f"cp {other.wal}/%f %p"), None)

    other.server.stop("immediate")
    assert not found.ok
    assert found.rto is not None
    assert any("index" in problem for problem in found.problems)


def test_a_library_that_the_image_does_not_have_fails_the_drill_and_is_named(here: World, site: DrillSite) -> None:
    library = "/usr/lib/postgresql/18/lib/hstore.so"
    here.server.sql("CREATE EXTENSION hstore", "CREATE TABLE pairs (p hstore)")
    here.flush()
    here.box.sh(f"mv {library} {library}.away", user="0")
    try:
        found = held(here, site, None)
    finally:
        here.box.sh(f"mv {library}.away {library}", user="0")
        here.server.sql("DROP EXTENSION hstore CASCADE")
        here.flush()
    assert not found.ok
    line = "the database postgres needs the library $libdir/hstore of the extension hstore 1.8, which this image lacks"
    assert line in found.problems
    assert held(here, site, None).ok


def test_wal_that_cannot_be_had_is_the_result_of_the_drill_and_nothing_stays(here: World, site: DrillSite) -> None:
    found = held(here, replace(site, restore_command="exit 200"), None)

    assert not found.ok
    assert found.restored is not None
    assert found.rto is None
    assert "FATAL" in found.problems[0]
    assert not (site.directory / "data").exists()


HOSTILE = """
CREATE FUNCTION own() RETURNS text LANGUAGE plpgsql AS $$
DECLARE seen text;
BEGIN
    {does};
    RETURN coalesce(seen, 'done');
END $$
"""
DOES = {
    "program": "COPY (SELECT 1) TO PROGRAM 'true'",
    "file": "seen := pg_read_file('/etc/passwd')",
    "large": "PERFORM lo_export(lo_from_bytea(0, 'x'), '/tmp/x')",
    "superuser": "EXECUTE 'ALTER ROLE ' || quote_ident(session_user) || ' SUPERUSER'",
    "become": "EXECUTE 'SET ROLE postgres'",
    "session": "EXECUTE 'SET SESSION AUTHORIZATION postgres'",
    "grant": "EXECUTE 'GRANT pg_execute_server_program TO ' || quote_ident(session_user)",
    "write": "DELETE FROM ledger",
    "write anyway": "PERFORM set_config('transaction_read_only', 'off', false); DELETE FROM ledger",
}


def test_what_assertions_call_can_do_nothing(here: World, site: DrillSite, tmp_path: Path) -> None:
    """Views and functions of the application's own, which reads of every table cannot avoid; and they see all rows."""
    here.server.sql("CREATE ROLE app LOGIN", "CREATE SCHEMA shop AUTHORIZATION app", "CREATE DATABASE closed OWNER app")
    for number, (name, does) in enumerate(DOES.items()):
        here.server.sql(
            f"CREATE SCHEMA hostile{number} AUTHORIZATION app",
            f"SET ROLE app; SET search_path = hostile{number}, public; {HOSTILE.format(does=does)};"
            f"CREATE VIEW hostile{number}.orders AS SELECT own() AS total",
        )
        (tmp_path / f"{name}.sql").write_text(f"SELECT total FROM hostile{number}.orders")
    here.server.sql(
        "CREATE TABLE shop.hidden AS SELECT 1 AS id",
        "ALTER TABLE shop.hidden ENABLE ROW LEVEL SECURITY",
        "ALTER TABLE shop.hidden FORCE ROW LEVEL SECURITY",
        "ALTER ROLE postgres SET statement_timeout = 0",  # or the next line would hold for this test's own statements
        "ALTER DATABASE postgres SET statement_timeout = 1",
        "ALTER DATABASE postgres SET default_transaction_read_only = off",
        "ALTER DATABASE closed ALLOW_CONNECTIONS false",
        "REVOKE ALL ON DATABASE closed FROM PUBLIC",
    )
    (tmp_path / "closed").mkdir()
    (tmp_path / "closed" / "opened.sql").write_text("SELECT current_database() = 'closed'")
    (tmp_path / "all rows.sql").write_text("SELECT count(*) = 1 FROM shop.hidden")
    (tmp_path / "who.sql").write_text(
        "SELECT rolsuper OR rolcreaterole OR rolcreatedb OR rolreplication AS more FROM pg_roles"
        " WHERE rolname = session_user AND (rolsuper OR rolcreaterole OR rolcreatedb OR rolreplication)"
    )
    here.flush()

    try:
        found = held(here, site, tmp_path)
    finally:
        here.server.sql("ALTER DATABASE postgres RESET ALL", "ALTER ROLE postgres RESET ALL")
    details = {each.name: each.detail for each in found.assertions}
    assert found.problems == ()
    assert [each.name for each in found.assertions if each.holds] == ["all rows.sql", "closed/opened.sql", "who.sql"]
    for name in DOES:
        assert re.search("permission denied|read-only transaction|must be", details[f"{name}.sql"]), details


IN_A_DRILL = "current_setting('data_directory') LIKE '%drill-%'"


def test_the_superuser_s_sessions_take_nothing_from_the_data(here: World, site: DrillSite, tmp_path: Path) -> None:
    """A login trigger does not run. An index's operators do, within amcheck: that is what the walls are for."""
    marker, ran = here.box.path / "marker", here.box.path / "ran"
    here.server.sql(
        f"CREATE FUNCTION own() RETURNS event_trigger LANGUAGE plpgsql SECURITY DEFINER AS $$ BEGIN"
        f" IF {IN_A_DRILL} THEN COPY (SELECT 1) TO PROGRAM 'cat > {ran}'; END IF;"
        f" END $$",
        "CREATE EVENT TRIGGER t ON login EXECUTE FUNCTION own()",
        "ALTER EVENT TRIGGER t ENABLE ALWAYS",
        "ALTER DATABASE postgres SET event_triggers = on",
        "ALTER ROLE postgres SET search_path = public",
        "ALTER ROLE postgres IN DATABASE template1 SET role = 'pg_monitor'",
        "ALTER SYSTEM SET event_triggers = on",
        hostile.index(
            where=IN_A_DRILL, runs=f"COPY (SELECT current_setting('search_path')) TO PROGRAM 'cat > {marker}'"
        ),
    )
    (tmp_path / "a.sql").write_text("SELECT true")
    here.flush()

    found = held(here, site, tmp_path)

    here.server.sql(
        "DROP EVENT TRIGGER t", "ALTER ROLE postgres RESET ALL", "ALTER ROLE postgres IN DATABASE template1 RESET ALL"
    )
    assert found.ok, found
    assert not ran.exists()
    assert marker.exists(), "this test believes that operators run in amcheck; if they do not, so much the better"
