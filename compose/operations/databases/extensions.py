"""Making and updating extensions, as superuser in a database of which somebody else is the owner.

An extension's script looks names up in the schema it is made in, and may call what the owner planted there, as
superuser (CVE-2018-1058, decision 0051). So one that can be moved is made in a schema that nobody else knows, and moved
when its script is done. Another is made where it belongs only while nothing of anybody else's is there that a script
could call, and while nobody can put it there.
"""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from cluster.errors import RefusedError, TimedOutError
from cluster.extension_catalogue import CATALOGUE
from cluster.extensions import resolved, word_of
from cluster.postgres.connection import Access, connect, execute, fetch_all, fetch_one
from cluster.postgres.failures import one_line
from cluster.waiting import attempts
from compose.operations.databases.extension_plan import Available, ExtensionChange, Installed, plan

if TYPE_CHECKING:
    import psycopg

_SCRIPT_SECONDS = 900.0
_WRITERS_SECONDS = 10.0
_BETWEEN_SECONDS = 0.1
_SHOWN = 3
"""Objects that a refusal names."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Planted:
    """What somebody who is no superuser made, where a script could call it."""

    kind: str
    name: str
    owner: str


def converge_extensions(superuser: Access, owner: str, wanted: Mapping[str, str]) -> list[str]:
    """Make in the superuser's database what it lacks of ``wanted``, for its ``owner``; what was made, in words.

    Each is one transaction: after an interruption it is there or it is not.

    Raises:
        PodsError: one cannot be made, or not safely; those before it are there.
    """
    import psycopg

    database = superuser.database
    with connect(replace(superuser, statement_timeout=_SCRIPT_SECONDS)) as connection:
        made = []
        for change in plan_extensions(connection, database, wanted):
            try:
                with connection.transaction():
                    _perform(connection, database, change)
                    if change.kind == "create":
                        _open(connection, change, owner)
            except psycopg.Error as error:
                raise RefusedError(
                    f"the extension {change.text} cannot be had in {database}: {one_line(error)}",
                    "nothing of it is left; mend that, then run inv up",
                ) from None
            made.append(f"extension {change.text} in {database}")
    return made


def plan_extensions(
    connection: "psycopg.Connection[Any]", database: str, wanted: Mapping[str, str]
) -> tuple[ExtensionChange, ...]:
    """What a database lacks of ``wanted``."""
    chosen = resolved(wanted)
    installed = fetch_all(connection, "extensions_installed", Installed)
    known = {each.name: each.version for each in installed}
    if all(name in known and version in ("", known[name]) for name, version in chosen.items()):
        return ()
    available = fetch_all(connection, "extensions_available", _available)
    return plan(database, chosen, installed, available)


def _available(requires: list[str], **columns: Any) -> Available:
    return Available(requires=tuple(requires), **columns)


def _perform(connection: "psycopg.Connection[Any]", database: str, change: ExtensionChange) -> None:
    execute(connection, "limit_lock_wait")
    if change.kind == "update":
        planted = fetch_all(connection, "planted_triggers", Planted, [change.name])
        _refuse(planted, database, change)
    schema = change.schema
    if change.apart:
        schema = f"pods_{secrets.token_hex(8)}"
        execute(connection, "create_schema", schema=schema)
        if change.kind == "update":
            execute(connection, "move_extension", extension=change.name, schema=schema)
    elif not change.bound and not fetch_one(connection, "schema_known", _truth, [schema]):
        execute(connection, "create_schema", schema=schema)
    if change.trusted:
        _refuse_planted(connection, database, change)
    _run_script(connection, change, schema)
    if change.apart:
        execute(connection, "move_extension", extension=change.name, schema=change.schema)
        execute(connection, "drop_schema", schema=schema)


def _truth(known: bool) -> bool:
    """A row of one truth."""
    return known


def _run_script(connection: "psycopg.Connection[Any]", change: ExtensionChange, schema: str) -> None:
    given = {"extension": change.name, "version": change.version}
    if change.kind == "update":
        execute(connection, "update_extension", **given)
    elif change.bound:
        execute(connection, "create_extension_bound", **given)
    else:
        execute(connection, "create_extension", **given, schema=schema)


def _refuse_planted(connection: "psycopg.Connection[Any]", database: str, change: ExtensionChange) -> None:
    """With the names locked, and with nobody left who wrote before that and has not committed it.

    Raises:
        RefusedError: something of somebody else's is there.
        TimedOutError: transactions do not end.
    """
    execute(connection, "lock_names")
    for _ in attempts(_WRITERS_SECONDS, _BETWEEN_SECONDS):
        if not fetch_one(connection, "open_writers", _writers):
            break
    else:
        raise TimedOutError(
            f"the extension {change.text} waits for transactions in {database} that have written and do not end",
            "end them, then run inv up",
        )
    _refuse(fetch_all(connection, "planted_objects", Planted, [list(change.trusted)]), database, change)


def _writers(writers: int, **_: object) -> int:
    return writers


def _refuse(planted: list[Planted], database: str, change: ExtensionChange) -> None:
    if not planted:
        return
    shown = ", ".join(f"the {each.kind} {each.name} of {each.owner}" for each in planted[:_SHOWN])
    more = f" and {len(planted) - _SHOWN} more" if len(planted) > _SHOWN else ""
    raise RefusedError(
        f"the extension {change.text} is not made in {database}, since its script could run {shown}{more} as superuser",
        "docs/how-to/extensions.md says what to do",
    )


def _open(connection: "psycopg.Connection[Any]", change: ExtensionChange, owner: str) -> None:
    """What the owner of the database needs in the schemas that the script made for itself."""
    entry = CATALOGUE.get(word_of(change.name))
    for schema in entry.open_schemas if entry else ():
        if not fetch_one(connection, "schema_known", _truth, [schema]):
            continue
        execute(connection, "grant_usage", schema=schema, role=owner)
        if entry and schema in entry.open_tables:
            execute(connection, "grant_rows", schema=schema, role=owner)
