"""A hostile owner of the application's database becomes nobody else, and stops nothing of ours."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cluster.observed.insight_reader import read_insight
from cluster.postgres import scram
from cluster.postgres.connection import Access, connect, login
from cluster.postgres.session import guarded, options, pinned
from compose.home import passwords
from compose.operations import provision
from tests import hostile
from tests.fix_stack import Cluster
from tests.fix_web import Web, fetch, value

PLANS = re.compile(
    "enable_.*|.*_cost|cpu_.*|jit.*|geqo.*|.*_collapse_limit|.*parallel.*|.*_io_.*|.*_limit|.*_mem|temp_buffers|vacuum_.*|"
    "debug_.*|trace_.*|tcp_.*|.*_flush_after|commit_siblings|constraint_exclusion|cursor_tuple_fraction|hash_mem_.*|"
    "default_statistics_target|plan_cache_mode|recursive_worktable_factor|stats_fetch_consistency|synchronize_seqscans|"
    "gin_.*|wal_.*|file_copy_method|client_connection_check_interval|effective_.*|hash_.*"
)
"""How something is done or counted, never what comes of it."""
HARMLESS = {
    "application_name": "given at login",
    "client_encoding": "given at login",
    "transaction_isolation": "begins anew with each transaction",
    "transaction_read_only": "begins anew with each transaction",
    "transaction_deferrable": "begins anew with each transaction",
    "createrole_self_grant": "for roles that are no superusers",
    "password_encryption": "verifiers are made on this side",
    "scram_iterations": "kept where it is the operator's: the database postgres, in which no application may set it",
    "md5_password_warnings": "a warning",
    "escape_string_warning": "a warning",
    "log_parameter_max_length_on_error": "the log",
    "lc_monetary": "no query formats anything",
    "lc_numeric": "no query formats anything",
    "lc_time": "no query formats anything",
    "timezone_abbreviations": "no query reads a time from a text",
    "default_text_search_config": "no query searches text",
    "default_table_access_method": "no table is made",
    "default_toast_compression": "no table is made",
    "temp_tablespaces": "no table is made",
    "icu_validation_level": "no collation is made",
    "xmlbinary": "no XML",
    "xmloption": "no XML",
}


def _ours(cluster: Cluster, sql: str) -> list[dict[str, Any]]:
    """As PODS itself would: a session as any client has it would run what is left lying about."""
    with connect(cluster.stack.superuser("primary")) as connection:
        return connection.execute(sql.encode()).fetchall()


def _more_than_it_should(cluster: Cluster) -> list[dict[str, Any]]:
    return _ours(
        cluster,
        "SELECT rolname FROM pg_catalog.pg_authid WHERE rolname = 'app' "
        "AND (rolsuper OR rolcreaterole OR rolcreatedb OR rolreplication OR rolbypassrls)",
    )


def test_every_setting_that_a_role_may_change_is_given_at_login_or_does_no_harm(cluster: Cluster) -> None:
    rows = cluster.query(
        "SELECT name FROM pg_settings WHERE context = 'user' AND source <> 'extension'", database="postgres"
    )
    names = {row["name"] for row in rows if "." not in row["name"]}
    ours = {name.lower() for name in pinned("postgres", statement_timeout=1)}
    left = {name for name in names if name.lower() not in ours and name not in HARMLESS and not PLANS.fullmatch(name)}
    assert left == set()


def test_what_is_given_at_login_wins_over_what_is_set(cluster: Cluster) -> None:
    wanted = pinned("postgres", statement_timeout=30)
    with (
        _set(cluster, "DATABASE appdb", hostile.SETTINGS),
        _set(cluster, "ROLE postgres", hostile.SETTINGS),
        connect(cluster.stack.access("primary", passwords.SUPERUSER, "appdb")) as connection,
    ):
        found = {name: _shown(connection, name) for name in wanted}
        assert connection.execute("SELECT current_user AS u, 'ü' AS c").fetchone() == {"u": "postgres", "c": "ü"}
    assert {name: text.replace(" ", "").replace("30s", "30000") for name, text in found.items()} == {
        name: text.replace(" ", "") for name, text in wanted.items()
    }
    assert wanted.items() >= {name: text for name, text in guarded().items() if name != "statement_timeout"}.items()


def _shown(connection: "psycopg.Connection[dict[str, str]]", name: str) -> str:
    row = connection.execute("SELECT pg_catalog.current_setting(%s) AS v", [name]).fetchone()
    assert row is not None
    return row["v"]


@contextmanager
def _set(cluster: Cluster, on: str, chosen: dict[str, str]) -> Iterator[None]:
    """Settings as their owner would make them; gone afterwards."""
    access = cluster.stack.access("primary", passwords.SUPERUSER)
    with connect(access) as connection:
        statements = [each for each in hostile.settings(on) if each.split(" SET ")[1].split()[0] in chosen]
        try:
            connection.execute("; ".join(statements).encode())
            yield
        finally:
            connection.execute(f"ALTER {on} RESET ALL".encode())


@given(
    chosen=st.sets(st.sampled_from(sorted(hostile.SETTINGS)), min_size=1),
    on=st.sampled_from(["DATABASE appdb", "DATABASE postgres", "ROLE postgres", "ROLE archiver"]),
)
@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_is_set_on_databases_and_roles_our_sessions_work(cluster: Cluster, chosen: set[str], on: str) -> None:
    stack = cluster.stack
    with _set(cluster, on, {name: hostile.SETTINGS[name] for name in chosen}):
        replicas = [node.name for node in stack.topology.replicas]
        made = provision.converge(stack.superuser("primary"), stack.settings, stack.passwords, replicas)
        provision.examine(stack.monitor("primary"), stack.settings)
        snapshot = stack.snapshot()
    assert made.made == []
    assert stack.judge(snapshot).healthy, stack.judge(snapshot).reasons


def test_a_hostile_owner_and_what_it_left_as_superuser_stop_nothing_and_get_nothing(
    cluster: Cluster, tmp_path: Path
) -> None:
    web = Web(cluster)
    with _hijacked(cluster):
        first = cluster.inv.ok("up")
        for said in ("app has SUPERUSER", "the event trigger hostile_login (login) in postgres runs code of app",
                     "the database appdb belongs to postgres now", "search_path=helper, public, pg_catalog",
                     "postgres has the setting default_transaction_read_only=on"):  # fmt: skip
            assert said in first.err, first
        assert "app has SUPERUSER" in cluster.inv("doctor").err
        # what the message says to do, in the session that it says to do it in
        cluster.inv.ok(*_SUPERUSER, "--command", "ALTER ROLE app NOSUPERUSER")
        second = cluster.inv.ok("up")
        assert "app has" not in second.err
        assert "hostile_login" in second.err
        _every_face_works(cluster, web, tmp_path)
        _passwords_change(cluster)
        assert _more_than_it_should(cluster) == []
        owner = "SELECT r.rolname FROM pg_database d JOIN pg_roles r ON r.oid = d.datdba WHERE d.datname = 'appdb'"
        assert _ours(cluster, owner) == [{"rolname": "postgres"}]
    assert "not of PODS' making" not in cluster.inv.ok("up").err


_SUPERUSER = ("psql", "--superuser", "--node", "primary")


def _every_face_works(cluster: Cluster, web: Web, tmp_path: Path) -> None:
    inv = cluster.inv
    assert cluster.status()["healthy"]
    assert fetch(cluster.stack.settings.health_port, "/health").status == 200
    for node in cluster.stack.topology.names:
        found = web.probe(node)
        failed = [labels for (name, labels), v in found.items() if name == "pg_scrape_collector_success" and v != 1]
        assert (value(found, "pg_up"), failed) == (1, [])
    nodes = {name: cluster.stack.monitor(name) for name in cluster.stack.topology.names}
    insight = read_insight(nodes, ["appdb"])
    assert (insight.unread, len(insight.databases["appdb"].tables) > 0) == ({}, True)
    inv.ok("backup.now", timeout=180)
    inv.ok("backup.verify", timeout=180)
    inv.ok("backup.drill", timeout=180)
    inv.ok("backup.restore", "--into", str(tmp_path / "restored"), timeout=180)
    assert _more_than_it_should(cluster) == []


def _passwords_change(cluster: Cluster) -> None:
    """The application's, and one of a role that a hostile trigger keeps from everything but us."""
    before = {
        name: passwords.password_file(cluster.home, name).read_text() for name in (passwords.APP, passwords.ARCHIVE)
    }
    for name, text in before.items():
        passwords.password_file(cluster.home, name).write_text("a-new-password-of-" + name + text)
    said = cluster.inv.ok("up").err
    assert "password of app" in said
    assert "password of archiver" in said
    # not tried with a login: what the application set on its database keeps itself out, and nobody else
    (kept,) = _ours(cluster, "SELECT rolpassword AS verifier FROM pg_catalog.pg_authid WHERE rolname = 'app'")
    assert scram.matches(passwords.password_file(cluster.home, passwords.APP).read_text().strip(), kept["verifier"])
    for name, text in before.items():
        passwords.password_file(cluster.home, name).write_text(text)


