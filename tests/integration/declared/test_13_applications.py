"""Two applications in two declared databases: Django with its own tests and a router, SQLAlchemy in both its kinds."""

import asyncio
import os
import ssl
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
import sqlalchemy
from sqlalchemy.ext.asyncio import create_async_engine

from cluster.config.env_file import PROJECT_ROOT
from cluster.errors import MachineError
from compose.home.role_passwords import role_files
from tests.applications import news
from tests.fix_declared import Platform
from tests.fix_wait import eventually

FILE = """
[databases.store]

[databases.news]
owner = "editor"
pool_mode = "session"
pool_size = 3

[roles.store]
create_databases = ["test_*", "store-shadow"]

[roles.auditor]
read = ["store", "news"]

[roles.till]
write = ["store"]
"""


@pytest.fixture(scope="module")
def made(declared_cluster: Platform) -> Iterator[Platform]:
    """The cluster with both databases and their tables; what the file said before comes back."""
    file = declared_cluster.home.user_config / "databases.toml"
    before = file.read_text() if file.exists() else ""
    declared_cluster.declare(FILE)
    _django(declared_cluster, "migrate")
    yield declared_cluster
    declared_cluster.declare(before)


def _django(platform: Platform, *arguments: str) -> str:
    """Output of `django-admin` in the application, as its owner."""
    access = platform.role("store", "store")
    variables = {
        "STORE_HOST": access.host,
        "STORE_PORT": str(access.port),
        "STORE_CA": str(platform.home.ca),
        "STORE_PASSFILE": str(role_files(platform.home, platform.stack.settings, "store").pgpass),
        "DJANGO_SETTINGS_MODULE": "tests.applications.django_store.settings",
    }
    done = subprocess.run(
        [sys.executable, "-W", "ignore::UserWarning", "-m", "django", *arguments],
        cwd=PROJECT_ROOT,
        env={"PATH": os.environ["PATH"], **variables},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def test_django_s_own_tests_pass_in_databases_that_their_runner_makes_and_drops(
    made: Platform, platform: Platform
) -> None:
    said = _django(platform, "test", "--noinput", "tests.applications.django_store")
    assert "Ran 7 tests" in said
    assert "OK" in said
    left = platform.query("SELECT datname FROM pg_database WHERE datname LIKE 'test%'")
    assert left == []


def test_reads_of_django_go_to_the_replica_and_writes_to_the_primary(made: Platform, platform: Platform) -> None:
    _django(platform, "shell", "--command", "from tests.applications.django_store.models import Customer; "
            "Customer.objects.create(email='d@example.org')")  # fmt: skip
    platform.wait_replayed()
    where = (
        "from django.contrib.auth.models import User; from django.db import router, connections; "
        "from tests.applications.django_store.models import Customer; "
        "c = connections[router.db_for_read(User)].cursor(); c.execute('SHOW in_hot_standby'); "
        "print(c.fetchone()[0], Customer.objects.get(email='d@example.org').email)"
    )
    assert "on d@example.org" in _django(platform, "shell", "--command", where)


def test_profiles_reach_what_a_migration_made(made: Platform, platform: Platform) -> None:
    platform.rows("till", "store", "INSERT INTO django_store_customer (email) VALUES ('e@example.org')")
    platform.wait_replayed()
    count = "SELECT count(*) > 0 FROM django_store_customer"
    assert platform.rows("auditor", "store_read", count) == [(True,)]
    for sql in ("DELETE FROM django_store_customer", "CREATE TABLE public.own (n int)"):
        with pytest.raises(psycopg.Error, match="denied"):
            platform.rows("auditor", "store", sql)
    for role, database in (("store", "news"), ("editor", "store"), ("till", "news_read"), ("auditor", "appdb")):
        with pytest.raises((MachineError, psycopg.Error), match=r"denied|rejects"):
            platform.rows(role, database, "SELECT 1")


def test_sqlalchemy_works_in_both_kinds_through_session_and_transaction_pools(
    made: Platform, platform: Platform
) -> None:
    access = platform.role("editor", "news")
    tls = {"sslmode": "verify-full", "sslrootcert": str(platform.home.ca)}
    parts: dict[str, Any] = {
        "username": "editor",
        "password": access.password,
        "host": access.host,
        "port": access.port,
    }
    plain = sqlalchemy.create_engine(sqlalchemy.URL.create("postgresql+psycopg", database="news", **parts, query=tls))
    try:
        news.migrate(plain)
        assert news.write(plain) == 20
    finally:
        plain.dispose()
    assert asyncio.run(_asynchronously(platform, parts)) == ["ada", "author 0", "author 1"]
    platform.wait_replayed()
    assert platform.rows("auditor", "news_read", "SELECT count(*), sum(words) FROM article") == [(60, 0)]


async def _asynchronously(platform: Platform, parts: dict[str, Any]) -> list[str]:
    trusted = ssl.create_default_context(cafile=str(platform.home.ca))
    url = sqlalchemy.URL.create("postgresql+asyncpg", database="news_write", **parts)
    engine = create_async_engine(url, connect_args={"ssl": trusted}, pool_size=3)
    try:
        return await news.work(engine)
    finally:
        await engine.dispose()


def test_databases_of_a_role_s_own_making_are_its_own_and_no_pools(made: Platform, platform: Platform) -> None:
    platform.rows("store", "postgres", 'CREATE DATABASE "store-shadow"')
    try:
        assert platform.rows("store", "store-shadow", "SELECT current_user::text") == [("store",)]
        # PostgreSQL waits five seconds for who is connected: what a runner that works side by side counts on
        platform.rows("store", "postgres", 'CREATE DATABASE test_clone TEMPLATE "store-shadow"')
        platform.rows("store", "postgres", "DROP DATABASE test_clone")
        for role, database in (("till", "store-shadow"), ("store", "test_none"), ("store", "elsewhere")):
            with pytest.raises(MachineError, match=r"no pg_hba\.conf entry|does not exist"):
                platform.rows(role, database, "SELECT 1")
        with pytest.raises(psycopg.Error, match="denied"):
            platform.rows("till", "postgres", "CREATE DATABASE test_till")
        names = {pool["name"].partition("_")[0] for pool in platform.status()["pools"]}
        assert names == {"appdb", "store", "news"}
    finally:
        eventually(lambda: platform.rows("store", "postgres", 'DROP DATABASE IF EXISTS "store-shadow"') == [])


def test_a_role_that_makes_databases_is_no_more_than_was_declared(made: Platform, platform: Platform) -> None:
    assert "has CREATEDB" not in platform.inv("doctor").err
