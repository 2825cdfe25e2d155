"""`inv database.drop`: closed to its clients, its last state kept, taken out of the file, dropped; in this order.

Killed before it is out of the file, `up` opens it again. Killed after that, it is there and not declared: nothing makes
an empty one of its name, and running the same again goes on.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from cluster.config.databases import FILE, DatabaseDeclaration
from cluster.config.databases_file import RESERVED_DATABASES
from cluster.config.databases_text import without_entry
from cluster.documents import printable
from cluster.errors import MachineError, PodsError, RefusedError, UsageError
from cluster.postgres.connection import Access, connect, execute, fetch_all, fetch_one
from cluster.postgres.failures import one_line
from cluster.roles import MAINTENANCE
from cluster.units import human_size
from compose.console import Console, Progress, ask
from compose.home.declarations_file import DeclarationsFile
from compose.operations.apply_config import apply_changes, refuse_restarts
from compose.operations.databases.catalog import ServerRole
from compose.operations.databases.inventory import DatabaseSummary, database_summary
from compose.operations.databases.last_state import LastState
from compose.operations.home_identity import changing
from compose.operations.steps import Step, perform
from compose.stack import Stack

if TYPE_CHECKING:
    import psycopg

_HINDRANCES = ("prepared transaction", "subscription", "active replication slot")
"""With one of these PostgreSQL drops no database, or something elsewhere would go on by itself."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DatabaseUser:
    """What uses a database: a kind and a name."""

    kind: str
    name: str

    def __str__(self) -> str:
        return f"{self.kind} {printable(self.name)}"


def drop_database(stack: Stack, console: Console, name: str, *, yes: bool) -> str:
    """Take a database away, having asked for its name; what gets its last state back, "" where there was none.

    Raises:
        PodsError: it is refused or not confirmed, or something stood in the way; says how far it came.
    """
    with changing(stack, "database.drop") as stack:
        drop = DatabaseDrop(stack, console, name)
        drop.check()
        if not ask(f"This drops the database {printable(name)} with all that is in it.", yes=yes, expect=name):
            raise RefusedError(f"{name} was not dropped: nobody confirmed it", f"type {name}, or give --yes")
        perform(drop.steps(), console)
        drop.tidy()
        return drop.state.command


class DatabaseDrop:
    """One database on its way out; the cluster is held meanwhile."""

    def __init__(self, stack: Stack, console: Console, name: str) -> None:
        self._stack = stack
        self._console = console
        self._name = name
        self._file = DeclarationsFile(stack.home)
        self._text, self._remaining = self._file.text, stack
        self._entered = name in {each.name for each in stack.settings.declarations.databases}
        self._found: DatabaseSummary | None = None
        self.state = LastState(stack, console, name)

    @property
    def _superuser(self) -> Access:
        """To the primary, for what may take its time."""
        return replace(self._stack.superuser(self._stack.topology.primary), statement_timeout=0)

    def check(self) -> None:
        """Refuse what cannot be dropped, and say what depends on what can.

        Raises:
            PodsError: it is the cluster's own, there is none, or something in it is to be ended first.
        """
        name = self._name
        if name == self._stack.settings.database or name in RESERVED_DATABASES | {MAINTENANCE}:
            raise RefusedError(f"{name} is the cluster's own database, and stays", "inv database.list shows the others")
        with connect(self._superuser) as connection:
            known = {row.name: row for row in fetch_all(connection, "database_summary", database_summary)}
            users = fetch_all(connection, "database_users", DatabaseUser, [name])
            roles = {role.name for role in fetch_all(connection, "server_roles", ServerRole)}
        self._found = known.get(name)
        if self._found is None and not self._entered and not roles.intersection(self._groups):
            raise UsageError(
                f"there is no database {printable(name)!r}", f"there are: {', '.join(map(printable, known))}"
            )
        if hindrance := next((each for each in users if each.kind in _HINDRANCES), None):
            raise RefusedError(
                f"{printable(name)} has the {hindrance}", "end it first: docs/how-to/databases.md says how"
            )
        if self._entered:
            self._text, settings = self._file.changed(
                self._stack.settings, lambda text: without_entry(text, "databases", name)
            )
            self._remaining = replace(self._stack, settings=settings)
        refuse_restarts(self._remaining)
        self._describe(users)

    @property
    def _groups(self) -> tuple[str, str]:
        declared = DatabaseDeclaration(name=self._name)
        return declared.reader, declared.writer

    def _describe(self, users: Iterable[DatabaseUser]) -> None:
        if self._found is None:
            self._console.note(f"there is no database {printable(self._name)} in the server; what is left of it goes")
            return
        size, owner = human_size(self._found.size), printable(self._found.owner)
        self._console.note(f"{printable(self._name)} has {size}, and belongs to {owner}")
        for each in users:
            self._console.note(f"in use: {each}")
        profiles = [each.name for each in self._stack.settings.declared.roles if self._name in each.profiles]
        if profiles:
            self._console.note(f"have a profile of it, and lose it: {', '.join(profiles)}")

    def steps(self) -> Iterator[Step]:
        """Until it is out of the file everything is taken back; after that there is only forward."""
        name = printable(self._name)
        if self._found is not None:
            yield Step("Looking for a backup to begin with", self.state.prepare, quiet=True)
            yield Step(f"Closing {name} to its clients", lambda _: self._close(), self._open)
            yield Step("Keeping its last state", self.state.keep, quiet=self.state.archived)
        if self._entered:
            yield Step(f"Taking {name} out of config/{FILE}", lambda _: self._file.write(self._text), final=True)
        yield Step(f"Dropping {name}", self._drop)

    def _close(self) -> None:
        """Only the superuser gets in from now on, who has to for a dump."""
        with connect(self._superuser) as connection:
            self._limit(connection, 0)
            fetch_one(connection, "end_database_sessions", dict[str, Any], [self._name])

    def _open(self) -> None:
        with connect(self._superuser) as connection:
            self._limit(connection, -1)

    def _limit(self, connection: "psycopg.Connection[Any]", limit: int) -> None:
        from psycopg import sql

        execute(connection, "limit_database", database=self._name, limit=sql.Literal(limit))

    def _drop(self, _: Progress) -> None:
        """With FORCE, since the superuser's tools of others may have come in."""
        import psycopg

        try:
            with connect(self._superuser) as connection:
                execute(connection, "drop_database", database=self._name)
                for group in self._groups:
                    self._drop_group(connection, group)
        except psycopg.Error as error:
            raise MachineError(
                f"{printable(self._name)} is closed and not declared any more, and not dropped: {one_line(error)}",
                "run the same again, which goes on",
            ) from None

    def _drop_group(self, connection: "psycopg.Connection[Any]", group: str) -> None:
        """One that somebody gave rights in another database stays, and is named."""
        import psycopg

        known = {role.name: role for role in fetch_all(connection, "server_roles", ServerRole)}
        declared = {role.name for role in self._remaining.settings.declared.roles}
        if group not in known or known[group].login or known[group].mighty or group in declared:
            return
        try:
            execute(connection, "drop_role", role=group)
        except psycopg.Error as error:
            self._console.warn(f"the group {group} stays: {one_line(error)}")

    def tidy(self) -> None:
        """Its pools and lines of pg_hba.conf go. It is dropped by now, so that what stands in the way is a warning."""
        try:
            apply_changes(self._remaining, self._console)
        except PodsError as fault:
            self._console.warn(f"its pools stay until the next inv up: {fault.message}")
