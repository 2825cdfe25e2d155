"""psql in a container of its own: no client on the host needed, no password on a command line or in an environment."""

import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from cluster import pgbouncer
from cluster.config.databases import DatabaseDeclaration
from cluster.endpoints import POOLER
from cluster.errors import UsageError
from cluster.naming import write_pools
from cluster.pools import pools_of_databases
from cluster.postgres import session
from cluster.roles import HOME, SUPERUSER
from compose.engine.hosts.host_sessions import open_hosts
from compose.home.role_passwords import login_of, logins
from compose.operations.home_identity import check_no_copy
from compose.operations.hosts.leader_socket import container_of
from compose.stack import Stack


@dataclass(frozen=True, slots=True, kw_only=True)
class PsqlTarget:
    """Where `inv psql` connects, and as whom."""

    node: str | None
    pool: str | None
    user: str | None
    superuser: bool
    database: str | None = None


def psql_arguments(stack: Stack, target: PsqlTarget) -> list[str]:
    """psql's arguments for ``target``.

    Raises:
        UsageError: it asks for what does not go together.
    """
    from psycopg.conninfo import make_conninfo

    settings = stack.settings
    if target.node and target.pool:
        raise UsageError("--node and --pool cannot be given together", "choose one")
    if target.superuser and not target.node:
        raise UsageError(
            "the superuser does not go through PgBouncer", "name a node: inv psql --superuser --node primary"
        )
    if target.superuser and target.user:
        raise UsageError("--superuser and --user cannot be given together", "choose one")
    if target.database and not target.node:
        raise UsageError("--database goes with --node", "through PgBouncer, a pool is chosen with --pool")
    if target.node:
        return [_direct(stack, target, _server(stack, target.node))]
    pool = target.pool or write_pools(_home_of(stack, target.user))[1]
    entry = pool if pool == pgbouncer.CONSOLE else stack.check_pool(pool)
    owner = next((database.owner for database, name, _ in _pools(stack) if name == entry), settings.user)
    return [make_conninfo(host=POOLER, port=6432, user=_login(stack, target.user or owner), dbname=entry)]


def _pools(stack: Stack) -> Iterator[tuple[DatabaseDeclaration, str, tuple[str, ...]]]:
    return pools_of_databases(stack.settings, stack.topology)


def _home_of(stack: Stack, user: str | None) -> str:
    """The first database that a declared role may enter; of others the application's."""
    entered = stack.settings.declared.may_enter(user) if user else ()
    return entered[0] if entered else stack.settings.database


def _direct(stack: Stack, target: PsqlTarget, server: str) -> str:
    """To a server itself. The superuser goes where no application is, and nothing set elsewhere holds for it."""
    from psycopg.conninfo import make_conninfo

    where: dict[str, Any] = {"host": server, "port": 5432, "channel_binding": "require"}
    if target.superuser:
        guarded = session.options(session.guarded())
        return make_conninfo(**where, user=SUPERUSER, dbname=target.database or HOME, options=guarded)
    database = target.database or _home_of(stack, target.user)
    owners = {each.name: each.owner for each in stack.settings.declared.databases}
    user = target.user or owners.get(database, stack.settings.user)
    return make_conninfo(**where, user=_login(stack, user), dbname=database)


def _login(stack: Stack, role: str) -> str:
    """The one in use of a role's two logins; whoever is not declared has but one."""
    return login_of(stack.home, stack.settings, role) if role in logins(stack.settings) else role


def _server(stack: Stack, name: str) -> str:
    """A node, or a copy beside the cluster."""
    return name if name in stack.topology.servers else stack.topology.node(name).name


def for_script(stack: Stack, target: PsqlTarget) -> PsqlTarget:
    """Where SQL from stdin goes: a script expects a session of its own, as every dump does, so to the primary directly.

    A pool would lend it another server connection after each transaction; who names a node or a pool gets that.
    """
    chosen = target.node or target.pool or target.superuser
    return target if chosen else replace(target, node=stack.topology.primary)


def run_psql(stack: Stack, target: PsqlTarget, command: str | None) -> int:
    """Run psql and return its exit code. Without a terminal it reads SQL from stdin."""
    check_no_copy(stack)
    if target.superuser and stack.topology.engine != "local":
        return member_psql(stack, target, command)
    reads_script = not command and not sys.stdin.isatty()
    arguments = psql_arguments(stack, for_script(stack, target) if reads_script else target)
    run = [
        "--profile",
        "tools",
        "run",
        "--rm",
        "--no-deps",
        *([] if sys.stdin.isatty() and sys.stdout.isatty() else ["-T"]),
    ]
    extra = ["-v", "ON_ERROR_STOP=1", *(["-c", command] if command else [])]
    return stack.compose.exit_code(*run, "psql", *arguments, *extra)


def member_psql(stack: Stack, target: PsqlTarget, command: str | None) -> int:
    """The superuser's on a host: by the socket in the node's container, since it crosses no network.

    Raises:
        UsageError: it asks for what does not go together.
        PodsError: there is no such node, or its host is not reached.
    """
    from psycopg.conninfo import make_conninfo

    psql_arguments(stack, target)
    name = _server(stack, target.node or "")
    guarded = session.options(session.guarded())
    where = make_conninfo(host="/var/run/postgresql", user=SUPERUSER, dbname=target.database or HOME, options=guarded)
    extra = ["-v", "ON_ERROR_STOP=1", *(["-c", command] if command else [])]
    with open_hosts(stack.home, stack.settings, [name]) as engines:
        address = container_of(engines[name])
        terminal = sys.stdin.isatty() and sys.stdout.isatty()
        argv = address.command("psql", where, *extra, terminal=terminal)
        return subprocess.run(argv, env={**os.environ, **address.environment}, check=False).returncode
