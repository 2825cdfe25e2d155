"""What must exist inside the primary: roles, the database, PgBouncer's look-up function, slots. Made where missing."""

import base64
import hashlib
import hmac
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from cluster import queries
from cluster.errors import MachineError
from cluster.naming import slot_of
from cluster.postgres import Access, connect, execute, fetch_all, fetch_one, literal
from cluster.settings import Settings
from compose.secrets import APP, ARCHIVE, MONITOR, POOLER, REPLICATION, SUPERUSER, Passwords
from exporters.collectors.nodes import Slot

if TYPE_CHECKING:
    import psycopg


@dataclass(frozen=True, slots=True, kw_only=True)
class Login:
    """A role that can log in, and what PostgreSQL keeps of its password."""

    name: str
    verifier: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Named:
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class _Version:
    version: str | None


@dataclass(frozen=True, slots=True)
class Inside:
    """What was made in the primary, in words, and the slots that outgrew the WAL budget."""

    made: list[str]
    lost_slots: frozenset[str]


def converge(superuser: Access, settings: Settings, passwords: Passwords, replicas: Iterable[str]) -> Inside:
    """Make what is missing in the primary. Takes one connection where the database exists."""
    try:
        return _converge_database(superuser, settings, passwords, replicas)
    except MachineError as error:
        if "does not exist" not in error.message:
            raise
    with connect(superuser) as connection:
        made = [*_roles(connection, settings, passwords), *_database(connection, settings)]
    inside = _converge_database(superuser, settings, passwords, replicas)
    return Inside(made + inside.made, inside.lost_slots)


def _converge_database(superuser: Access, settings: Settings, passwords: Passwords, replicas: Iterable[str]) -> Inside:
    with connect(replace(superuser, database=settings.database)) as connection:
        made = [*_roles(connection, settings, passwords), *_slots(connection, replicas), *_user_lookup(connection)]
        lost = frozenset(slot.name for slot in fetch_all(connection, "slots", Slot) if slot.wal_status == "lost")
    return Inside(made, lost)


def password_matches(password: str, verifier: str | None) -> bool:
    """Whether a SCRAM verifier was made from ``password``.

    Source: RFC 5803 for the verifier's form, RFC 5802 for StoredKey. Works for ASCII, where SASLprep is the identity.
    """
    try:
        mechanism, iterations_salt, keys = (verifier or "").split("$")
        iterations, salt = iterations_salt.split(":")
        stored = base64.b64decode(keys.split(":")[0])
        salted = hashlib.pbkdf2_hmac("sha256", password.encode(), base64.b64decode(salt), int(iterations))
    except (ValueError, OverflowError):
        return False
    client_key = hmac.digest(salted, b"Client Key", "sha256")
    return mechanism == "SCRAM-SHA-256" and hmac.compare_digest(hashlib.sha256(client_key).digest(), stored)


def _roles(connection: "psycopg.Connection[Any]", settings: Settings, passwords: Passwords) -> list[str]:
    known = {login.name: login.verifier for login in fetch_all(connection, "roles", Login)}
    made = []
    for secret, role, create in (
        (REPLICATION, "replicator", "create_replication_role"),
        (MONITOR, "monitor", "create_monitor_role"),
        (POOLER, "pooler", "create_pooler_role"),
        (ARCHIVE, "archiver", "create_archive_role"),
        (APP, settings.user, "create_app_role"),
        (SUPERUSER, "postgres", ""),
    ):
        if role in known and password_matches(passwords[secret], known[role]):
            continue
        # The server, its log and its statistics see only the verifier.
        verifier = connection.pgconn.encrypt_password(
            passwords[secret].encode(), role.encode(), b"scram-sha-256"
        ).decode()
        execute(connection, "set_password" if role in known else create, role=role, verifier=literal(verifier))
        made.append(f"password of {role}" if role in known else f"role {role}")
    return made


def _database(connection: "psycopg.Connection[Any]", settings: Settings) -> list[str]:
    if settings.database in {
        row.name for row in fetch_all(connection, "databases", lambda name, **_: _Named(name=name))
    }:
        return []
    execute(connection, "create_database", database=settings.database, owner=settings.user)
    return [f"database {settings.database}"]


def _slots(connection: "psycopg.Connection[Any]", replicas: Iterable[str]) -> list[str]:
    known = {slot.name for slot in fetch_all(connection, "slots", Slot)}
    missing = [slot for node in replicas if (slot := slot_of(node)) not in known]
    for slot in missing:
        execute(connection, "create_slot", slot=literal(slot))
    return [f"slot {slot}" for slot in missing]


def _user_lookup(connection: "psycopg.Connection[Any]") -> list[str]:
    wanted = hashlib.sha256(queries.get("user_lookup").encode()).hexdigest()[:16]
    known = fetch_one(connection, "user_lookup_known", _Version)
    if known is not None and known.version == wanted:
        return []
    with connection.transaction():
        execute(connection, "user_lookup", version=literal(wanted))
    return ["PgBouncer's look-up function"]
