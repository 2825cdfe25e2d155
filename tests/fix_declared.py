"""A cluster whose databases and roles are declared, and logging in as one of them."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import psycopg
from psycopg.rows import tuple_row

from cluster.postgres.connection import Access, connect
from compose.home.role_passwords import read_one
from tests.fix_inv import Result
from tests.fix_stack import Cluster


@dataclass
class Platform(Cluster):
    """A cluster, and the file that says what is in it."""

    def declare(self, text: str) -> Result:
        """Write the file, and let it take effect."""
        self.write(text)
        return self.inv.ok("config.apply")

    def write(self, text: str) -> None:
        """Write the file."""
        self.home.user_config.mkdir(exist_ok=True)
        (self.home.user_config / "databases.toml").write_text(text)

    def role(self, name: str, database: str, service: str = "pgbouncer") -> Access:
        """How ``name`` logs in to a pool, or to a database of a node."""
        own = self.access(service, database=database)
        if name == self.stack.settings.user:
            return own
        known = read_one(self.home, self.stack.settings, name)
        return replace(own, user=known.login, password=known.password)

    @contextmanager
    def session(self, role: str, database: str, service: str = "pgbouncer") -> "Iterator[psycopg.Connection[Any]]":
        """A session of ``role`` as any client has it."""
        with connect(self.role(role, database, service)) as connection:
            yield connection

    def rows(self, role: str, database: str, sql: str, service: str = "pgbouncer") -> list[tuple[Any, ...]]:
        """What ``role`` gets of a statement there."""
        with self.session(role, database, service) as connection:
            cursor = connection.cursor(row_factory=tuple_row).execute(sql.encode())
            return cursor.fetchall() if cursor.description else []