@contextmanager
def _hijacked(cluster: Cluster) -> Iterator[None]:
    """A cluster of before, whose application used the hole of then and left what it could; undone afterwards."""
    superuser = cluster.stack.access("primary", passwords.SUPERUSER)
    inside = replace(superuser, database="appdb")
    app = cluster.access("primary", passwords.APP, "appdb")
    with connect(superuser) as home, connect(inside) as database:
        database.execute("ALTER DATABASE appdb OWNER TO app")
        database.execute("ALTER SCHEMA public OWNER TO pg_database_owner")
        try:
            with connect(app) as connection:
                for statement in (*hostile.schema(), *hostile.settings("DATABASE appdb"), *_ON_ITSELF):
                    connection.execute(statement.encode())
            _step_into_it(inside)
            assert _more_than_it_should(cluster), "this test would prove nothing"
            home.execute("ALTER ROLE app SUPERUSER")
            with connect(_database_of_its_own(home, superuser)) as own:
                for session in (database, home, own):
                    for statement in hostile.triggers():
                        session.execute(statement.encode())
                for name in ("hostile_login", "hostile_ddl"):
                    session.execute(f"ALTER EVENT TRIGGER {name} OWNER TO app".encode())
            for statement in _AS_SUPERUSER:
                home.execute(statement.encode())
            yield
        finally:
            _clean(home, database)


