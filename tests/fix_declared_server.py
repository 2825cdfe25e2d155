"""A server on which declared databases and roles are made by the parts that `inv up` uses, without a cluster."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import psycopg

from cluster.config.env_file import with_declarations
from cluster.config.settings import Settings
from cluster.postgres.connection import Access, connect
from compose.home import passwords
from compose.operations import provision
from compose.operations.databases import execution
from compose.operations.databases.drift import Drift
from compose.operations.databases.execution import Converged
from compose.operations.databases.plan import ServerChange
from tests.fix_images import image
from tests.fix_postgres import PASSWORD, Server, box, primary
from tests.fix_settings import settings_of

ROOM = "2000"
"""Connections that pools may count on: no server is asked for them."""


@dataclass
class DeclaredServer:
    """The server, and how its declarations are converged; every password is the same."""

    server: Server
    base: Settings = field(default_factory=lambda: settings_of(max_connections=ROOM))
    patience: float = 60.0
    """Seconds that one statement may wait."""

    @property
    def superuser(self) -> Access:
        """As `up` logs in."""
        return replace(self.server.access, statement_timeout=self.patience)

    def settings(self, text: str) -> Settings:
        """With this text of config/databases.toml."""
        return with_declarations(self.base, text)

    def converge(self, text: str) -> Converged:
        """Make what it declares."""
        settings = self.settings(text)
        return execution.converge(self.superuser, settings, self._passwords(settings))

    def planned(self, text: str) -> tuple[list[ServerChange], list[Drift]]:
        """What there is to do, and what is not declared."""
        settings = self.settings(text)
        return execution.planned(self.superuser, settings, self._passwords(settings))

    def _passwords(self, settings: Settings) -> dict[str, str]:
        return {role.name: PASSWORD for role in settings.declared.roles if role.login and role.name != settings.user}

    def provision(self) -> None:
        """The cluster's own roles, and the application's database."""
        by_name = dict.fromkeys((*passwords.ALL, *passwords.LATER), PASSWORD)
        provision.converge(self.server.access, self.base, passwords.Passwords(by_name), [])

    def sql(self, database: str, *statements: str, role: str = "") -> list[dict[str, Any]]:
        """The rows of the last statement, as the superuser, or as ``role``, in a session as any client has it."""
        access = replace(self.server.access, database=database, pinned=False)
        with connect(replace(access, user=role) if role else access) as connection:
            for statement in statements:
                cursor = connection.execute(statement.encode())
            return cursor.fetchall() if cursor.description else []

    @contextmanager
    def session(self, database: str, role: str = "") -> Iterator["psycopg.Connection[Any]"]:
        """One that stays open."""
        access = replace(self.server.access, database=database, pinned=False)
        with connect(replace(access, user=role) if role else access) as connection:
            yield connection


@contextmanager
def declared_server(path: Path) -> Iterator[DeclaredServer]:
    """One, with the cluster's own roles; gone afterwards."""
    with box(path, image()) as made:
        server = primary(made, "declared", 15432, max_connections="60")
        found = DeclaredServer(server)
        found.provision()
        yield found
