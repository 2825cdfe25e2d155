"""Clients with other people's drivers: each writes through a pool for as long as it runs, and none may see an error."""

import asyncio
import ssl
import threading
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field, replace
from itertools import count
from typing import Any

import psycopg

from cluster.endpoints import POOLER
from cluster.postgres.connection import Access, connect
from compose.home import passwords
from compose.stack import Stack
from tests.fix_wait import eventually

ATTRIBUTES = ("any", "read-write", "read-only", "primary", "standby", "prefer-standby")
"""What a client of libpq may want of a server (target_session_attrs)."""
INSERT = "INSERT INTO driver_rows VALUES (%s, %s)"
COUNT = "SELECT count(*) FROM driver_rows WHERE driver = %s"
_BETWEEN = 0.01
"""Seconds from one transaction to the next: what is tried is that each is answered, not how many are."""
Write = Callable[[int], int]
"""Commits a row with a number; how many rows the driver then has, as its own transaction saw."""


def keywords(access: Access, **more: Any) -> dict[str, Any]:
    """For libpq."""
    server = {"host": access.host, "port": access.port, "dbname": access.database}
    trust = {"sslmode": "verify-full", "sslrootcert": str(access.ca)}
    return {**server, "user": access.user, "password": access.password, **trust, "connect_timeout": 30, **more}


def _committed(connection: "psycopg.Connection[Any]", driver: str, number: int) -> int:
    with connection.transaction():
        connection.execute(INSERT, (driver, number))
        row = connection.execute(COUNT, (driver,)).fetchone()
    return int(row[0]) if row else 0


@contextmanager
def psycopg_prepared(access: Access) -> Iterator[Write]:
    """One connection, and statements prepared by name at their first use."""
    with psycopg.connect(**keywords(access, prepare_threshold=0)) as connection:
        yield lambda number: _committed(connection, "psycopg_prepared", number)


@contextmanager
def psycopg_again(access: Access) -> Iterator[Write]:
    """A connection for each transaction, by a client that wants a server that takes writes."""

    def write(number: int) -> int:
        with psycopg.connect(**keywords(access, target_session_attrs="read-write")) as connection:
            return _committed(connection, "psycopg_again", number)

    yield write


@contextmanager
def simple_protocol(access: Access) -> Iterator[Write]:
    """Texts without parameters, several statements in one, as JDBC sends them with ``preferQueryMode=simple``."""
    with psycopg.connect(**keywords(access), cursor_factory=psycopg.ClientCursor, autocommit=True) as connection:

        def write(number: int) -> int:
            values = ("simple_protocol", number, "simple_protocol")
            cursor = connection.execute(f"BEGIN; {INSERT}; {COUNT}; COMMIT", values)
            while cursor.description is None and cursor.nextset():
                pass
            row = cursor.fetchone()
            return int(row[0]) if row else 0

        yield write


@contextmanager
def psycopg_async(access: Access) -> Iterator[Write]:
    """The asynchronous connection."""
    with asyncio.Runner() as runner:
        connection = runner.run(psycopg.AsyncConnection.connect(**keywords(access, prepare_threshold=0)))

        async def write(number: int) -> int:
            async with connection.transaction():
                await connection.execute(INSERT, ("psycopg_async", number))
                row = await (await connection.execute(COUNT, ("psycopg_async",))).fetchone()
            return int(row[0]) if row else 0

        yield lambda number: runner.run(write(number))
        runner.run(connection.close())


@contextmanager
def asyncpg_pool(access: Access) -> Iterator[Write]:
    """asyncpg's own pool: every statement of its is prepared."""
    import asyncpg

    trust = ssl.create_default_context(cafile=str(access.ca))
    server = {"host": access.host, "port": access.port, "database": access.database}
    insert, counted = INSERT.replace("%s", "${}").format(1, 2), COUNT.replace("%s", "$1")

    async def opened() -> Any:
        login = {"user": access.user, "password": access.password, "ssl": trust}
        return await asyncpg.create_pool(**server, **login, min_size=2, max_size=2)

    with asyncio.Runner() as runner:
        pool = runner.run(opened())

        async def write(number: int) -> int:
            async with pool.acquire() as connection, connection.transaction():
                await connection.execute(insert, "asyncpg_pool", number)
                return int(await connection.fetchval(counted, "asyncpg_pool"))

        yield lambda number: runner.run(write(number))
        runner.run(pool.close())