def _database_of_its_own(home: "psycopg.Connection[object]", superuser: Access) -> Access:
    """What a role with CREATEDB makes is its own: it sets what it likes for everybody who comes into it."""
    made = replace(superuser, database=_ITS_OWN)
    home.execute(f"CREATE DATABASE {_ITS_OWN} OWNER app".encode())
    with connect(made) as connection:
        connection.execute("SET SESSION AUTHORIZATION app")
        for statement in (*hostile.schema(), *hostile.settings(f"DATABASE {_ITS_OWN}")):
            connection.execute(statement.encode())
    return made


_ITS_OWN = "test_hostile"


def _step_into_it(inside: Access) -> None:
    """What `up` did before, in the session that it had: the name of a catalog, found in the application's schema."""
    given_at_login = pinned("postgres", statement_timeout=30) | {"restrict_nonsystem_relation_kind": ""}
    del given_at_login["search_path"]
    with psycopg.connect(
        **login(inside), dbname="appdb", options=options(given_at_login), autocommit=True
    ) as connection:
        connection.execute("SELECT rolname FROM pg_authid")


_ON_ITSELF = (
    "ALTER ROLE app SET search_path = helper, public",
    "ALTER ROLE app SET default_transaction_isolation = 'serializable'",
    "ALTER DATABASE appdb CONNECTION LIMIT 50",
)
_AS_SUPERUSER = (
    "ALTER DATABASE postgres SET search_path = public",
    "ALTER DATABASE postgres SET statement_timeout = 1",
    "ALTER DATABASE postgres SET default_transaction_read_only = on",
    "ALTER ROLE postgres SET default_transaction_read_only = on",
    "ALTER ROLE monitor IN DATABASE postgres SET statement_timeout = 1",
    "ALTER ROLE archiver SET role = 'app'",
    "ALTER ROLE pooler SET search_path = public",
)


