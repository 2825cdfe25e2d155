"""The cluster's own roles: whose password each has, what each may do, and what PODS keeps set on it. Pure.

Everything that makes, limits or watches roles reads this one table.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field

from cluster.config.databases import RoleDeclaration

SUPERUSER = "postgres"
MONITOR = "monitor"
POOLER_ROLE = "pooler"
CONSOLE_ADMIN, CONSOLE_SECRET = "pods_admin", "admin"
"""Who administers PgBouncer on its console, a role of no server, and the name of its secret."""
APP = "app"
"""Name of the application's secret; its role has a name of the user's choice."""
HOME = "postgres"
"""The database in which PODS itself works."""
MAINTENANCE = "maintenance"
"""An empty database for tools that begin with ``postgres``: the pool of that name leads there."""
ATTRIBUTES = frozenset({"SUPERUSER", "CREATEROLE", "CREATEDB", "REPLICATION", "BYPASSRLS"})
"""Rights that PostgreSQL keeps on the role itself; whoever has one may be more than an application."""
POWERFUL = frozenset(
    {
        "pg_execute_server_program",
        "pg_read_server_files",
        "pg_write_server_files",
        "pg_read_all_data",
        "pg_write_all_data",
        "pg_maintain",
        "pg_signal_backend",
        "pg_signal_autovacuum_worker",
        "pg_create_subscription",
    }
)
"""Predefined roles that reach beyond a role's own objects (PostgreSQL documentation, "Predefined Roles")."""
_UNTOUCHED = {
    "search_path": "pg_catalog, pg_temp",
    "event_triggers": "off",
    "pg_stat_statements.track": "none",
    "pgaudit.log": "ddl,role,write",  # one value, also to a server without pgaudit
}
"""Parameters that a service cannot set at login: they are a superuser's, or the session is PgBouncer's.

What watches and backs up is not counted in pg_stat_statements, where people look for the application's statements; and
what it reads every few seconds is not what people look for in an audit (PODS_AUDIT=all).
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Role:
    """A role, the secret that is its password (``secrets/<secret>_password``), and its rights.

    ``create`` is the query that makes it; ``session`` is how its sessions begin beyond what all of ours begin with;
    ``kept`` is set on it for the database that services work in, where nothing but a superuser could undo it; for one
    that reads ``every_database`` also for the application's.
    """

    name: str
    secret: str
    create: str = ""
    attributes: frozenset[str] = frozenset()
    member_of: frozenset[str] = frozenset()
    session: dict[str, str] = field(default_factory=dict)
    kept: dict[str, str] = field(default_factory=dict)
    every_database: bool = False


SERVICES = (
    Role(
        name="replicator",
        secret="replication",  # noqa: S106 - names of files, here and below
        create="create_replication_role",
        attributes=frozenset({"REPLICATION"}),
    ),
    Role(
        name=MONITOR,
        secret="monitor",  # noqa: S106
        create="create_monitor_role",
        member_of=frozenset({"pg_monitor", "pg_use_reserved_connections"}),
        session={"default_transaction_read_only": "on", "lock_timeout": "1s"},
        kept=_UNTOUCHED,
        every_database=True,
    ),
    Role(
        name=POOLER_ROLE,
        secret="pooler",  # noqa: S106
        create="create_pooler_role",
        kept=_UNTOUCHED
        | {
            "role": "none",
            "statement_timeout": "10s",
            "transaction_timeout": "0",
            "default_transaction_read_only": "on",
            # a standby serves no session that begins serializable, whoever set that for all
            "default_transaction_isolation": "read committed",
        },
    ),
    Role(
        name="archiver",
        secret="archive",  # noqa: S106
        create="create_archive_role",
        attributes=frozenset({"REPLICATION"}),
        kept=_UNTOUCHED,
    ),
)
"""The services' roles; they work in the database ``postgres``, into which no application is let."""


def declared(user: str) -> tuple[Role, ...]:
    """Every role of a cluster whose application is called ``user``."""
    application = Role(name=user, secret=APP, create="create_app_role")
    return (*SERVICES, application, Role(name=SUPERUSER, secret="superuser", attributes=ATTRIBUTES))  # noqa: S106


def role_of(secret: str, user: str) -> str:
    """Name of the role whose password is in ``secrets/<secret>_password``; ``user`` is the application's.

    Raises:
        KeyError: no role logs in with it.
    """
    return {CONSOLE_SECRET: CONSOLE_ADMIN, **{role.secret: role.name for role in declared(user)}}[secret]


