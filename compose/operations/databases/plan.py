"""What the server lacks of what is declared, as statements in their order. Pure: nothing is asked here, nothing done.

Nothing is taken away: what the server has beyond is drift.py's.
"""

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from math import inf

from cluster import roles
from cluster.config.databases import DatabaseDeclaration, Declarations, RoleDeclaration
from compose.operations.databases.catalog import Catalog, Contents, DefaultPrivilege
from compose.operations.databases.conflicts import refuse_conflicts


@dataclass(frozen=True, slots=True)
class Constant:
    """A value in a statement."""

    text: str


@dataclass(frozen=True, slots=True)
class Items:
    """Values separated by commas, as a parameter that is a list has them."""

    texts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Names:
    """Identifiers separated by commas."""

    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Keyword:
    """A word of SQL's own."""

    text: str


@dataclass(frozen=True, slots=True)
class Qualified:
    """An object in a schema."""

    schema: str
    name: str


@dataclass(frozen=True, slots=True)
class Password:
    """The verifier of a role's password, made when the statement is sent."""

    role: str


Part = str | int | Constant | Items | Names | Keyword | Qualified | Password
"""Of a statement: an identifier, a number, or one of the above."""
_MONITOR = next(role for role in roles.SERVICES if role.name == roles.MONITOR)
_LISTS = frozenset({"search_path", "temp_tablespaces", "local_preload_libraries", "session_preload_libraries"})
"""Parameters of which PostgreSQL keeps each item by itself, in quotes where it needs some (GUC_LIST_QUOTE)."""
_PROFILES = {"read": ("present_reads", "future_reads"), "write": ("present_writes", "future_writes")}
"""What gives a group its rights on what is there, and on what is to come."""
_READ = frozenset({("n", "USAGE"), ("S", "SELECT"), ("r", "SELECT")})
_WRITE = _READ | {("S", "USAGE"), ("S", "UPDATE"), ("r", "INSERT"), ("r", "UPDATE"), ("r", "DELETE")}
_FUTURE = {"read": _READ, "write": _WRITE}
"""The same, as kinds of objects to come and privileges on them."""
_CREATION = {
    None: "create_database",
    "builtin": "create_database_builtin",
    "icu": "create_database_icu",
    "libc": "create_database_libc",
}
Matches = Callable[[str, str], bool]
"""Whether the password of a role is the one that a verifier was made from."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerChange:
    """One statement (``queries/<query>.sql``), the database it is sent to, and in words what it makes."""

    title: str
    query: str
    parts: Mapping[str, Part] = field(default_factory=dict)
    database: str = roles.HOME


def cluster_changes(
    declared: Declarations, catalog: Catalog, matches: Matches, application: str, elsewhere: Collection[str] = ()
) -> list[ServerChange]:
    """Roles, databases, memberships and settings that are missing or differ.

    Args:
        declared: what there shall be.
        catalog: what there is.
        matches: compares passwords.
        application: the role whose password and database are made elsewhere.
        elsewhere: roles whose second login is in use, so that whether they log in themselves is left as it is.

    Raises:
        RefusedError: a group is there already and is no group; one that a role shall be in is not, or is too much.
    """
    groups = dict(_groups(declared))
    refuse_conflicts(declared, groups, catalog, application)
    made = [_group(name) for name in elsewhere if name not in catalog.roles and name != application]
    made += [change for role in declared.roles for change in _role(role, catalog, matches, {application, *elsewhere})]
    made += [_group(name) for name in groups if name not in catalog.roles]
    made += _maintenance(catalog)
    made += [
        change
        for each in declared.databases
        for change in _database(each, catalog, groups, own=each == declared.databases[0])
    ]
    made += [change for role in declared.roles for change in _rights(role, declared, catalog)]
    return made


def contents_changes(declared: Declarations, database: DatabaseDeclaration, contents: Contents) -> list[ServerChange]:
    """What is missing inside of one database: its owner's schema, and what profiles see."""
    owner, made = database.owner, []
    public = next((schema for schema in contents.schemas if schema.name == "public"), None)
    if public and public.owner in ("pg_database_owner", roles.SUPERUSER) and owner != roles.SUPERUSER:
        made.append(change_of(f"schema public of {owner}", "own_schema", name="public", owner=owner))
    shown = {schema.name for schema in contents.schemas if schema.owner == owner} | ({"public"} if public else set())
    for group, profile in profile_groups(declared, database).items():
        future = {
            DefaultPrivilege(creator=owner, kind=kind, grantee=group, privilege=privilege)
            for kind, privilege in _FUTURE[profile]
        }
        if not future <= contents.default_privileges:
            title, (present, later) = f"{profile} rights of {group}", _PROFILES[profile]
            if shown:
                made.append(change_of(title, present, schemas=Names(tuple(sorted(shown))), group=group))
            made.append(change_of(title, later, creator=owner, group=group))
    return [replace(change, database=database.name) for change in made]