def _clean(home: "psycopg.Connection[object]", database: "psycopg.Connection[object]") -> None:
    for session in (home, database):
        for name in ("hostile_login", "hostile_ddl"):
            session.execute(f"DROP EVENT TRIGGER IF EXISTS {name}".encode())
        session.execute("DROP FUNCTION IF EXISTS public.trap() CASCADE")
    for what in ("DATABASE appdb", "DATABASE postgres", "ROLE postgres", "ROLE archiver", "ROLE pooler", "ROLE app"):
        home.execute(f"ALTER {what} RESET ALL".encode())
    home.execute("ALTER ROLE monitor IN DATABASE postgres RESET statement_timeout")
    home.execute(f"DROP DATABASE IF EXISTS {_ITS_OWN} WITH (FORCE)".encode())
    home.execute("ALTER DATABASE appdb CONNECTION LIMIT -1")
    home.execute("ALTER ROLE app NOSUPERUSER")
    database.execute("DROP TABLE IF EXISTS public.guarded")
    database.execute("DROP SCHEMA IF EXISTS helper CASCADE")
    for sign, kind in hostile.OPERATORS:
        database.execute(f"DROP OPERATOR IF EXISTS public.{sign} ({kind}, {kind})".encode())
        name = f"public.op_{'_'.join(str(ord(c)) for c in sign)}_{kind}"
        database.execute(f"DROP FUNCTION IF EXISTS {name}({kind}, {kind})".encode())


@pytest.mark.parametrize(
    "statement",
    [
        "CREATE SCHEMA of_its_own", "DROP SCHEMA of_its_own",
        "CREATE EXTENSION IF NOT EXISTS hstore", "DROP EXTENSION hstore",
        "CREATE TABLE public.kept_rights (n int)", "VACUUM public.kept_rights", "ANALYZE public.kept_rights",
        "CREATE PUBLICATION p FOR TABLE public.kept_rights", "DROP PUBLICATION p", "DROP TABLE public.kept_rights",
        "GRANT CREATE ON DATABASE appdb TO monitor", "REVOKE CREATE ON DATABASE appdb FROM monitor",
        "GRANT USAGE ON SCHEMA public TO monitor", "REVOKE USAGE ON SCHEMA public FROM monitor",
        "CREATE TEMPORARY TABLE t (n int)", "ALTER ROLE app IN DATABASE appdb SET work_mem = '8MB'",
        "ALTER ROLE app IN DATABASE appdb RESET ALL",
    ],
)  # fmt: skip
def test_an_application_does_in_its_database_what_it_could_before(cluster: Cluster, statement: str) -> None:
    cluster.query(statement, "primary", passwords.APP, "appdb")


@pytest.mark.parametrize(
    "change", ["SET search_path = public", "CONNECTION LIMIT 0", "RENAME TO other", "OWNER TO app"]
)
def test_an_application_changes_nothing_that_holds_for_everybody_in_it(cluster: Cluster, change: str) -> None:
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        cluster.query(f"ALTER DATABASE appdb {change}", "primary", passwords.APP, "appdb")
