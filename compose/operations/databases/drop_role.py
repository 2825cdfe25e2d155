"""`inv role.drop`: its sessions ended, out of the file, its rights taken back in every database, dropped.

Killed before it is out of the file, `up` lets it log in again; killed after that, running the same again goes on. What
a role owns is never dropped with it: either there is nothing, or somebody else gets it.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from cluster import roles
from cluster.config.databases import FILE
from cluster.config.databases_file import RESERVED_ROLES
from cluster.config.databases_text import without_entry
from cluster.documents import printable
from cluster.errors import MachineError, PodsError, RefusedError, UsageError
from cluster.postgres.connection import Access, connect, execute, fetch_all, fetch_one
from cluster.postgres.failures import one_line
from cluster.second_login import second_login
from compose.console import Console, Progress, ask
from compose.home.declarations_file import DeclarationsFile
from compose.home.role_passwords import set_aside
from compose.operations.apply_config import apply_changes, refuse_restarts
from compose.operations.databases.catalog import ServerRole
from compose.operations.home_identity import changing
from compose.operations.steps import Step, perform
from compose.stack import Stack

if TYPE_CHECKING:
    import psycopg

_SHOWN = 5
"""Objects that are named."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RoleDependencies:
    """How much depends on a role in one database, "" for what all share: objects it owns, and all that was found."""

    database: str
    owned: int
    found: int


def drop_role(stack: Stack, console: Console, name: str, *, heir: str | None, yes: bool) -> None:
    """Take a role away, having asked for its name; ``heir`` gets what it owns.

    Raises:
        PodsError: it is refused or not confirmed, or something stood in the way; says how far it came.
    """
    with changing(stack, "role.drop") as stack:
        drop = RoleDrop(stack, console, name, heir)
        drop.check()
        if not ask(f"This drops the role {printable(name)}.", yes=yes, expect=name):
            raise RefusedError(f"{name} was not dropped: nobody confirmed it", f"type {name}, or give --yes")
        perform(drop.steps(), console)
        drop.tidy()


