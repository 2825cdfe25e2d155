"""What must exist inside the primary: roles, the database, functions for services, slots. Made where missing."""

import hashlib
from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from itertools import product
from typing import TYPE_CHECKING, Any

from cluster import queries, roles
from cluster.config.settings import Settings
from cluster.errors import MachineError
from cluster.extensions import STATISTICS
from cluster.naming import slot_of
from cluster.observed.nodes import read_slots
from cluster.postgres import scram
from cluster.postgres.connection import Access, connect, execute, fetch_all, fetch_one, literal
from cluster.roles import EventTrigger, Excess, Rights, Setting
from compose.home.passwords import Passwords
from compose.operations.databases.catalog import ServerDatabase

if TYPE_CHECKING:
    import psycopg

_ARCHIVER = "archiver"
_FUNCTIONS = {
    "user_lookup": ("pods.user_lookup(pg_catalog.text)", "PgBouncer's look-up function"),
    "sequence_values": ("pods.sequence_values(pg_catalog.text[])", "function that shows how far sequences are"),
    "texts_size": ("pods.texts_size()", "function that shows how long statements' texts are"),
    "free_space": ("pods.free_space(pg_catalog.text[])", "function that shows how much of tables is free"),
}
"""By the query that makes it: its signature, and what it is called in what `up` says it made."""
_STATISTICS_SCHEMA = "public"
"""Of the database postgres, where people are used to find it; what is in there only a superuser can make."""
_NOT_YET_OWNED = ("pg_database_owner", roles.SUPERUSER)
"""Owners that the schema public has by itself."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Login:
    """A role, what PostgreSQL keeps of its password, and whether it may log in."""

    name: str
    verifier: str | None
    allowed: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class _Line:
    """One row of what new sessions begin with."""

    line: str


@dataclass(frozen=True, slots=True, kw_only=True)
class _Schema:
    """The schema an extension is in."""

    name: str


@dataclass(frozen=True, slots=True)
class Provisioned:
    """What was made in the primary, in words; the slots that outgrew the WAL budget; what PODS did not make there.

    ``unsettled`` is the database while it belongs to an application, which may then set what holds in all its sessions.
    ``pooled_defaults`` is a digest of what new sessions begin with, and PgBouncer remembers of old ones.
    """

    made: list[str]
    lost_slots: frozenset[str]
    excess: tuple[Excess, ...]
    unsettled: ServerDatabase | None
    pooled_defaults: str


def converge(
    superuser: Access, settings: Settings, passwords: Passwords, replicas: Iterable[str], login: str | None = None
) -> Provisioned:
    """Make what is missing in the primary, over one connection, in the database where no application is.

    ``login`` is the name that the application logs in with: where that is its second login, its role stays as it is.
    """
    with connect(superuser) as connection:
        made = _roles(connection, settings, passwords, login or settings.user)
        known = _database(connection, settings.database)
        if known is None:
            execute(connection, "create_database", database=settings.database, owner=settings.user)
            made.append(f"database {settings.database}")
        made += _kept(connection, settings.database)
        made += [*_slots(connection, replicas), *_functions(connection), *_statistics(connection)]
        lost = frozenset(slot.name for slot in read_slots(connection) if slot.wal_status == "lost")
        found = _excess(connection, settings)
        digest = _pooled_defaults(connection)
    if known is None:  # new: nobody is in it yet
        settle(superuser, ServerDatabase(name=settings.database, owner=settings.user, settled=False))
    # an application that is superuser for now will not be for ever
    unsettled = known if known and (not known.settled or known.owner == settings.user) else None
    return Provisioned(made, lost, found, unsettled, digest)


def pooled_defaults(superuser: Access) -> str:
    """The digest of what new sessions begin with, as it is now."""
    with connect(superuser) as connection:
        return _pooled_defaults(connection)


def _pooled_defaults(connection: "psycopg.Connection[Any]") -> str:
    lines = fetch_all(connection, "pooled_defaults", _Line)
    return hashlib.sha256("\n".join(each.line for each in lines).encode()).hexdigest()


def settle(superuser: Access, database: ServerDatabase) -> tuple[list[str], tuple[Excess, ...]]:
    """Take the database from the role that owns it, which keeps all that it could rightly do in it.

    Returns the settings that were made on the database, which stay, and what its event triggers are that nobody trusts.

    Raises:
        MachineError: nobody is let into that database.
        psycopg.Error: somebody stands in the way there, such as with a lock.
    """
    with connect(replace(superuser, database=database.name)) as connection:
        with connection.transaction():
            execute(connection, "settle_database", database=database.name, owner=database.owner)
            public = fetch_one(connection, "public_owner", lambda owner: str(owner))
            if public in _NOT_YET_OWNED:
                execute(connection, "own_schema", name="public", owner=database.owner)
            execute(connection, "drop_user_lookup")
        every = fetch_all(connection, "session_settings", Setting)
        triggers = fetch_all(connection, "event_triggers", EventTrigger)
    kept = [each.setting for each in every if each.database == database.name and not each.role]
    return kept, roles.foreign_triggers(database.name, triggers)


def examine(access: Access, settings: Settings) -> tuple[Excess, ...]:
    """What is in the server that PODS did not make: for `inv doctor`, as the monitoring role."""
    databases = [database.name for database in settings.declared.databases]
    with connect(access) as connection:
        found = _excess(connection, settings, databases)
    for database in databases:
        try:
            with connect(replace(access, database=database)) as connection:
                triggers = fetch_all(connection, "event_triggers", EventTrigger)
        except MachineError as fault:
            found += (Excess(text=f"the database {database} lets nobody look: {fault.message}"),)
        else:
            found += roles.foreign_triggers(database, triggers)
    return found


def _excess(
    connection: "psycopg.Connection[Any]", settings: Settings, databases: Collection[str] = ()
) -> tuple[Excess, ...]:
    """What is to be seen from the database postgres."""
    rights = fetch_all(connection, "role_rights", Rights)
    return (
        *roles.excess(settings.user, rights, databases, settings.declared.roles),
        *roles.foreign(fetch_all(connection, "session_settings", Setting)),
        *roles.foreign_triggers(roles.HOME, fetch_all(connection, "event_triggers", EventTrigger)),
    )


def _roles(
    connection: "psycopg.Connection[Any]", settings: Settings, passwords: Passwords, application: str
) -> list[str]:
    known = {login.name: login for login in fetch_all(connection, "roles", Login)}
    made = []
    for role in roles.declared(settings.user):
        found = known.get(role.name)
        if role.name == settings.user and application != role.name:
            if found is None:
                execute(connection, "create_group", role=role.name)
            continue
        if found and found.allowed and scram.matches(passwords[role.secret], found.verifier):
            continue
        # The server, its log and its statistics see only the verifier.
        verifier = connection.pgconn.encrypt_password(
            passwords[role.secret].encode(), role.name.encode(), b"scram-sha-256"
        ).decode()
        change = "allow_login" if found else role.create
        execute(connection, change, role=role.name, verifier=literal(verifier))
        made.append(f"password of {role.name}" if found else f"role {role.name}")
    return [*made, *_archiver(connection)]


def _kept(connection: "psycopg.Connection[Any]", application: str) -> list[str]:
    """What is set on the services' roles, so that nothing set on a database holds for them."""
    from psycopg import sql

    every = fetch_all(connection, "session_settings", Setting)
    found = {(each.role, each.database, each.setting) for each in every}
    changed = []
    for role in roles.SERVICES:
        for database, (name, value) in product((roles.HOME, application)[: 1 + role.every_database], role.kept.items()):
            if (role.name, database, f"{name}={value}") not in found:
                # a list only where the server knows one: a parameter of a library that is not loaded has one value
                values = value.split(", ") if name == "search_path" else [value]
                parts = sql.SQL(", ").join(sql.Literal(each) for each in values)
                execute(connection, "set_kept", role=role.name, database=database, parameter=name, value=parts)
                changed.append(role.name)
    return [f"settings of {name}" for name in dict.fromkeys(changed)]


