"""What clients leave behind in a pool, what is set behind PgBouncer's back, and what held."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
import pytest

from cluster import pgbouncer
from cluster.postgres.connection import connect
from compose.home import passwords
from tests.fix_stack import Cluster
from tests.fix_wait import eventually

ODD = "a:b@c/%20'\"\\ #?&=+ß"


@contextmanager
def client(
    cluster: Cluster, database: str = "appdb_write", **other: Any
) -> Iterator["psycopg.Connection[tuple[Any, ...]]"]:
    """A client as any application's: nothing of ours in its session."""
    access = cluster.access(database=database)
    login = {"user": access.user, "password": access.password, **other}
    with psycopg.connect(
        host=access.host, port=access.port, dbname=database, sslmode="verify-full",
        sslrootcert=str(access.ca), autocommit=True, **login,
    ) as connection:  # fmt: skip
        yield connection


def value(connection: "psycopg.Connection[tuple[Any, ...]]", sql: str) -> Any:
    """The first column of the first row."""
    row = connection.execute(sql.encode()).fetchone()
    assert row is not None
    return row[0]


@pytest.fixture(scope="module")
def one_server(shared: Cluster) -> Iterator[Cluster]:
    """All clients of a pool share one server connection, so that each gets what the one before had."""
    console = shared.access("pgbouncer", passwords.ADMIN, pgbouncer.CONSOLE)
    with connect(console, console=True) as pooler:
        pooler.execute("SET default_pool_size = 1")
        pooler.execute("RECONNECT")
    shared.query('CREATE ROLE other; GRANT other TO app; CREATE SCHEMA "AB"; CREATE SCHEMA "Ab"')
    yield shared
    shared.query('DROP SCHEMA "AB"; DROP SCHEMA "Ab"; DROP ROLE other')
    with connect(console, console=True) as pooler:
        pgbouncer.reload(pooler)


@pytest.mark.parametrize(
    ("leave", "look"),
    [
        ("SET ROLE other", "SELECT current_user"),
        ("SET my.tenant = '42'", "SELECT coalesce(current_setting('my.tenant', true), '')"),
        ("SET statement_timeout = 1234", "SHOW statement_timeout"),
        ("SET row_security = off", "SHOW row_security"),
        ("SET SESSION CHARACTERISTICS AS TRANSACTION ISOLATION LEVEL SERIALIZABLE", "SHOW transaction_isolation"),
        ("SET search_path = other", "SHOW search_path"),
        ("SELECT pg_advisory_lock(42)", "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'"),
        ("DECLARE n1 CURSOR WITH HOLD FOR SELECT 1", "SELECT count(*) FROM pg_cursors"),
        ("LISTEN news", "SELECT count(*) FROM pg_listening_channels()"),
        ("CREATE TEMPORARY TABLE leftover (n int)", "SELECT to_regclass('pg_temp.leftover') IS NULL"),
    ],
    ids=lambda text: text.split(" FROM ")[0][:24],
)
def test_nothing_is_left_for_the_next_client(one_server: Cluster, leave: str, look: str) -> None:
    with client(one_server) as first, client(one_server) as second:
        clean = (value(second, "SELECT pg_backend_pid()"), value(second, look))
        assert value(first, "SELECT pg_backend_pid()") == clean[0], "they do not share a server connection"
        first.execute(leave.encode())
        assert (value(second, "SELECT pg_backend_pid()"), value(second, look)) == clean


def test_each_client_keeps_its_own_search_path(one_server: Cluster) -> None:
    long = ", ".join(f"schema_{number:04}" for number in range(900))
    with client(one_server) as first, client(one_server) as second, client(one_server) as third:
        first.execute('SET search_path = "AB"')
        second.execute('SET search_path = "Ab"')
        third.execute(f"SET search_path = {long}".encode())
        for _ in range(2):
            assert [value(each, "SHOW search_path") for each in (first, second, third)] == ['"AB"', '"Ab"', long]


def test_a_dump_s_empty_search_path_ends_its_client_at_once_and_not_half_way(one_server: Cluster) -> None:
    """As long as PgBouncer cannot restore it, that must not depend on how busy the pool is."""
    with client(one_server) as dump:
        dump.execute("SELECT pg_catalog.set_config('search_path', '', false)")
        with pytest.raises(psycopg.OperationalError, match="invalid server parameter"):
            dump.execute("CREATE TABLE half_done (n int)")
    with client(one_server) as after:
        assert value(after, "SELECT to_regclass('half_done') IS NULL")


