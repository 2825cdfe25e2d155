"""Databases and roles by tasks: declared in the file, made, listed, and taken away with a way back."""

import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest

from cluster.postgres.connection import connect
from compose.operations.databases.inventory import ListedDatabase, ListedRole, all_roles, databases
from tests.fix_chaos import walk
from tests.fix_declared import Platform

BEFORE = "# mine\n\n[databases.old]  # stays\npool_size = 2\n\n# of Ada's\n[roles.ada]\nread = ['old']\n"


@pytest.fixture(scope="module")
def by_hand(declared_cluster: Platform) -> Iterator[Platform]:
    """The cluster with a file that somebody wrote."""
    platform = declared_cluster
    platform.declare(BEFORE)
    yield platform
    platform.write("")
    platform.query("DROP DATABASE old WITH (FORCE)", database="postgres")
    platform.query("DROP ROLE ada; DROP ROLE old_reader; DROP ROLE old; DROP ROLE IF EXISTS heir", database="postgres")
    platform.inv.ok("config.apply")


@pytest.fixture
def file(by_hand: Platform, platform: Platform) -> Iterator[Platform]:
    """The same for each test, which leaves nothing but what was written by hand."""
    yield platform
    platform.query("DROP DATABASE IF EXISTS depot WITH (FORCE)", database="postgres")
    if "clerk" in _roles(platform):
        platform.query("DROP OWNED BY clerk")
    for name in ("clerk", "depot_writer", "depot"):
        platform.query(f"DROP ROLE IF EXISTS {name}", database="postgres")
    if _text(platform) != BEFORE:
        platform.declare(BEFORE)


def _text(platform: Platform) -> str:
    return (platform.home.user_config / "databases.toml").read_text()


def _databases(platform: Platform) -> dict[str, ListedDatabase]:
    return {each.name: each for each in databases(platform.stack)}


def _roles(platform: Platform) -> dict[str, ListedRole]:
    return {each.name: each for each in all_roles(platform.stack)}


@contextmanager
def _writing(platform: Platform) -> Iterator[list[str]]:
    """A client of the application that writes through the pool meanwhile; what it was refused."""
    faults: list[str] = []
    over = threading.Event()

    def write() -> None:
        with platform.session("app", "appdb_write") as connection:
            connection.execute("CREATE TABLE IF NOT EXISTS beats (at timestamptz DEFAULT now())")
            while not over.wait(0.02):
                try:
                    connection.execute("INSERT INTO beats DEFAULT VALUES")
                except psycopg.Error as error:
                    faults.append(str(error))
                    return

    thread = threading.Thread(target=write)
    thread.start()
    try:
        yield faults
    finally:
        over.set()
        thread.join()


def _restored(platform: Platform, dump: Path, where: str) -> None:
    tool = ("--profile", "tools", "run", "--rm", "--no-deps", "-T", "--entrypoint", "pg_restore", "psql")
    options = (f"--dbname={where}", "--no-owner", "--no-privileges")
    with dump.open("rb") as stream:
        subprocess.run(["docker", "compose", *tool, *options], cwd=platform.home.path, stdin=stream, check=True)


def test_what_tasks_add_is_there_at_once_and_what_they_drop_can_be_had_again(file: Platform) -> None:
    platform = file
    with _writing(platform) as faults:
        made = platform.inv.ok("database.add", "depot", "--pool-size", "2")
        platform.inv.ok("role.add", "clerk", "--write", "depot", "--connection-limit", "3")
    assert faults == []
    assert made.out.splitlines() == [
        "database depot, owner depot",
        f"password: {platform.home.role_secrets / 'depot'}",
        "to connect: inv connect depot --role depot",
    ]
    assert _text(platform).startswith(BEFORE)
    platform.rows("depot", "depot", "CREATE TABLE public.stock (id int)")
    platform.rows("clerk", "depot_write", "INSERT INTO public.stock VALUES (7)")
    depot, clerk = _databases(platform)["depot"], _roles(platform)["clerk"]
    assert (depot.declared, depot.owner, depot.note, depot.logins) == (True, "depot", "", ("clerk", "depot"))
    assert (clerk.write, clerk.connection_limit, clerk.password_file) == (("depot",), 3, "secrets/roles/clerk")

    with platform.session("clerk", "depot", "primary") as inside:
        dropped = platform.inv.ok("database.drop", "depot", "--yes")
        with pytest.raises(psycopg.OperationalError):
            inside.execute("SELECT 1")
    assert "have a profile of it, and lose it: clerk" in dropped.err
    assert _text(platform) == BEFORE + "\n\n[roles.clerk]\nconnection_limit = 3\n"
    names = {row["rolname"] for row in platform.query("SELECT rolname FROM pg_roles", database="postgres")}
    assert not names & {"depot_reader", "depot_writer"}
    assert not [pool for pool in platform.stack.snapshot().pooler.pools if pool.name.startswith("depot")]
    assert "depot" not in _databases(platform)
    assert _roles(platform)["depot"].note == "not declared"

    (dump,) = platform.home.aside.glob("drop-depot-*.dump")
    assert dump.stat().st_mode & 0o777 == 0o600
    platform.inv.ok("database.add", "depot")
    _restored(platform, dump, "host=primary dbname=depot user=depot")
    dump.unlink()
    assert platform.rows("depot", "depot", "SELECT id FROM public.stock") == [(7,)]


