"""An extension's script runs as superuser in a database of which somebody else is the owner: nobody becomes more by it.

The extensions are of the test's own making, in a folder of the server's `extension_control_path`, so that what their
scripts do is known: they join a text and a name, for which PostgreSQL has no operator of exactly these types.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import psycopg
import pytest

from cluster.errors import PodsError, RefusedError, TimedOutError
from cluster.postgres.connection import Access, connect
from compose.operations.databases import extensions
from compose.operations.databases.extensions import converge_extensions
from tests.fix_images import image
from tests.fix_ports import free_ports
from tests.fix_postgres import PASSWORD, Server, box, primary
from tests.fix_wait import eventually

JOIN = "DO $$ BEGIN PERFORM 'a'::text || current_database(); END $$;"
TRAP = """
CREATE FUNCTION public.trap(text, name) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    IF (SELECT rolsuper FROM pg_catalog.pg_roles WHERE rolname = current_user) THEN ALTER ROLE app SUPERUSER; END IF;
    RETURN '';
END $$;
CREATE OPERATOR public.|| (FUNCTION = public.trap, LEFTARG = text, RIGHTARG = name)
"""
TOYS = {
    "toy_fixed": ("relocatable = false", JOIN),
    "toy_moving": ("relocatable = true", f"CREATE FUNCTION toy() RETURNS int LANGUAGE sql RETURN 1; {JOIN}"),
    "toy_slow": ("relocatable = false", f"DO $$ BEGIN PERFORM pg_sleep(2); END $$; {JOIN}"),
    "toy_above": ("relocatable = true\nrequires = 'toy_fixed'", JOIN),
    "toy_broken": ("relocatable = true", "CREATE TABLE left_over (); SELECT 1 / 0;"),
}
UPDATES = {"toy_fixed--1--2": JOIN, "toy_moving--1--2": JOIN}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with box(tmp_path_factory.mktemp("scripts") / "box", image()) as made:
        folder = made.directory("toys") / "extension"
        folder.mkdir()
        for name, (control, script) in TOYS.items():
            (folder / f"{name}.control").write_text(f"default_version = '1'\n{control}\n")
            (folder / f"{name}--1.sql").write_text(script)
        for name, script in UPDATES.items():
            (folder / f"{name}.sql").write_text(script)
        made.sh(f"chmod -R a+rX {made.path}/toys && chown -R 999:999 {made.path}/toys", user="0")
        path = f"'{made.path}/toys:$system'"
        started = primary(made, "data", free_ports(1)[0], extension_control_path=path, max_prepared_transactions="2")
        started.sql(f"CREATE ROLE app LOGIN PASSWORD '{PASSWORD}'")
        yield started


@pytest.fixture
def shop(server: Server) -> Iterator[Access]:
    """As superuser, in a database of which `app` owns the schema public."""
    server.sql("ALTER ROLE app NOSUPERUSER", "CREATE DATABASE shop")
    access = replace(server.access, database="shop")
    with connect(access) as connection:
        connection.execute("ALTER SCHEMA public OWNER TO app")
    yield access
    server.sql("DROP DATABASE shop WITH (FORCE)")


@contextmanager
def _owner(shop: Access) -> "Iterator[psycopg.Connection[Any]]":
    with connect(replace(shop, user="app", pinned=False)) as connection:
        yield connection


def _plant(shop: Access) -> None:
    with _owner(shop) as connection:
        connection.execute(TRAP)


def _is_superuser(shop: Access) -> bool:
    with connect(shop) as connection:
        row = connection.execute("SELECT rolsuper FROM pg_catalog.pg_roles WHERE rolname = 'app'").fetchone()
    return bool(row and row["rolsuper"])


def _installed(shop: Access) -> dict[str, str]:
    with connect(shop) as connection:
        rows = connection.execute(
            "SELECT extname, nspname FROM pg_catalog.pg_extension e JOIN pg_catalog.pg_namespace n "
            "ON n.oid = extnamespace WHERE extname LIKE 'toy%'"
        ).fetchall()
    return {row["extname"]: row["nspname"] for row in rows}


def _schemas(shop: Access) -> set[str]:
    with connect(shop) as connection:
        rows = connection.execute("SELECT nspname FROM pg_catalog.pg_namespace").fetchall()
    return {row["nspname"] for row in rows if not row["nspname"].startswith("pg_")}


def test_the_trap_works_where_nobody_minds(shop: Access) -> None:
    """Or the tests below would show nothing: a pinned search_path does not help, the script has one of its own."""
    _plant(shop)
    with connect(shop) as connection:
        connection.execute("CREATE EXTENSION toy_fixed SCHEMA public")
    assert _is_superuser(shop)


def test_a_script_that_stays_is_not_run_beside_what_the_owner_planted(shop: Access) -> None:
    _plant(shop)
    with pytest.raises(RefusedError, match=r"could run the function .*trap.* of app.* as superuser"):
        converge_extensions(shop, "app", {"toy_fixed": ""})
    assert not _is_superuser(shop)
    assert _installed(shop) == {}


def test_one_that_can_be_moved_is_made_apart_and_is_where_people_expect_it(shop: Access) -> None:
    _plant(shop)
    assert converge_extensions(shop, "app", {"toy_moving": ""}) == ["extension toy_moving 1 in shop"]
    assert converge_extensions(shop, "app", {"toy_moving": ""}) == []
    assert _installed(shop) == {"toy_moving": "public"}
    assert _schemas(shop) == {"public", "information_schema"}
    assert not _is_superuser(shop)


def test_an_update_of_either_is_no_more_dangerous(shop: Access) -> None:
    converge_extensions(shop, "app", {"toy_moving": "", "toy_fixed": ""})
    _plant(shop)
    converge_extensions(shop, "app", {"toy_moving": "2"})
    with pytest.raises(RefusedError, match="toy_fixed to 2 is not made in shop"):
        converge_extensions(shop, "app", {"toy_fixed": "2"})
    assert _installed(shop) == {"toy_moving": "public", "toy_fixed": "public"}
    assert not _is_superuser(shop)


def test_the_schema_of_what_is_required_is_in_the_path_as_well(shop: Access) -> None:
    converge_extensions(shop, "app", {"toy_fixed": ""})
    _plant(shop)
    with pytest.raises(RefusedError, match="toy_above"):
        converge_extensions(shop, "app", {"toy_above": ""})
    assert not _is_superuser(shop)


def test_tables_and_triggers_of_an_application_are_in_nobodys_way(shop: Access) -> None:
    with _owner(shop) as connection:
        connection.execute(
            "CREATE TABLE orders (id int); CREATE FUNCTION stamp() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN END'; "
            "CREATE TRIGGER t BEFORE INSERT ON orders EXECUTE FUNCTION stamp()"
        )
    assert converge_extensions(shop, "app", {"toy_above": ""}) == [
        "extension toy_fixed 1 in shop", "extension toy_above 1 in shop"
    ]  # fmt: skip


@pytest.mark.parametrize("kept", [False, True], ids=["committed", "prepared"])
def test_what_is_planted_and_not_committed_yet_is_waited_for(
    shop: Access, kept: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It would come to light while the script runs."""
    monkeypatch.setattr(extensions, "_WRITERS_SECONDS", 2.0 if kept else 30.0)
    outcome: list[PodsError] = []

    def make() -> None:
        try:
            converge_extensions(shop, "app", {"toy_slow": ""})
        except PodsError as error:
            outcome.append(error)

    with _owner(shop) as connection:
        connection.execute("BEGIN")
        connection.execute(TRAP)
        if kept:
            connection.execute("PREPARE TRANSACTION 'trap'")
        making = threading.Thread(target=make)
        making.start()
        if not kept:
            eventually(lambda: _holds_the_names(shop))
            connection.execute("COMMIT")
        making.join(60)
        if kept:
            connection.execute("ROLLBACK PREPARED 'trap'")
    assert type(outcome[0]) is (TimedOutError if kept else RefusedError)
    assert not _is_superuser(shop)
    assert _installed(shop) == {}