def test_a_dump_from_stdin_keeps_its_session_and_its_rows(one_server: Cluster) -> None:
    rows = "".join(f"{number}\n" for number in range(500))
    dump = (
        "SELECT pg_catalog.set_config('search_path', '', false); DROP TABLE IF EXISTS public.restored;"
        f"CREATE TABLE public.restored (n int);\nCOPY public.restored FROM stdin;\n{rows}\\.\nSET row_security = off;\n"
    )
    one_server.inv.ok("psql", stdin=dump)
    with client(one_server) as after:
        assert (value(after, "SELECT count(*) FROM restored"), value(after, "SHOW row_security")) == (500, "on")


def test_silence_within_a_transaction_has_an_end(one_server: Cluster) -> None:
    console = one_server.access("pgbouncer", passwords.ADMIN, pgbouncer.CONSOLE)
    with connect(console, console=True) as pooler, client(one_server) as silent:
        silent.execute("BEGIN")
        pooler.execute("SET idle_transaction_timeout = 1")
        with client(one_server) as waiting:
            assert value(waiting, "SELECT 1") == 1, "the only server connection was given back"
        pooler.execute("SET idle_transaction_timeout = 0")
        with pytest.raises(psycopg.OperationalError):
            silent.execute("COMMIT")


def test_a_query_is_cancelled_and_its_client_goes_on(one_server: Cluster) -> None:
    with client(one_server) as busy:
        stop = threading.Timer(0.5, busy.cancel_safe)
        stop.start()
        with pytest.raises(psycopg.errors.QueryCanceled):
            busy.execute("SELECT pg_sleep(60)")
        stop.join()
        assert value(busy, "SELECT 1") == 1


def test_a_copy_that_is_broken_off_leaves_the_pool_usable(one_server: Cluster) -> None:
    with client(one_server) as copying:
        copying.execute("CREATE TABLE IF NOT EXISTS copied (n int)")
        with pytest.raises(psycopg.errors.InvalidTextRepresentation):
            _copy(copying, b"1\nno number\n")
    vanishing = client(one_server)
    with vanishing as gone:
        gone.pgconn.send_query(b"COPY copied FROM STDIN")
        gone.pgconn.flush()
        gone.pgconn.finish()
    eventually(lambda: _idle(one_server), what="the server connection is given back")
    with client(one_server) as after:
        assert value(after, "SELECT count(*) FROM copied") == 0


def _copy(connection: "psycopg.Connection[tuple[Any, ...]]", rows: bytes) -> None:
    with connection.cursor().copy("COPY copied FROM STDIN") as copy:
        copy.write(rows)


def _idle(cluster: Cluster) -> bool:
    with connect(cluster.access("pgbouncer", passwords.ADMIN, pgbouncer.CONSOLE), console=True) as pooler:
        return all(pool.servers_active == 0 for pool in pgbouncer.read_pools(pooler))


def test_a_password_of_odd_characters_passes_and_a_new_one_holds_at_once(one_server: Cluster) -> None:
    def change(word: str) -> None:
        quoted = word.replace("'", "''")
        one_server.query(f"ALTER ROLE odd LOGIN PASSWORD '{quoted}'")

    one_server.query("CREATE ROLE odd")
    try:
        change(ODD)
        with client(one_server, user="odd", password=ODD) as connected:
            change(ODD[::-1])
            assert value(connected, "SELECT current_user") == "odd"
            with (
                pytest.raises(psycopg.OperationalError, match="SASL authentication failed"),
                client(one_server, user="odd", password=ODD),
            ):
                pass
            with client(one_server, user="odd", password=ODD[::-1]) as new:
                assert value(new, "SELECT current_user") == "odd"
    finally:
        one_server.query("DROP ROLE odd")


def test_what_is_set_on_a_role_reaches_clients_of_pools(one_server: Cluster) -> None:
    def seen() -> list[Any]:
        with client(one_server) as new:
            return [value(new, "SHOW timezone"), value(new, "SHOW work_mem")]

    before = seen()
    try:
        one_server.query("ALTER ROLE app SET timezone = 'Europe/Vienna'; ALTER ROLE app SET work_mem = '7MB'")
        assert "opens its server connections anew" in one_server.inv.ok("up").err
        assert seen() == ["Europe/Vienna", "7MB"]
    finally:
        one_server.query("ALTER ROLE app RESET ALL")
        one_server.inv.ok("pool.reconnect")
    assert seen() == before
