"""The second login of a role, as statements: everything about its sessions is as in those of the role. Pure."""

from collections.abc import Iterator
from datetime import UTC, datetime
from math import inf, isinf

from cluster.config.databases import Declarations, RoleDeclaration
from cluster.errors import RefusedError
from cluster.second_login import second_login
from compose.operations.databases.catalog import Catalog, ServerRole
from compose.operations.databases.plan import (
    Constant,
    Matches,
    Password,
    ServerChange,
    change_of,
    items,
    moment_of,
    role_settings,
    setting_change,
)

_Settings = dict[tuple[str, str], str]
"""By database, "" for all, and parameter."""


def login_changes(
    role: str, login: str, declared: Declarations, catalog: Catalog, matches: Matches
) -> list[ServerChange]:
    """What is missing for ``login`` to let programs in as ``role``: itself, or its second login. The password is last.

    Raises:
        RefusedError: somebody else has the name of its second login.
    """
    known = catalog.roles.get(login)
    made = [] if login == role else list(_second_login(declared.role(role), declared, catalog))
    if known is None or not known.login or not matches(login, known.verifier):
        made.append(change_of(f"password of {login}", "allow_login", role=login, verifier=Password(login)))
    return made


def _second_login(role: RoleDeclaration, declared: Declarations, catalog: Catalog) -> Iterator[ServerChange]:
    login = second_login(role.name)
    first, known = catalog.roles.get(role.name), catalog.roles.get(login)
    if known and (known.mighty or (login, role.name) not in catalog.memberships):
        raise RefusedError(
            f"there is a role {login} in the server, which is no second login of {role.name}",
            "give it another name; nothing was changed",
        )
    if known is None:
        yield change_of(f"role {login}", "create_second_login", role=login, group=role.name)
    yield from _limits(role, login, first, known)
    yield from _settings(login, _wanted(role, declared, catalog), catalog)


def _limits(
    role: RoleDeclaration, login: str, first: ServerRole | None, known: ServerRole | None
) -> Iterator[ServerChange]:
    """As declared, or as the role has it."""
    limit = _limit(first) if role.connection_limit is None else role.connection_limit
    if limit != _limit(known):
        yield change_of(f"connection limit of {login}", "limit_connections", role=login, limit=limit)
    declared = moment_of(role.valid_until)
    end = _end(first) if declared is None else declared
    if end != _end(known):
        text = "infinity" if isinf(end) else datetime.fromtimestamp(end, UTC).isoformat()
        yield change_of(f"validity of {login}", "limit_validity", role=login, moment=Constant(text))


def _limit(role: ServerRole | None) -> int:
    return role.connection_limit if role else -1


def _end(role: ServerRole | None) -> float:
    return inf if role is None or role.valid_until is None else role.valid_until


def _wanted(role: RoleDeclaration, declared: Declarations, catalog: Catalog) -> _Settings:
    """What sessions of the role begin with, and then that they are the role's: whatever they make belongs to it."""
    return {("", "role"): role.name} | _settings_of(role.name, catalog) | role_settings(role, declared)


def _settings(login: str, wanted: _Settings, catalog: Catalog) -> Iterator[ServerChange]:
    now = _settings_of(login, catalog)
    for (database, parameter), value in wanted.items():
        kept = now.get((database, parameter.lower()))
        if kept is None or items(parameter, kept) != items(parameter, value):
            yield setting_change(f"{parameter} of {login}", parameter, value, role=login, database=database)
    names = {(database, parameter.lower()) for database, parameter in wanted}
    for database, parameter in now.keys() - names:
        if database:
            where = {"role": login, "database": database, "parameter": parameter}
            yield change_of(f"{parameter} of {login}", "reset_kept", **where)
        else:
            yield change_of(f"{parameter} of {login}", "reset_role", role=login, parameter=parameter)


def _settings_of(role: str, catalog: Catalog) -> _Settings:
    found = [(base, text.partition("=")) for base, who, text in catalog.settings if who == role]
    return {(base, name.lower()): value for base, (name, _, value) in found}