def session_of(user: str) -> dict[str, str]:
    """How sessions of ``user`` begin beyond what all of ours begin with."""
    return next((role.session for role in SERVICES if role.name == user), {})


@dataclass(frozen=True, slots=True, kw_only=True)
class Rights:
    """What one role may, as the server says: attributes, roles whose rights it has or can take, databases it owns."""

    name: str
    attributes: tuple[str, ...]
    member_of: tuple[str, ...]
    owns: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """What ALTER DATABASE … SET or ALTER ROLE … SET left: ``name=value``; "" for any database, any role."""

    database: str
    role: str
    setting: str


@dataclass(frozen=True, slots=True, kw_only=True)
class EventTrigger:
    """An event trigger: its event, who owns the function it runs, and whether only superusers can change that."""

    name: str
    event: str
    owner: str
    trusted: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Excess:
    """A role that may more, or something that does more, than PODS made it; ``ours``: it is one of the cluster's."""

    text: str
    ours: bool = True


def excess(
    user: str,
    found: Iterable[Rights],
    databases: Collection[str] = (),
    applications: Iterable[RoleDeclaration] = (),
) -> tuple[Excess, ...]:
    """Every role that may more than it should: the cluster's own, declared ones, and those that lead to the cluster's.

    ``databases`` are those that no role but a superuser should own; ``applications`` are declared beside ``user``.
    """
    rights, ours = {each.name: each for each in found}, {role.name: role for role in declared(user)}
    more_of_them = {each.name: _application(each) for each in applications}
    ours[user] = more_of_them.pop(user, ours[user])
    services = ours.keys() - {user}
    mighty = {name for name, each in rights.items() if each.attributes and name not in ours | more_of_them}
    found_more = []
    for name, each in sorted(rights.items()):
        role = ours.get(name) or more_of_them.get(name)
        dangerous = services | mighty | ({user} | more_of_them.keys() if name in services else set())
        more = _beyond(each, role, dangerous) if role else _leading(each, services)
        if role and name != SUPERUSER:
            more += [f"owns the database {database}" for database in databases if database in each.owns]
        if more:
            who = name if role else f"{name}, a role of your own,"
            found_more.append(Excess(text=f"{who} {' and '.join(more)}", ours=role is not None))
    return tuple(found_more)


def _application(role: RoleDeclaration) -> Role:
    """A declared role as the others are: without a secret of the cluster's."""
    attributes = frozenset({"CREATEDB"}) if role.create_databases else frozenset[str]()
    return Role(name=role.name, secret="", attributes=attributes, member_of=frozenset(role.member_of))


def _beyond(each: Rights, role: Role, dangerous: Iterable[str]) -> list[str]:
    attributes = sorted(set(each.attributes) - role.attributes)
    members = sorted((set(each.member_of) & (POWERFUL | set(dangerous))) - role.member_of)
    return [*(f"has {name}" for name in attributes), *(f"is a member of {name}" for name in members)]


def _leading(each: Rights, dangerous: Iterable[str]) -> list[str]:
    if "SUPERUSER" in each.attributes:
        return ["has SUPERUSER"]
    return [f"is a member of {name}" for name in sorted(set(each.member_of) & set(dangerous))]


def foreign(found: Iterable[Setting]) -> tuple[Excess, ...]:
    """Settings that nobody but a superuser can have made, and PODS did not, on its roles or the database postgres.

    They cannot harm a session of PODS; they are a trace of somebody who was more than an application.
    """
    made = {(role.name, f"{name}={value}") for role in SERVICES for name, value in (role.kept | role.session).items()}
    watched = {role.name for role in SERVICES} | {SUPERUSER}
    lines = []
    for each in found:
        known = (each.role, each.setting) in made or (each.role == MONITOR and each.setting == "statement_timeout=10s")
        if (each.role in watched or (each.database == HOME and not each.role)) and not known:
            where = " in the database ".join(part for part in (each.role, each.database) if part)
            lines.append(Excess(text=f"{where or 'every role'} has the setting {each.setting}"))
    return tuple(lines)


def foreign_triggers(database: str, found: Iterable[EventTrigger]) -> tuple[Excess, ...]:
    """Event triggers that run code of somebody who is no superuser, or any in the database where PODS works."""
    return tuple(
        Excess(text=f"the event trigger {each.name} ({each.event}) in {database} runs code of {each.owner}")
        for each in found
        if database == HOME or not each.trusted
    )