def profile_groups(declared: Declarations, database: DatabaseDeclaration) -> dict[str, str]:
    """The groups that profiles of ``database`` want, and what each may: read or write."""
    wanted = {}
    if any(database.name in role.read for role in declared.roles):
        wanted[database.reader] = "read"
    if any(database.name in role.write for role in declared.roles):
        wanted[database.writer] = "write"
    return wanted


def table_privileges(profile: str) -> tuple[str, ...]:
    """What a profile means on a table."""
    return tuple(sorted(privilege for kind, privilege in _FUTURE[profile] if kind == "r"))


def memberships(role: RoleDeclaration, declared: Declarations) -> list[str]:
    """Groups and owners of which a role is to be a member."""
    owners = [declared.database(name).owner for name in role.owner]
    readers = [declared.database(name).reader for name in role.read]
    writers = [declared.database(name).writer for name in role.write]
    return [name for name in dict.fromkeys((*readers, *writers, *owners, *role.member_of)) if name != role.name]


def role_settings(role: RoleDeclaration, declared: Declarations) -> dict[tuple[str, str], str]:
    """What is set on a role, by database ("" for all) and parameter.

    In a database that it has as its owner it *is* the owner: what it makes there belongs to that one.
    """
    acts = {(name, "role"): declared.database(name).owner for name in role.owner}
    theirs = {key: owner for key, owner in acts.items() if owner != role.name}
    return {("", parameter): value for parameter, value in role.settings.items()} | theirs


def moment_of(text: str) -> float | None:
    """Unix seconds of a declared end of validity; None for one without."""
    if text in ("", "infinity"):
        return inf if text else None
    moment = datetime.fromisoformat(text)
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def _groups(declared: Declarations) -> Iterator[tuple[str, str]]:
    for database in declared.databases:
        yield from profile_groups(declared, database).items()


def _role(role: RoleDeclaration, catalog: Catalog, matches: Matches, apart: Collection[str]) -> Iterator[ServerChange]:
    known = catalog.roles.get(role.name)
    if role.name not in apart:
        yield from _login(role, catalog, matches)
    limit, end = role.connection_limit, moment_of(role.valid_until)
    if limit is not None and limit != (known.connection_limit if known else -1):
        yield change_of(f"connection limit of {role.name}", "limit_connections", role=role.name, limit=limit)
    if end is not None and end != (known.valid_until if known else None):
        moment = Constant(role.valid_until)
        yield change_of(f"validity of {role.name}", "limit_validity", role=role.name, moment=moment)
    if role.create_databases and not (known and known.creates_databases):
        yield change_of(f"right of {role.name} to make databases", "allow_databases", role=role.name)


def _login(role: RoleDeclaration, catalog: Catalog, matches: Matches) -> Iterator[ServerChange]:
    known = catalog.roles.get(role.name)
    if not role.login:
        if known is None:
            yield _group(role.name)
        elif known.login:
            yield change_of(f"{role.name} as a group", "refuse_login", role=role.name)
    elif known is None or not known.login or not matches(role.name, known.verifier):
        query = "create_app_role" if known is None else "allow_login"
        title = f"role {role.name}" if known is None else f"password of {role.name}"
        yield change_of(title, query, role=role.name, verifier=Password(role.name))


def _group(name: str) -> ServerChange:
    return change_of(f"group {name}", "create_group", role=name)