@pytest.mark.parametrize(
    ("task", "code", "reason"),
    [
        (("database.add", "old"), 1, "databases.old is in config/databases.toml already"),
        (("role.add", "eve", "--read", "nowhere"), 1, "roles.eve.read names nowhere"),
        (("database.drop", "appdb", "--yes"), 3, "appdb is the cluster's own database"),
        (("database.drop", "nowhere", "--yes"), 1, "there is no database 'nowhere'"),
        (("database.drop", "old"), 3, "old was not dropped: nobody confirmed it"),
        (("role.drop", "old", "--yes"), 3, "old is the owner of the database old"),
    ],
)
def test_what_is_refused_changes_nothing(file: Platform, task: tuple[str, ...], code: int, reason: str) -> None:
    refused = file.inv(*task)
    assert refused.code == code, refused
    assert reason in refused.err
    assert _text(file) == BEFORE
    assert _databases(file)["old"].note == ""


def test_a_role_is_dropped_when_somebody_has_what_it_owns(file: Platform) -> None:
    platform = file
    platform.inv.ok("role.add", "clerk", "--read", "appdb")
    platform.query("CREATE ROLE heir; GRANT CREATE ON SCHEMA public TO clerk")
    platform.query("SET ROLE clerk; CREATE TABLE public.notes (id int)")
    platform.query("GRANT CONNECT ON DATABASE old TO clerk", database="postgres")
    refused = platform.inv("role.drop", "clerk", "--yes")
    assert refused.code == 3, refused
    assert "clerk owns 1 object: table public.notes in appdb" in refused.err
    mighty = platform.inv("role.drop", "clerk", "--reassign-to", "postgres", "--yes")
    assert "postgres may more than an application" in mighty.err
    with connect(platform.role("clerk", "appdb", "primary")) as inside:
        platform.inv.ok("role.drop", "clerk", "--reassign-to", "heir", "--yes")
        with pytest.raises(psycopg.OperationalError):
            inside.execute("SELECT 1")
    owners = platform.query("SELECT tableowner FROM pg_tables WHERE tablename = 'notes'")
    assert owners == [{"tableowner": "heir"}]
    platform.query("DROP TABLE public.notes")
    assert "clerk" not in _text(platform)
    assert "clerk" not in _roles(platform)
    assert not (platform.home.role_secrets / "clerk").exists()
    assert list(platform.home.role_secrets.glob(".clerk-*"))


@pytest.mark.parametrize("boundary", walk(range(6), sample=(4,)))
def test_a_drop_that_was_killed_loses_nothing_and_is_finished_by_itself(file: Platform, boundary: int) -> None:
    platform = file
    platform.inv.ok("database.add", "depot")
    platform.rows("depot", "depot", "CREATE TABLE public.stock AS SELECT 7 AS id")
    platform.inv.interrupted("KILL", boundary, "database.drop", "depot", "--yes")
    platform.inv.ok("up")
    if boundary < 4:
        assert platform.rows("depot", "depot", "SELECT id FROM public.stock") == [(7,)]
    there = platform.query("SELECT 1 FROM pg_database WHERE datname = 'depot'", database="postgres")
    assert bool(there) == (boundary < 5), "nobody makes an empty one of its name"
    again = platform.inv("database.drop", "depot", "--yes")
    assert again.code == (0 if boundary < 5 else 1), again
    assert "depot" not in _databases(platform)
    assert "depot" not in _text(platform)
    for dump in platform.home.aside.glob("drop-depot-*"):
        dump.unlink()
