"""What the server has beyond what is declared of databases and roles in the file: shown, not fought. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from cluster import roles
from cluster.config.databases import DatabaseDeclaration, Declarations
from cluster.second_login import second_login
from compose.operations.databases.catalog import Catalog, Contents, DatabaseGrant
from compose.operations.databases.plan import (
    Keyword,
    Part,
    Qualified,
    ServerChange,
    change_of,
    memberships,
    profile_groups,
    role_settings,
)

_SHORT = {"CONNECT": "enter", "TEMPORARY": "make temporary tables in", "CREATE": "make schemas in"}

_OPENING = {"read": "open_table_read", "write": "open_table_write"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Drift:
    """One difference in words, and the change that would end it."""

    text: str
    cure: ServerChange


def cluster_drift(written: Declarations, declared: Declarations, catalog: Catalog) -> list[Drift]:
    """Of databases and roles that are ``written`` in the file, by what all of ``declared`` means."""
    names = {each.name for each in written.databases}
    databases = [each for each in declared.databases if each.name in names]
    found = [drift for each in databases for drift in (*_grants(each, declared, catalog), *_settings(each, catalog))]
    return [*found, *_members(declared, catalog), *_roles(written, declared, catalog)]


def contents_drift(declared: Declarations, database: DatabaseDeclaration, contents: Contents) -> list[Drift]:
    """What a profile or the owner has not, since somebody took that away or somebody else made it."""
    found = list(_public(database, contents))
    for group, profile in profile_groups(declared, database).items():
        closed = contents.closed.get(group)
        if closed is not None and closed.count:
            where = f"{closed.count} of the tables of {database.name}, such as {closed.name!r}"
            text, table = f"{group} may not {profile} {where}", Qualified(closed.schema, closed.name)
            cure = change_of(text, _OPENING[profile], schema=closed.schema, table=table, role=group)
            found.append(Drift(text=text, cure=cure))
    return [replace(drift, cure=replace(drift.cure, database=database.name)) for drift in found]


def _public(database: DatabaseDeclaration, contents: Contents) -> Iterator[Drift]:
    """The schema public of somebody else: of who was declared as the owner before."""
    for schema in contents.schemas:
        if schema.name == "public" and schema.owner not in (database.owner, "pg_database_owner", roles.SUPERUSER):
            text = f"the schema public of {database.name} belongs to {schema.owner}, not to {database.owner}"
            yield Drift(text=text, cure=change_of(text, "own_schema", name="public", owner=database.owner))


def _grants(database: DatabaseDeclaration, declared: Declarations, catalog: Catalog) -> Iterator[Drift]:
    ours = {database.owner, roles.SUPERUSER, roles.MONITOR, database.reader, database.writer}
    if database == declared.databases[0]:
        ours.add("")  # everybody may enter the application's own
    others = {each for each in catalog.grants.values() if each.database == database.name and each.grantee not in ours}
    for grant in sorted(others, key=lambda each: (each.grantee, each.privilege)):
        yield _grant(grant)


def _grant(grant: DatabaseGrant) -> Drift:
    text = f"{grant.grantee or 'everybody'} may {_SHORT.get(grant.privilege, grant.privilege)} {grant.database}"
    what: dict[str, Part] = {"privilege": Keyword(grant.privilege), "database": grant.database}
    if grant.grantee:
        what["role"] = grant.grantee
    if grant.grantor == roles.SUPERUSER:
        query = "revoke_database" if grant.grantee else "revoke_database_from_all"
    else:
        what["grantor"] = grant.grantor
        query = "revoke_granted" if grant.grantee else "revoke_granted_from_all"
    return Drift(text=text, cure=change_of(text, query, **what))


def _settings(database: DatabaseDeclaration, catalog: Catalog) -> Iterator[Drift]:
    named = {parameter.lower() for parameter in database.settings}
    for base, role, setting in sorted(catalog.settings):
        parameter, _, value = setting.partition("=")
        if (base, role) == (database.name, "") and parameter.lower() not in named:
            text = f"{database.name} has the setting {parameter} = {value}"
            yield Drift(text=text, cure=change_of(text, "reset_database", database=base, parameter=parameter))


def _members(declared: Declarations, catalog: Catalog) -> Iterator[Drift]:
    """Of groups of profiles, owners and declared groups."""
    groups = {role.name for role in declared.roles}
    groups |= {group for database in declared.databases for group in (database.reader, database.writer)}
    wanted = {(role.name, group) for role in declared.roles for group in memberships(role, declared)}
    wanted |= {(second_login(role.name), role.name) for role in declared.roles}
    for member, group in sorted(catalog.memberships):
        if group in groups and (member, group) not in wanted:
            text = f"{member} is a member of {group}"
            yield Drift(text=text, cure=change_of(text, "revoke_membership", group=group, role=member))


def _roles(written: Declarations, declared: Declarations, catalog: Catalog) -> Iterator[Drift]:
    for name in (each.name for each in written.roles):
        role, known = declared.role(name), catalog.roles.get(name)
        if known and known.creates_databases and not role.create_databases:
            text = f"{name} may make databases"
            yield Drift(text=text, cure=change_of(text, "forbid_databases", role=name))
        named = {(base, parameter.lower()) for base, parameter in role_settings(role, declared)}
        for base, who, setting in sorted(catalog.settings):
            parameter, _, value = setting.partition("=")
            if who == name and (base, parameter.lower()) not in named:
                yield _role_setting(name, base, parameter, value)


def _role_setting(role: str, database: str, parameter: str, value: str) -> Drift:
    text = f"{role} has the setting {parameter} = {value}" + (f" in {database}" if database else "")
    if database:
        return Drift(text=text, cure=change_of(text, "reset_kept", role=role, database=database, parameter=parameter))
    return Drift(text=text, cure=change_of(text, "reset_role", role=role, parameter=parameter))
