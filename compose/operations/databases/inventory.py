"""Databases and roles side by side: what is declared, and what the primary has. Read as the monitoring role."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from cluster import roles
from cluster.config.databases import DatabaseDeclaration, Declarations, RoleDeclaration
from cluster.pools import pools_of_databases
from cluster.postgres.connection import connect, fetch_all
from cluster.second_login import second_login
from compose.home.passwords import APP, password_file
from compose.home.role_passwords import role_password_file
from compose.stack import Stack

NOT_DECLARED, MISSING, CLOSED = "not declared", "missing: inv up makes it", "closed: inv database.drop was interrupted"
_OURS = frozenset({roles.SUPERUSER, "rewinder", *(role.name for role in roles.SERVICES)})
_ITS_OWN = frozenset({roles.HOME, roles.MAINTENANCE})


@dataclass(frozen=True, slots=True, kw_only=True)
class DatabaseSummary:
    """A database as the server has it. Bytes; ``connection_limit`` -1 is none; ``logins`` may enter it."""

    name: str
    owner: str
    size: int
    sessions: int
    connection_limit: int
    logins: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class RoleSummary:
    """A role as the server has it; ``valid_until`` in Unix seconds, None without an end."""

    name: str
    login: bool
    connection_limit: int
    valid_until: float | None
    member_of: tuple[str, ...]
    sessions: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedDatabase:
    """A database, declared or not; None where the server does not have it. ``note`` says what is not as declared."""

    name: str
    declared: bool
    owner: str
    size: int | None
    sessions: int | None
    extensions: tuple[str, ...]
    pools: tuple[str, ...]
    logins: tuple[str, ...]
    note: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedRole:
    """A role, declared or not. ``password_file`` is empty for one that PODS keeps no password of."""

    name: str
    declared: bool
    login: bool
    read: tuple[str, ...]
    write: tuple[str, ...]
    owner: tuple[str, ...]
    member_of: tuple[str, ...]
    connection_limit: int | None
    sessions: int | None
    valid_until: float | None
    password_file: str
    note: str


def databases(stack: Stack) -> tuple[ListedDatabase, ...]:
    """Those that are declared, in their order, and then those that are not; without the cluster's own.

    Raises:
        MachineError: the primary does not answer.
    """
    with connect(stack.monitor(stack.topology.primary)) as connection:
        found = {row.name: row for row in fetch_all(connection, "database_summary", database_summary)}
    declared = stack.settings.declared
    pools: dict[str, list[str]] = {}
    for database, pool, _ in pools_of_databases(stack.settings, stack.topology):
        pools.setdefault(database.name, []).append(pool)
    listed = [_declared(each, declared, found.get(each.name), pools[each.name]) for each in declared.databases]
    known = _ITS_OWN | {each.name for each in declared.databases}
    return (*listed, *(_undeclared(row) for row in found.values() if row.name not in known))


def database_summary(logins: list[str], **rest: Any) -> DatabaseSummary:
    """One row of what the server has, without the cluster's own roles."""
    return DatabaseSummary(logins=tuple(name for name in logins if name not in _OURS), **rest)


def _declared(
    database: DatabaseDeclaration, declared: Declarations, row: DatabaseSummary | None, pools: list[str]
) -> ListedDatabase:
    may_enter = tuple(role.name for role in declared.roles if role.login and _enters(declared, role, database.name))
    # of declared roles, pg_hba.conf lets nobody else in; of others the server decides
    rejected = {role.name for role in declared.roles} - set(may_enter)
    logins = tuple(name for name in row.logins if name not in rejected) if row else may_enter
    note = MISSING if row is None else CLOSED if row.connection_limit == 0 else ""
    return ListedDatabase(
        name=database.name,
        declared=True,
        owner=database.owner,
        size=row.size if row else None,
        sessions=row.sessions if row else None,
        extensions=tuple(f"{name} {version}".strip() for name, version in database.extensions.items()),
        pools=tuple(pools),
        logins=logins,
        note=note,
    )


def _enters(declared: Declarations, role: RoleDeclaration, database: str) -> bool:
    return database in declared.may_enter(role.name)


def _undeclared(row: DatabaseSummary) -> ListedDatabase:
    return ListedDatabase(
        name=row.name,
        declared=False,
        owner=row.owner,
        size=row.size,
        sessions=row.sessions,
        extensions=(),
        pools=(),
        logins=row.logins,
        note=f"{NOT_DECLARED}; {CLOSED}" if row.connection_limit == 0 else NOT_DECLARED,
    )


def all_roles(stack: Stack) -> tuple[ListedRole, ...]:
    """Those that are declared, in their order, and then those that are not.

    Without the cluster's own, and without the groups of declared databases' profiles.

    Raises:
        MachineError: the primary does not answer.
    """
    with connect(stack.monitor(stack.topology.primary)) as connection:
        found = {row.name: row for row in fetch_all(connection, "role_summary", _role_summary)}
    declared = stack.settings.declared
    groups = {group for each in declared.databases for group in (each.reader, each.writer)}
    known = _OURS | groups | {name for each in declared.roles for name in (each.name, second_login(each.name))}
    plain = [RoleDeclaration(name=row.name, login=row.login) for row in found.values() if row.name not in known]
    listed = [_listed(stack, role, found, declared=True) for role in declared.roles]
    return (*listed, *(_listed(stack, role, found, declared=False) for role in plain))


def _role_summary(member_of: list[str], **rest: Any) -> RoleSummary:
    return RoleSummary(member_of=tuple(member_of), **rest)


def _listed(stack: Stack, role: RoleDeclaration, found: Mapping[str, RoleSummary], *, declared: bool) -> ListedRole:
    row = found.get(role.name)
    second = found.get(second_login(role.name)) if declared else None
    return ListedRole(
        name=role.name,
        declared=declared,
        login=row.login or (second is not None and second.login) if row else role.login,
        read=role.read,
        write=role.write,
        owner=tuple(each.name for each in stack.settings.declared.databases if _owns(role, each)),
        member_of=role.member_of if declared else row.member_of if row else (),
        connection_limit=row.connection_limit if row and row.connection_limit >= 0 else None,
        sessions=row.sessions + (second.sessions if second else 0) if row else None,
        valid_until=row.valid_until if row else None,
        password_file=_password_file(stack, role) if declared and role.login else "",
        note=_rotation(row, second) if declared and row else MISSING if declared else NOT_DECLARED,
    )


def _rotation(first: RoleSummary, second: RoleSummary | None) -> str:
    if second is None or not second.login:
        return ""
    return f"as {second.name} too: inv role.rotate goes on" if first.login else f"logs in as {second.name}"


def _owns(role: RoleDeclaration, database: DatabaseDeclaration) -> bool:
    return database.owner == role.name or database.name in role.owner


def _password_file(stack: Stack, role: RoleDeclaration) -> str:
    own = role.name == stack.settings.user
    path = password_file(stack.home, APP) if own else role_password_file(stack.home, role.name)
    return str(path.relative_to(stack.home.path))
