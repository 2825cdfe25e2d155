"""What the server has that nothing declared can go with: refused before anything is changed. Pure."""

from collections.abc import Collection, Iterator, Mapping

from cluster.config.databases import FILE, Declarations
from cluster.config.databases_file import UNGRANTABLE
from cluster.errors import RefusedError
from compose.operations.databases.catalog import Catalog


def refuse_conflicts(declared: Declarations, groups: Collection[str], catalog: Catalog, application: str) -> None:
    """Refuse names that somebody else has, and groups that are not there or are too much; ``groups`` are of profiles.

    Raises:
        RefusedError: says which.
    """
    for role in declared.roles:
        known = catalog.roles.get(role.name)
        if known and known.mighty and role.name != application:  # of that one the excess is named
            who = f"the role {role.name} is declared, and the server has one of that name"
            raise RefusedError(f"{who} that is more than an application", "choose another name; nothing was changed")
    for name in groups:
        known = catalog.roles.get(name)
        if known and (known.login or known.mighty):
            raise RefusedError(
                f"the role {name} is to be the group of a profile, and there is one that logs in",
                "give that role another name; nothing was changed",
            )
    _refuse_groups(declared, groups, catalog)


def _refuse_groups(declared: Declarations, groups: Collection[str], catalog: Catalog) -> None:
    """Groups that are not declared were made by hand; none may lead to more than an application is."""
    made = {role.name for role in declared.roles}.union(groups)
    above: dict[str, list[str]] = {}
    for member, group in catalog.memberships:
        above.setdefault(member, []).append(group)
    for role in declared.roles:
        for group in role.member_of:
            where = f"config/{FILE}: roles.{role.name}.member_of"
            if group not in made and group not in catalog.roles and not group.startswith("pg_"):
                hint = "declare it, or take it out; nothing was changed"
                raise RefusedError(f"{where} names {group}, and there is no such role", hint)
            if mighty := next((each for each in _reached(group, above) if _is_mighty(each, catalog)), None):
                hint = "take it out; nothing was changed"
                raise RefusedError(f"{where} leads to {mighty}, which is more than an application", hint)


def _is_mighty(role: str, catalog: Catalog) -> bool:
    return role in UNGRANTABLE or (role in catalog.roles and catalog.roles[role].mighty)


def _reached(group: str, above: Mapping[str, Collection[str]]) -> Iterator[str]:
    """A group, and those that it is in."""
    waiting, seen = [group], {group}
    while waiting:
        name = waiting.pop()
        yield name
        found = [each for each in above.get(name, ()) if each not in seen]
        seen.update(found)
        waiting += found