def _maintenance(catalog: Catalog) -> Iterator[ServerChange]:
    name = roles.MAINTENANCE
    if name not in catalog.databases:
        yield change_of(f"database {name}", "create_database", database=name, owner=roles.SUPERUSER)
    known = catalog.databases.get(name)
    if (known is None or known.owner == roles.SUPERUSER) and (known is None or catalog.may(name, "", "TEMPORARY")):
        yield change_of(f"database {name} for all", "open_maintenance", database=name)


def _database(
    database: DatabaseDeclaration, catalog: Catalog, groups: Mapping[str, str], *, own: bool
) -> Iterator[ServerChange]:
    if not own:  # which is made elsewhere
        yield from _owned(database, catalog)
    name = database.name
    for group in (database.reader, database.writer):
        if group in groups and not catalog.may(name, group, "CONNECT"):
            yield change_of(f"entry of {group} into {name}", "enter_database", database=name, role=group)
    for parameter, value in _MONITOR.kept.items():
        if not is_set(catalog, name, _MONITOR.name, parameter, value):
            yield setting_change(f"settings of {_MONITOR.name}", parameter, value, role=_MONITOR.name, database=name)
    for parameter, value in database.settings.items():
        if not is_set(catalog, name, "", parameter, value):
            yield setting_change(f"{parameter} of {name}", parameter, value, database=name)


def _owned(database: DatabaseDeclaration, catalog: Catalog) -> Iterator[ServerChange]:
    """The database itself. It belongs to postgres, so that nobody else may ALTER DATABASE … SET (decision 0019)."""
    name, known = database.name, catalog.databases.get(database.name)
    if known is None:
        yield _creation(database)
    elif known.closed:  # by a database.drop that was killed before it took the declaration away
        yield change_of(f"entry into {name}", "limit_database", database=name, limit=-1)
    if known is None or (known.settled and not catalog.may(name, database.owner, "CREATE")):
        yield change_of(f"rights of {database.owner} in {name}", "close_database", database=name, owner=database.owner)
    elif not known.settled:
        yield change_of(f"postgres as owner of {name}", "settle_database", database=name, owner=known.owner)
        if known.owner != database.owner:
            title = f"rights of {database.owner} in {name}"
            yield change_of(title, "settle_database", database=name, owner=database.owner)


def _creation(database: DatabaseDeclaration) -> ServerChange:
    locale: dict[str, Part] = {"locale": Constant(database.locale)} if database.locale else {}
    query = _CREATION[database.locale_provider]
    return change_of(f"database {database.name}", query, database=database.name, owner=roles.SUPERUSER, **locale)


def _rights(role: RoleDeclaration, declared: Declarations, catalog: Catalog) -> Iterator[ServerChange]:
    for group in memberships(role, declared):
        if (role.name, group) not in catalog.memberships:
            yield change_of(f"{role.name} in {group}", "grant_membership", role=role.name, group=group)
    for (database, parameter), value in role_settings(role, declared).items():
        if not is_set(catalog, database, role.name, parameter, value):
            yield setting_change(f"{parameter} of {role.name}", parameter, value, role=role.name, database=database)


def setting_change(title: str, parameter: str, value: str, *, role: str = "", database: str = "") -> ServerChange:
    """On a role, on a database, or on a role in a database."""
    query = "set_kept" if role and database else "set_for_role" if role else "set_for_database"
    where = {name: each for name, each in (("role", role), ("database", database)) if each}
    return change_of(title, query, parameter=parameter, value=items(parameter, value), **where)


def is_set(catalog: Catalog, database: str, role: str, parameter: str, value: str) -> bool:
    """Whether the server keeps this value; it keeps names in a case of their own, and lists item by item."""
    found = [text.partition("=") for base, who, text in catalog.settings if (base, who) == (database, role)]
    return any(
        name.lower() == parameter.lower() and items(parameter, kept) == items(parameter, value)
        for name, _, kept in found
    )


def items(parameter: str, value: str) -> Items:
    """A value as a statement takes it."""
    if parameter.lower() not in _LISTS:
        return Items((value,))
    return Items(tuple(part.strip().removeprefix('"').removesuffix('"') for part in value.split(",")))


def change_of(title: str, query: str, **parts: Part) -> ServerChange:
    """A change in the database where PODS works."""
    return ServerChange(title=title, query=query, parts=parts)