def _holds_the_names(shop: Access) -> bool:
    with connect(shop) as connection:
        query = "SELECT FROM pg_catalog.pg_locks WHERE mode = 'ShareLock' AND granted AND relation = 1255::oid"
        return bool(connection.execute(query).fetchall())


def test_nobody_plants_anything_while_a_script_runs(shop: Access) -> None:
    making = threading.Thread(target=converge_extensions, args=(shop, "app", {"toy_slow": ""}))
    making.start()
    eventually(lambda: _holds_the_names(shop))
    _plant(shop)  # waits
    making.join(60)
    assert _installed(shop) == {"toy_slow": "public"}
    assert not _is_superuser(shop)


def test_a_script_that_fails_leaves_nothing_and_is_one_line(shop: Access) -> None:
    with pytest.raises(RefusedError, match="toy_broken 1 cannot be had in shop: division by zero") as caught:
        converge_extensions(shop, "app", {"toy_broken": ""})
    assert "\n" not in str(caught.value)
    assert _installed(shop) == {}
    assert _schemas(shop) == {"public", "information_schema"}


def test_what_no_node_has_is_refused_by_name(shop: Access) -> None:
    with pytest.raises(RefusedError, match="no node has the extension vector, which shop is declared with"):
        converge_extensions(shop, "app", {"pgvector": ""})
    with pytest.raises(RefusedError, match="toy_fixed is not there in version 9"):
        converge_extensions(shop, "app", {"toy_fixed": "9"})


def test_one_of_postgresql_s_own_with_what_it_requires(shop: Access, tmp_path: Path) -> None:
    made = converge_extensions(shop, "app", {"earthdistance": "", "pg_trgm": "1.6"})
    assert [line.split()[1] for line in made] == ["cube", "earthdistance", "pg_trgm"]
