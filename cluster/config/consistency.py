"""What declared databases and roles must be to each other. Pure, and quick for thousands of them."""

import re
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter

from cluster.config.databases import FILE, Declarations
from cluster.errors import UsageError
from cluster.second_login import role_of_login

_POOL = re.compile(r"_(write|read([1-9][0-9]{0,4}|_.+)?)\Z")
"""What PODS adds to a database's name for its pools."""


def wrong(where: str, reason: str, hint: str) -> UsageError:
    """The refusal of one line of the file."""
    return UsageError(" ".join(part for part in (f"config/{FILE}:", where, reason) if part), hint)


def check_together(declared: Declarations, user: str) -> None:
    """Refuse what does not fit together, once the application's own are among them; ``user`` is its role.

    Raises:
        UsageError: a profile of a database that is not declared, a name that means something else, a circle of groups.
    """
    _check_profiles(declared)
    _check_names(declared)
    _check_circles(declared)
    for role in declared.roles:
        if role.create_databases and not role.login:
            raise wrong(f"roles.{role.name}.create_databases", "is of a group", "give it to a role that logs in")
        if role.name == user and not role.login:
            raise wrong(f"roles.{user}.login", "is false, and the application logs in as PODS_USER", "take it out")


def _check_profiles(declared: Declarations) -> None:
    databases = {each.name for each in declared.databases}
    for role in declared.roles:
        for profile in ("read", "write", "owner"):
            if unknown := [name for name in getattr(role, profile) if name not in databases]:
                names = sorted(databases)
                shown = ", ".join(names[:10]) + (f" and {len(names) - 10} more" if len(names) > 10 else "")
                raise wrong(f"roles.{role.name}.{profile}", f"names {unknown[0][:63]}", f"declared are: {shown}")


def _check_names(declared: Declarations) -> None:
    databases = {each.name for each in declared.databases}
    logins = {each.name for each in declared.roles}
    for database in declared.databases:
        if stem := next((stem for stem in _pools_of(database.name) if stem in databases), None):
            raise wrong(f"databases.{database.name}", f"is called like a pool of {stem}", "choose another name")
        for group in (database.reader, database.writer):
            if group in logins:
                raise wrong(f"roles.{group}", f"is the group of a profile of {database.name}", "choose another name")
    for name in logins:
        if (role := role_of_login(name)) in logins:
            raise wrong(f"roles.{name}", f"is the second login of {role}", "choose another name")


def _pools_of(name: str) -> Iterator[str]:
    """Databases of which ``name`` could be a pool."""
    for found in re.finditer("_", name):
        if _POOL.match(name[found.start() :]):
            yield name[: found.start()]


def _check_circles(declared: Declarations) -> None:
    """PostgreSQL takes none; a role with the profile owner is a member of the one that owns the database."""
    owners = {each.name: each.owner for each in declared.databases}
    above = {
        each.name: {*each.member_of, *(owners[name] for name in each.owner if owners[name] != each.name)}
        for each in declared.roles
    }
    try:
        TopologicalSorter(above).prepare()
    except CycleError as error:
        group, name = error.args[1][:2]
        through = "member_of" if group in declared.role(name).member_of else "owner"
        raise wrong(f"roles.{name}.{through}", "leads back to itself", "take one of them out") from None
