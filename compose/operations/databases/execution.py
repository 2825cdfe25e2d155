"""Reading what the primary has and sending what it lacks, in superuser's sessions that trust no database's owner."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, LiteralString

from cluster import queries, roles
from cluster.config.databases import DatabaseDeclaration
from cluster.config.settings import Settings
from cluster.errors import MachineError, RefusedError
from cluster.postgres import scram
from cluster.postgres.connection import Access, connect, fetch_one
from cluster.postgres.failures import one_line
from cluster.postgres.lsn import Lsn
from cluster.second_login import second_login
from compose.operations.databases.catalog import Catalog, Contents, read_catalog, read_contents
from compose.operations.databases.drift import Drift, cluster_drift, contents_drift
from compose.operations.databases.logins import login_changes
from compose.operations.databases.plan import (
    Constant,
    Items,
    Keyword,
    Names,
    Part,
    Password,
    Qualified,
    ServerChange,
    cluster_changes,
    contents_changes,
    profile_groups,
    table_privileges,
)

if TYPE_CHECKING:
    import psycopg
    from psycopg import sql


_KEYWORDS: Mapping[str, LiteralString] = {"CONNECT": "CONNECT", "CREATE": "CREATE", "TEMPORARY": "TEMPORARY"}


_CURE = "mend config/databases.toml or what is in the way, then run inv up"


@dataclass(frozen=True, slots=True)
class Converged:
    """What was made, in words; what was refused, and why; what is not declared."""

    made: list[str]
    failed: Mapping[str, str]
    drift: list[Drift]

    @property
    def failure(self) -> MachineError | None:
        """Of all that failed, as one."""
        if not self.failed:
            return None
        reasons = list(self.failed.values())
        more = f"; and {len(reasons) - 1} more" if len(reasons) > 1 else ""
        return MachineError(f"{reasons[0]}{more}", _CURE)


def converge(superuser: Access, settings: Settings, passwords: Mapping[str, str]) -> Converged:
    """Make what is missing; what is refused, of a database or a role, does not stop the others.

    Args:
        superuser: the primary, as its superuser.
        settings: with what is declared.
        passwords: of every declared role, by the name that it logs in with, but for the application's own.

    Raises:
        MachineError: the server went away.
        RefusedError: somebody else has a name that is needed, or a group is not there, or is too much.
    """
    with connect(superuser) as connection:
        changes = _changes(settings, read_catalog(connection), passwords)
        made, failed = _make(connection, changes, passwords)
        catalog = read_catalog(connection)
        drift = cluster_drift(settings.declarations, settings.declared, catalog)
    for database in (each for each in inhabited(settings) if each.name in catalog.databases):
        try:
            within, more = _inside(superuser, settings, database)
        except MachineError as fault:
            failed[database.name] = fault.message
        else:
            made += within
            drift += more
    return Converged(list(dict.fromkeys(made)), failed, drift)


def _make(
    connection: "psycopg.Connection[Any]", changes: Iterable[ServerChange], passwords: Mapping[str, str]
) -> tuple[list[str], dict[str, str]]:
    """Titles of what was made, and of what was refused with why.

    What could not be made, or is held by somebody, is left alone from then on: waiting for it again is no use.
    """
    import psycopg

    made: list[str] = []
    failed: dict[str, str] = {}
    hopeless: set[Part] = set()
    for change in changes:
        objects = {change.parts[kind] for kind in ("database", "role", "group") if kind in change.parts}
        if objects & hopeless:
            continue
        try:
            _send(connection, change, passwords)
            made.append(change.title)
        except psycopg.Error as error:
            if connection.broken:
                raise MachineError(f"{change.title}: {one_line(error)}", "see inv status, then run inv up") from None
            failed[change.title] = f"{change.title}: {one_line(error)}"
            if change.query.startswith("create_") or isinstance(error, psycopg.errors.QueryCanceled):
                hopeless |= objects - {roles.SUPERUSER, roles.MONITOR}
    return made, failed


def planned(
    superuser: Access, settings: Settings, passwords: Mapping[str, str]
) -> tuple[list[ServerChange], list[Drift]]:
    """What ``converge`` would send now, and what is not declared.

    Inside of a database that is still to be made, as for an empty one.
    """
    with connect(superuser) as connection:
        catalog = read_catalog(connection)
    changes = _changes(settings, catalog, passwords)
    drift = cluster_drift(settings.declarations, settings.declared, catalog)
    for database in inhabited(settings):
        contents = Contents(schemas=(), default_privileges=frozenset(), closed={})
        if database.name in catalog.databases:
            with _contents(superuser, settings, database, catalog) as (_, found):
                contents = found
        changes += contents_changes(settings.declared, database, contents)
        drift += contents_drift(settings.declared, database, contents)
    return changes, drift


def open_login(superuser: Access, settings: Settings, role: str, login: str, password: str) -> Lsn:
    """Let programs log in as ``login``, one of the two of ``role``; returns what a replica must replay to know it.

    Raises:
        MachineError: a statement was refused; says which.
        RefusedError: there is no such role yet, or somebody else has the name.
    """
    passwords = {login: password}
    with connect(superuser) as connection:
        catalog = read_catalog(connection)
        if role not in catalog.roles:
            raise RefusedError(f"there is no role {role} in the server yet", "run inv up, which makes it")
        for change in login_changes(role, login, settings.declared, catalog, _matches(passwords)):
            with _named(change.title):
                _send(connection, change, passwords)
        return fetch_one(connection, "replayed", lambda lsn: Lsn.parse(lsn)) or Lsn(0)


def _changes(settings: Settings, catalog: Catalog, passwords: Mapping[str, str]) -> list[ServerChange]:
    declared, matches = settings.declared, _matches(passwords)
    rotated = [role.name for role in declared.roles if role.login and second_login(role.name) in passwords]
    changes = cluster_changes(declared, catalog, matches, settings.user, rotated)
    for role in rotated:
        changes += login_changes(role, second_login(role), declared, catalog, matches)
    return changes


def inhabited(settings: Settings) -> list[DatabaseDeclaration]:
    """Databases that are worked in: those of the file, and the application's where somebody has a profile of it."""
    written = {each.name for each in settings.declarations.databases}
    declared = settings.declared
    return [each for each in declared.databases if each.name in written or profile_groups(declared, each)]


