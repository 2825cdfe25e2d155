"""Extensions that databases are declared with: made where they are missing, or shown."""

from collections.abc import Iterator
from dataclasses import replace

from cluster.errors import PodsError, RefusedError
from cluster.extensions import resolved
from cluster.postgres.connection import Access, connect
from cluster.postgres.failures import ConnectError
from compose.operations.databases.extension_plan import ExtensionChange
from compose.operations.databases.extensions import converge_extensions, plan_extensions
from compose.operations.databases.plan import ServerChange
from compose.stack import Stack


def make_declared(stack: Stack) -> tuple[list[str], list[PodsError]]:
    """What was made, in words, and what could not be: one database does not stop the others."""
    made, failed = list[str](), list[PodsError]()
    for access, owner, wanted in _declared(stack):
        try:
            made += converge_extensions(access, owner, wanted)
        except PodsError as fault:
            failed.append(fault)
    return made, failed


def missing_extensions(stack: Stack) -> list[ServerChange]:
    """What ``make_declared`` would send of what the nodes have; what is in no image yet, `inv up` brings first."""
    found = []
    for access, _, wanted in _declared(stack):
        for name, version in wanted.items():
            try:
                with connect(access) as connection:
                    changes = plan_extensions(connection, access.database, {name: version})
            except (ConnectError, RefusedError):  # no database yet, or no image that has it
                continue
            found += [_statement(access.database, change) for change in changes]
    return found


def _declared(stack: Stack) -> Iterator[tuple[Access, str, dict[str, str]]]:
    superuser = stack.superuser(stack.topology.primary)
    for database in stack.settings.declared.databases:
        if wanted := resolved(database.extensions):
            yield replace(superuser, database=database.name), database.owner, wanted


def _statement(database: str, change: ExtensionChange) -> ServerChange:
    parts = {"extension": change.name, "version": change.version}
    query = "update_extension" if change.kind == "update" else "create_extension_bound"
    if change.kind == "create" and not change.bound:
        query, parts = "create_extension", {**parts, "schema": change.schema}
    return ServerChange(title=f"extension {change.text}", query=query, parts=parts, database=database)