@contextmanager
def django_models(access: Access) -> Iterator[Write]:
    """Django's models on a connection that it keeps."""
    import django
    from django.conf import settings

    options = {name: keywords(access)[name] for name in ("sslmode", "sslrootcert", "connect_timeout")}
    server = {"HOST": access.host, "PORT": access.port, "NAME": access.database}
    login = {"USER": access.user, "PASSWORD": access.password, "CONN_MAX_AGE": None}
    kept = {"ENGINE": "django.db.backends.postgresql", "DISABLE_SERVER_SIDE_CURSORS": True, "OPTIONS": options}
    if not settings.configured:
        settings.configure(DATABASES={"default": {**kept, **server, **login}})
        django.setup()
    from django.db import connection, models, transaction

    class DriverRow(models.Model):  # type: ignore[misc]
        pk = models.CompositePrimaryKey("driver", "number")
        driver = models.TextField()
        number = models.IntegerField()

        class Meta:
            app_label, db_table = "pods", "driver_rows"

    def write(number: int) -> int:
        with transaction.atomic():
            DriverRow.objects.create(driver="django_models", number=number)
            return int(DriverRow.objects.filter(driver="django_models").count())

    yield write
    connection.close()


DRIVERS: dict[str, Callable[[Access], AbstractContextManager[Write]]] = {
    each.__name__: each
    for each in (psycopg_prepared, psycopg_again, simple_protocol, psycopg_async, asyncpg_pool, django_models)
}


@dataclass
class DriverClients:
    """One client of each driver, each in a thread of its own."""

    access: Access
    committed: dict[str, int] = field(default_factory=dict)
    errors: list[str] = field(default_factory=list)

    def _prepare(self) -> None:
        with connect(self.access) as connection:
            connection.execute("DROP TABLE IF EXISTS driver_rows")
            connection.execute("CREATE TABLE driver_rows (driver text, number int, PRIMARY KEY (driver, number))")

    @contextmanager
    def running(self) -> Iterator["DriverClients"]:
        """They write into an empty table while the body runs."""
        self._prepare()
        stop = threading.Event()
        threads = [threading.Thread(target=self._work, args=(name, stop), daemon=True) for name in DRIVERS]
        for thread in threads:
            thread.start()
        try:
            yield self
        finally:
            stop.set()
            for thread in threads:
                thread.join(60)

    def await_progress(self) -> None:
        """Until each has committed once more."""
        before = dict(self.committed)

        def gone_on() -> bool:
            return bool(self.errors) or all(self.committed.get(name, 0) > before.get(name, 0) for name in DRIVERS)

        eventually(gone_on, 60, "not every driver's client goes on")

    def _work(self, driver: str, stop: threading.Event) -> None:
        self.committed[driver] = 0
        try:
            with DRIVERS[driver](self.access) as write:
                for number in count(1):
                    if stop.wait(_BETWEEN):
                        return
                    assert write(number) == number, f"row {number} is not alone, or its own transaction does not see it"
                    self.committed[driver] = number
        except Exception as error:  # noqa: BLE001 - whatever a client sees is what is counted
            self.errors.append(f"{driver}: {type(error).__name__}: {error}")

    def rows(self) -> dict[str, int]:
        """What is there."""
        with connect(self.access) as connection:
            found = connection.execute("SELECT driver, count(*) AS rows FROM driver_rows GROUP BY driver").fetchall()
        return {row["driver"]: row["rows"] for row in found}


def found_by(servers: Sequence[Access], attribute: str) -> bool | None:
    """Whether the server that a client with ``attribute`` comes to is a standby; None where it finds none."""
    hosts = {name: ",".join(str(getattr(each, name)) for each in servers) for name in ("host", "port")}
    try:
        with psycopg.connect(**keywords(servers[0], target_session_attrs=attribute, **hosts)) as connection:
            row = connection.execute("SELECT pg_is_in_recovery()").fetchone()
            return bool(row and row[0])
    except psycopg.OperationalError:
        return None


def wrong_everywhere(stack: Stack) -> list[str]:
    """`wrong_roles` of every pool, and of a client that knows all nodes."""

    def server(service: str, database: str) -> Access:
        return replace(stack.access(service, passwords.APP, database), pinned=False)

    topology = stack.topology
    direct = [server(node, stack.settings.database) for node in topology.names]
    wrong = wrong_roles(direct, {topology.role(node) for node in topology.names})
    for pool, nodes in stack.pools.items():
        wrong += wrong_roles([server(POOLER, pool)], {topology.role(node) for node in nodes})
    return wrong


def wrong_roles(servers: Sequence[Access], roles: Collection[str]) -> list[str]:
    """What clients with each attribute find that they should not; ``roles`` are those of the servers they try."""
    standby, primary = "replica" in roles, "primary" in roles
    wanted: dict[str, set[bool | None]] = {
        "any": {role == "replica" for role in roles},
        "read-write": {False if primary else None},
        "primary": {False if primary else None},
        "read-only": {True if standby else None},
        "standby": {True if standby else None},
        "prefer-standby": {standby},
    }
    seen = {attribute: found_by(servers, attribute) for attribute in ATTRIBUTES}
    return [f"{servers[0].database} {name}: {role}" for name, role in seen.items() if role not in wanted[name]]
