"""What must exist inside the primary: roles, the database, PgBouncer's look-up function, slots. Made where missing."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, replace
from itertools import product
from typing import TYPE_CHECKING, Any

from cluster import queries, roles
from cluster.config.settings import Settings
from cluster.errors import MachineError
from cluster.naming import slot_of
from cluster.observed.nodes import read_slots
from cluster.postgres import scram
from cluster.postgres.connection import Access, connect, execute, fetch_all, fetch_one, literal
from cluster.roles import EventTrigger, Excess, Rights, Setting
from compose.home.passwords import Passwords

if TYPE_CHECKING:
    import psycopg

_ARCHIVER = "archiver"
_LOOKUP = "PgBouncer's look-up function"
_NOT_YET_OWNED = ("pg_database_owner", roles.SUPERUSER)
"""Owners that the schema public has by itself."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Login:
    """A role that can log in, and what PostgreSQL keeps of its password."""

    name: str
    verifier: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Database:
    """A database and its owner; ``settled``: that is a superuser."""

    name: str
    owner: str
    settled: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class _Line:
    """One row of what new sessions begin with."""

    line: str


@dataclass(frozen=True, slots=True)
class Provisioned:
    """What was made in the primary, in words; the slots that outgrew the WAL budget; what PODS did not make there.

    ``unsettled`` is the database while it belongs to an application, which may then set what holds in all its sessions.
    ``pooled_defaults`` is a digest of what new sessions begin with, and PgBouncer remembers of old ones.
    """

    made: list[str]
    lost_slots: frozenset[str]
    excess: tuple[Excess, ...]
    unsettled: Database | None
    pooled_defaults: str


def converge(superuser: Access, settings: Settings, passwords: Passwords, replicas: Iterable[str]) -> Provisioned:
    """Make what is missing in the primary, over one connection, in the database where no application is."""
    with connect(superuser) as connection:
        made = _roles(connection, settings, passwords)
        known = _database(connection, settings.database)
        if known is None:
            execute(connection, "create_database", database=settings.database, owner=settings.user)
            made.append(f"database {settings.database}")
        made += _kept(connection, settings.database)
        made += [*_slots(connection, replicas), *_user_lookup(connection)]
        lost = frozenset(slot.name for slot in read_slots(connection) if slot.wal_status == "lost")
        found = _excess(connection, settings.user)
        defaults = fetch_all(connection, "pooled_defaults", _Line)
    if known is None:  # new: nobody is in it yet
        settle(superuser, Database(name=settings.database, owner=settings.user, settled=False))
    # an application that is superuser for now will not be for ever
    unsettled = known if known and (not known.settled or known.owner == settings.user) else None
    digest = hashlib.sha256("\n".join(each.line for each in defaults).encode()).hexdigest()
    return Provisioned(made, lost, found, unsettled, digest)


def settle(superuser: Access, database: Database) -> tuple[list[str], tuple[Excess, ...]]:
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


def examine(access: Access, user: str, database: str) -> tuple[Excess, ...]:
    """What is in the server that PODS did not make: for `inv doctor`, as the monitoring role."""
    with connect(access) as connection:
        found = _excess(connection, user, database)
    try:
        with connect(replace(access, database=database)) as connection:
            triggers = fetch_all(connection, "event_triggers", EventTrigger)
    except MachineError as fault:
        return (*found, Excess(text=f"the database {database} lets nobody look: {fault.message}"))
    return (*found, *roles.foreign_triggers(database, triggers))


def _excess(connection: "psycopg.Connection[Any]", user: str, database: str = "") -> tuple[Excess, ...]:
    """What is to be seen from the database postgres."""
    rights = fetch_all(connection, "role_rights", Rights)
    return (
        *roles.excess(user, rights, database),
        *roles.foreign(fetch_all(connection, "session_settings", Setting)),
        *roles.foreign_triggers(roles.HOME, fetch_all(connection, "event_triggers", EventTrigger)),
    )


def _roles(connection: "psycopg.Connection[Any]", settings: Settings, passwords: Passwords) -> list[str]:
    known = {login.name: login.verifier for login in fetch_all(connection, "roles", Login)}
    made = []
    for role in roles.declared(settings.user):
        if role.name in known and scram.matches(passwords[role.secret], known[role.name]):
            continue
        # The server, its log and its statistics see only the verifier.
        verifier = connection.pgconn.encrypt_password(
            passwords[role.secret].encode(), role.name.encode(), b"scram-sha-256"
        ).decode()
        change = "set_password" if role.name in known else role.create
        execute(connection, change, role=role.name, verifier=literal(verifier))
        made.append(f"password of {role.name}" if role.name in known else f"role {role.name}")
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
                parts = sql.SQL(", ").join(sql.Literal(part) for part in value.split(", "))
                execute(connection, "set_kept", role=role.name, database=database, parameter=name, value=parts)
                changed.append(role.name)
    return [f"settings of {name}" for name in dict.fromkeys(changed)]


def _archiver(connection: "psycopg.Connection[Any]") -> list[str]:
    if fetch_one(connection, "archiver_may_switch", lambda allowed: bool(allowed)):
        return []
    execute(connection, "grant_switch_wal", role=_ARCHIVER)
    return [f"right of {_ARCHIVER} to begin a WAL segment"]


def _database(connection: "psycopg.Connection[Any]", name: str) -> Database | None:
    return next((found for found in fetch_all(connection, "databases", Database) if found.name == name), None)


def _slots(connection: "psycopg.Connection[Any]", replicas: Iterable[str]) -> list[str]:
    known = {slot.name for slot in read_slots(connection)}
    missing = [slot for node in replicas if (slot := slot_of(node)) not in known]
    for slot in missing:
        execute(connection, "create_slot", slot=literal(slot))
    return [f"slot {slot}" for slot in missing]


def _user_lookup(connection: "psycopg.Connection[Any]") -> list[str]:
    wanted = hashlib.sha256(queries.get("user_lookup").encode()).hexdigest()[:16]
    known = fetch_one(connection, "user_lookup_known", lambda version: version)
    if known == wanted:
        return []
    with connection.transaction():
        execute(connection, "user_lookup", version=literal(wanted))
    return [_LOOKUP]
