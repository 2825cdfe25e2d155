"""How databases and roles look on a terminal."""

from collections.abc import Sequence
from typing import Any

from cluster.documents import printable
from cluster.units import human_size, utc
from compose.console import COMMAND
from compose.operations.databases.inventory import ListedDatabase, ListedRole
from compose.report.connection.choice import chosen_login, credential_files
from compose.report.status import table
from compose.stack import Stack

_SHOWN = 4
"""Names in a cell; the rest is counted."""


def print_databases(found: Sequence[ListedDatabase]) -> None:
    """One line a database."""
    head = ["database", "owner", "size", "sessions", "extensions", "pools", "may enter", "note"]
    table(head, [_database(each) for each in found])


def _database(each: ListedDatabase) -> list[Any]:
    size = None if each.size is None else human_size(each.size)
    lists = [_names(each.extensions), _names(each.pools), _names(each.logins)]
    return [printable(each.name), printable(each.owner), size, each.sessions, *lists, each.note or None]


def print_roles(found: Sequence[ListedRole]) -> None:
    """One line a role."""
    head = ["role", "login", "reads", "writes", "as owner", "member of", "sessions", "valid until", "password", "note"]
    table(head, [_role(each) for each in found])


def _role(each: ListedRole) -> list[Any]:
    sessions = None if each.sessions is None else f"{each.sessions}/{_none(each.connection_limit)}"
    until = None if each.valid_until is None else utc(each.valid_until)
    lists = [_names(names) for names in (each.read, each.write, each.owner, each.member_of)]
    login = "yes" if each.login else "no"
    return [printable(each.name), login, *lists, sessions, until, each.password_file or None, each.note or None]


def _none(limit: int | None) -> str:
    return "–" if limit is None else str(limit)


def _names(names: Sequence[str]) -> str | None:
    more = f" +{len(names) - _SHOWN}" if len(names) > _SHOWN else ""
    return printable(", ".join(names[:_SHOWN])) + more if names else None


def print_database_made(stack: Stack, name: str) -> None:
    """What there is now, and how to get in."""
    declared = stack.settings.declared
    database = declared.database(name)
    print(f"database {name}, owner {database.owner}")
    _print_entry(stack, chosen_login(declared, database), name)


def print_role_made(stack: Stack, name: str) -> None:
    """The same of a role. A group has no password, and who may enter nothing has nowhere to connect to."""
    declared = stack.settings.declared
    role, entered = declared.role(name), declared.may_enter(name)
    print(f"{'role' if role.login else 'group'} {name}, may enter {', '.join(entered) or 'nothing yet'}")
    if role.login and entered:
        _print_entry(stack, name, entered[0])
    elif role.login:
        _print_password(stack, name)


def _print_entry(stack: Stack, role: str, database: str) -> None:
    _print_password(stack, role)
    print(f"to connect: {COMMAND.name} connect {database} --role {role}")


def _print_password(stack: Stack, role: str) -> None:
    print(f"password: {credential_files(stack.home, stack.settings, role).password}")


def print_database_dropped(name: str, kept: str) -> None:
    """That it is gone, and how to get it back."""
    print(f"{printable(name)} is dropped")
    if kept:
        print(COMMAND.in_words(f"to get its last state back: {kept}"))