class RoleDrop:
    """One role on its way out; the cluster is held meanwhile."""

    def __init__(self, stack: Stack, console: Console, name: str, heir: str | None) -> None:
        self._stack = stack
        self._console = console
        self._name = name
        self._heir = heir
        self._file = DeclarationsFile(stack.home)
        self._text, self._remaining = self._file.text, stack
        self._entered = name in {each.name for each in stack.settings.declarations.roles}
        self._known: ServerRole | None = None
        self._second: ServerRole | None = None
        self._dependencies: list[RoleDependencies] = []

    @property
    def _superuser(self) -> Access:
        return replace(self._stack.superuser(self._stack.topology.primary), statement_timeout=0)

    def check(self) -> None:
        """Refuse who cannot go, and say what depends on who can.

        Raises:
            PodsError: it is the cluster's, a database's owner, or owns something that nobody is to have.
        """
        name = self._name
        self._refuse_needed()
        with connect(self._superuser) as connection:
            known = {role.name: role for role in fetch_all(connection, "server_roles", ServerRole)}
            self._dependencies = fetch_all(connection, "role_dependencies", RoleDependencies, [name])
            memberships = fetch_all(connection, "memberships", dict[str, Any])
        self._known = known.get(name)
        if {"member": second_login(name), "group": name} in memberships:
            self._second = known.get(second_login(name))
        if self._known is None and not self._entered:
            raise UsageError(f"there is no role {printable(name)!r}", "inv role.list shows those there are")
        self._check_heir(known)
        if self._heir is None:
            self._refuse_owner()
        if self._entered:
            self._text, settings = self._file.changed(
                self._stack.settings, lambda text: without_entry(text, "roles", name)
            )
            self._remaining = replace(self._stack, settings=settings)
        refuse_restarts(self._remaining)
        self._describe()

    def _refuse_needed(self) -> None:
        name, declared = self._name, self._stack.settings.declared
        if name == self._stack.settings.user or name in RESERVED_ROLES | {"rewinder"} or name.startswith("pg_"):
            raise RefusedError(f"{name} is a role of the cluster itself, and stays", "inv role.list shows the others")
        for database in declared.databases:
            if name == database.owner:
                hint = f"give it another owner in config/{FILE} and run inv config.apply, or drop it first"
                raise RefusedError(f"{name} is the owner of the database {database.name}", hint)
            if name in (database.reader, database.writer):
                raise RefusedError(f"{name} is the group of a profile of {database.name}", "it goes with that database")

    def _check_heir(self, known: dict[str, ServerRole]) -> None:
        """What it owns may run with its owner's rights: nobody inherits it who is more than an application."""
        heir = self._heir
        if heir is None:
            return
        if heir == self._name or heir not in known:
            raise UsageError(
                f"--reassign-to {printable(heir)}: there is no such other role", "inv role.list shows them"
            )
        if known[heir].mighty or heir in RESERVED_ROLES | {role.name for role in roles.SERVICES}:
            raise RefusedError(
                f"{heir} may more than an application, and functions of {self._name} could use that",
                "name another role",
            )

    def _refuse_owner(self) -> None:
        if not any(each.owned for each in self._dependencies):
            return
        count = sum(each.owned for each in self._dependencies)
        names = [name for each in self._dependencies if each.owned for name in self._owned_in(each.database)]
        shown = "; ".join(names[:_SHOWN]) + ("; …" if count > _SHOWN else "")
        hint = "to give them to somebody: inv role.drop " + f"{self._name} --reassign-to ROLE"
        raise RefusedError(f"{printable(self._name)} owns {count} object{'s' if count > 1 else ''}: {shown}", hint)

    def _owned_in(self, database: str) -> list[str]:
        access = replace(self._superuser, database=database or roles.HOME)
        with connect(access) as connection:
            found = fetch_all(connection, "owned_objects", lambda description: str(description), [self._name])
        return [printable(f"{each} in {database}" if database else each) for each in found]

    def _describe(self) -> None:
        for each in self._dependencies:
            where = f"in {printable(each.database)}" if each.database else "in the whole cluster"
            fate = f"{each.owned} objects go to {self._heir}, and " if each.owned else ""
            rights = each.found - each.owned
            self._console.note(f"{where}: {fate}{rights} rights are taken back")
        declared = self._stack.settings.declared.roles
        members = [each.name for each in declared if self._name in each.member_of]
        if members:
            self._console.note(f"lose what it may: {', '.join(members)}")

    def steps(self) -> Iterator[Step]:
        """Until it is out of the file everything is taken back; after that there is only forward."""
        name = printable(self._name)
        if self._logins:
            yield Step(f"Ending the sessions of {name}", lambda _: self._close(), self._admit)
        if self._entered:
            yield Step(f"Taking {name} out of config/{FILE}", lambda _: self._file.write(self._text), final=True)
        yield Step(f"Dropping {name}", self._drop)

    @property
    def _logins(self) -> list[str]:
        """Itself and its second login, if they let anybody in."""
        return [role.name for role in (self._known, self._second) if role is not None and role.login]

    def _close(self) -> None:
        with connect(self._superuser) as connection:
            for login in self._logins:
                execute(connection, "refuse_login", role=login)
                fetch_one(connection, "end_role_sessions", dict[str, Any], [login])

    def _admit(self) -> None:
        with connect(self._superuser) as connection:
            for login in self._logins:
                execute(connection, "admit_role", role=login)

    def _drop(self, _: Progress) -> None:
        import psycopg

        try:
            for each in self._dependencies:
                with connect(replace(self._superuser, database=each.database or roles.HOME)) as connection:
                    self._drop_owned(connection)
            with connect(self._superuser) as connection:
                for role in (self._second, self._known):
                    if role is not None:
                        execute(connection, "drop_role", role=role.name)
        except psycopg.Error as error:
            raise MachineError(
                f"{printable(self._name)} is not dropped: {one_line(error)}", "run the same again"
            ) from None

    def _drop_owned(self, connection: "psycopg.Connection[Any]") -> None:
        """In one database. Looked at again in the same transaction: nothing of anybody's goes with the rights.

        Raises:
            RefusedError: it owns something there by now.
        """
        with connection.transaction():
            if self._heir is not None:
                execute(connection, "reassign_owned", role=self._name, heir=self._heir)
            found = fetch_all(connection, "owned_objects", lambda description: str(description), [self._name])
            if found:
                raise RefusedError(f"{printable(self._name)} owns {printable(found[0])} by now", "run the same again")
            execute(connection, "drop_owned", role=self._name)

    def tidy(self) -> None:
        """Its password goes aside. It is dropped by now, so that what stands in the way is a warning."""
        if kept := set_aside(self._stack.home, self._name):
            self._console.note(f"its password is kept in {kept}")
        try:
            apply_changes(self._remaining, self._console)
        except PodsError as fault:
            self._console.warn(f"inv up does the rest: {fault.message}")
