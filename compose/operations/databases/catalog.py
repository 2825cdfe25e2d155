"""What the primary has of databases and roles, read once per run, from the database where no application is."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from cluster.postgres.connection import fetch_all, fetch_one
from cluster.roles import Setting

if TYPE_CHECKING:
    import psycopg


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerRole:
    """A role as the server has it; ``valid_until`` in Unix seconds, None without an end.

    ``mighty``: it has attributes that no declared role has.
    """

    name: str
    login: bool
    creates_databases: bool
    connection_limit: int
    verifier: str
    valid_until: float | None
    mighty: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerDatabase:
    """A database and its owner; ``settled``: that is a superuser; ``closed``: nobody else gets in."""

    name: str
    owner: str
    settled: bool
    closed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class _Membership:
    member: str
    group: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DatabaseGrant:
    """A privilege on a whole database; ``grantee`` is empty for everybody."""

    database: str
    grantee: str
    privilege: str
    grantor: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Catalog:
    """Roles, who is a member of whom as (member, group), databases, grants on them, and settings.

    A grant is found by its database, grantee and privilege.
    """

    roles: dict[str, ServerRole]
    memberships: frozenset[tuple[str, str]]
    databases: dict[str, ServerDatabase]
    grants: dict[tuple[str, str, str], DatabaseGrant]
    settings: frozenset[tuple[str, str, str]]

    def may(self, database: str, grantee: str, privilege: str) -> bool:
        """Whether this privilege is granted to exactly that role."""
        return (database, grantee, privilege) in self.grants


@dataclass(frozen=True, slots=True, kw_only=True)
class Schema:
    """A schema and its owner."""

    name: str
    owner: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DefaultPrivilege:
    """What ``grantee`` will have of objects that ``creator`` makes; ``kind`` is r for tables, S, n for schemas."""

    creator: str
    kind: str
    grantee: str
    privilege: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ClosedTables:
    """Tables that a group may not use as its profile says: how many, and one of them."""

    count: int
    schema: str
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Contents:
    """Of one database: its schemas, what objects to come are granted, and what is closed to each group."""

    schemas: tuple[Schema, ...]
    default_privileges: frozenset[DefaultPrivilege]
    closed: dict[str, ClosedTables]


def read_catalog(connection: "psycopg.Connection[Any]") -> Catalog:
    """Over a superuser's connection to the database where PODS works."""
    memberships = fetch_all(connection, "memberships", _Membership)
    settings = fetch_all(connection, "session_settings", Setting)
    grants = fetch_all(connection, "database_grants", DatabaseGrant)
    return Catalog(
        roles={role.name: role for role in fetch_all(connection, "server_roles", ServerRole)},
        memberships=frozenset((each.member, each.group) for each in memberships),
        databases={each.name: each for each in fetch_all(connection, "databases", ServerDatabase)},
        grants={(each.database, each.grantee, each.privilege): each for each in grants},
        settings=frozenset((each.database, each.role, each.setting) for each in settings),
    )


def read_contents(connection: "psycopg.Connection[Any]", owner: str, groups: Mapping[str, Collection[str]]) -> Contents:
    """Over a superuser's connection to the database itself, whose owner is not trusted: only catalogues are read.

    ``groups`` are those that have a profile, and the privileges on tables that it means.
    """
    closed = {
        group: fetch_one(connection, "closed_tables", ClosedTables, [group, owner, list(privileges)])
        for group, privileges in groups.items()
    }
    return Contents(
        schemas=tuple(fetch_all(connection, "schemas", Schema)),
        default_privileges=frozenset(fetch_all(connection, "default_privileges", DefaultPrivilege)),
        closed={group: found for group, found in closed.items() if found is not None},
    )