def statement(change: ServerChange) -> str:
    """The text of a change, without secrets."""
    from psycopg import sql

    return _composition(change, lambda _: sql.SQL("'…'")).as_string(None).strip()


def _matches(passwords: Mapping[str, str]) -> Callable[[str, str], bool]:
    return lambda role, verifier: role in passwords and scram.matches(passwords[role], verifier)


def _inside(superuser: Access, settings: Settings, database: DatabaseDeclaration) -> tuple[list[str], list[Drift]]:
    with _contents(superuser, settings, database, None) as (connection, contents):
        changes = contents_changes(settings.declared, database, contents)
        with connection.transaction():
            for change in changes:
                _send(connection, change, {})
        if changes:
            contents = read_contents(connection, database.owner, _privileges(settings, database))
        return [change.title for change in changes], contents_drift(settings.declared, database, contents)


@contextmanager
def _contents(
    superuser: Access, settings: Settings, database: DatabaseDeclaration, catalog: Catalog | None
) -> "Iterator[tuple[psycopg.Connection[Any], Contents]]":
    groups = _privileges(settings, database)
    known = {name: each for name, each in groups.items() if catalog is None or name in catalog.roles}
    with _named(database.name), connect(replace(superuser, database=database.name)) as connection:
        yield connection, read_contents(connection, database.owner, known)


def _privileges(settings: Settings, database: DatabaseDeclaration) -> dict[str, tuple[str, ...]]:
    """Groups of profiles, and what each means on a table."""
    return {group: table_privileges(profile) for group, profile in profile_groups(settings.declared, database).items()}


@contextmanager
def _named(what: str) -> Iterator[None]:
    """A refusal of the server as one line that says of what."""
    import psycopg

    try:
        yield
    except psycopg.Error as error:
        raise MachineError(f"{what}: {one_line(error)}", _CURE) from None


def _send(connection: "psycopg.Connection[Any]", change: ServerChange, passwords: Mapping[str, str]) -> None:
    from psycopg import sql

    connection.execute(_composition(change, lambda role: sql.Literal(scram.make_verifier(passwords[role]))))


def _composition(change: ServerChange, verifier: "Callable[[str], sql.Composable]") -> "sql.Composed":
    from psycopg import sql

    parts = {
        name: verifier(part.role) if isinstance(part, Password) else _composed(part)
        for name, part in change.parts.items()
    }
    return sql.SQL(queries.get(change.query)).format(**parts)


def _composed(part: Part) -> "sql.Composable":
    from psycopg import sql

    if isinstance(part, Items):
        return _joined(map(sql.Literal, part.texts))
    if isinstance(part, Names):
        return _joined(map(sql.Identifier, part.names))
    if isinstance(part, Constant):
        return sql.Literal(part.text)
    if isinstance(part, Keyword):
        return sql.SQL(_KEYWORDS[part.text])
    if isinstance(part, Qualified):
        return sql.Identifier(part.schema, part.name)
    return sql.Identifier(part) if isinstance(part, str) else sql.Literal(part)


def _joined(parts: "Iterable[sql.Composable]") -> "sql.Composable":
    from psycopg import sql

    return sql.SQL(", ").join(parts)