def _archiver(connection: "psycopg.Connection[Any]") -> list[str]:
    if fetch_one(connection, "archiver_may_switch", lambda allowed: bool(allowed)):
        return []
    execute(connection, "grant_switch_wal", role=_ARCHIVER)
    return [f"right of {_ARCHIVER} to begin a WAL segment"]


def _database(connection: "psycopg.Connection[Any]", name: str) -> ServerDatabase | None:
    return next((found for found in fetch_all(connection, "databases", ServerDatabase) if found.name == name), None)


def _slots(connection: "psycopg.Connection[Any]", replicas: Iterable[str]) -> list[str]:
    known = {slot.name for slot in read_slots(connection)}
    missing = [slot for node in replicas if (slot := slot_of(node)) not in known]
    for slot in missing:
        execute(connection, "create_slot", slot=literal(slot))
    return [f"slot {slot}" for slot in missing]


def _functions(connection: "psycopg.Connection[Any]") -> list[str]:
    """What services call in the database postgres, and what only a superuser could otherwise see."""
    made = []
    for query, (signature, title) in _FUNCTIONS.items():
        wanted = hashlib.sha256(queries.get(query).encode()).hexdigest()[:16]
        if fetch_one(connection, "function_version", lambda version: version, [signature]) != wanted:
            with connection.transaction():
                execute(connection, query, version=literal(wanted))
            made.append(title)
    return made


def _statistics(connection: "psycopg.Connection[Any]") -> list[str]:
    """What shows the statements that every node counts: an extension in the database where no application is."""
    found = [each.name for each in fetch_all(connection, "statistics_schema", _Schema)]
    if found == [_STATISTICS_SCHEMA]:
        return []
    execute(connection, "move_statistics" if found else "create_statistics")
    return [f"extension {STATISTICS}"]
