"""Reading `config/databases.toml`: every wrong line is one refusal that says which.

Source of the rules on names: PostgreSQL keeps 63 bytes of one, PgBouncer too, and pools and groups have longer ones.
"""

import re
import tomllib
from collections.abc import Callable, Iterable, Mapping
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

from cluster import roles
from cluster.config.consistency import wrong
from cluster.config.databases import FILE, DatabaseDeclaration, Declarations, RoleDeclaration
from cluster.config.name_patterns import matches
from cluster.config.text_file import read_text
from cluster.documents import dump, load, printable, read_as
from cluster.errors import UsageError

SERVICES_FILE = "databases.json"
"""The same for services, beside their .env."""
LONGEST_DATABASE, LONGEST_ROLE = 50, 50
RESERVED_ROLES = frozenset({"postgres", "replicator", "monitor", "pooler", "archiver", "pods_admin", "public", "none"})
"""Roles of the cluster itself, and names that PostgreSQL keeps for itself."""
RESERVED_DATABASES = frozenset(
    {"postgres", "template0", "template1", "pgbouncer", "replication", "all", "sameuser", "samerole", "samegroup"}
)
"""Databases of PostgreSQL and PgBouncer, and words that mean something else in pg_hba.conf."""
_NOT_A_TEST_S = frozenset({"postgres", "template0", "template1", "pgbouncer", roles.MAINTENANCE})
"""No pattern leads into one of them."""
_CLUSTERS_OWN = frozenset(
    {"rewinder", "session_user", "current_user", "current_role", "user", "all", "pgbouncer", roles.MAINTENANCE}
)
"""Names that are refused only here: a PODS_USER of before may be called so."""
UNGRANTABLE = frozenset(
    {"pg_execute_server_program", "pg_read_server_files", "pg_write_server_files", "pg_database_owner"}
)
"""Predefined roles that lead to the server's own account, or are no role of a database's."""
_NAME = re.compile(r"[a-z_][a-z0-9_-]*\Z")
_PARAMETER = re.compile(r"[A-Za-z_][A-Za-z0-9_.]{0,62}\Z")
_PATTERN = re.compile(r"(?=.*[a-z0-9_-])[a-z0-9_*-]{1,63}\Z")
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}([ T]|\Z)")
_LAST_YEAR = 9999
_LOCALE = re.compile(r"[A-Za-z0-9_@.-]{1,60}\Z")
_OF_THE_SESSION = frozenset({"role", "session_authorization"})
"""Parameters that say who a session is."""
_LONGEST_SHOWN = 200
"""Characters of what somebody wrote, in a refusal."""
_EXTENSION = re.compile(r"[a-z][a-z0-9_-]{0,62}\Z")
_VERSION = re.compile(r"[A-Za-z0-9._+-]{0,63}\Z")
_SECTIONS = {"databases": DatabaseDeclaration, "roles": RoleDeclaration}

T = TypeVar("T")


def read_declarations(home: Path, *, service: bool = False) -> Declarations:
    """The user's own databases and roles; a ``service`` has them beside its .env.

    Raises:
        UsageError: the file cannot be read, or something in it is not valid.
    """
    text = read_text(home / SERVICES_FILE if service else home / "config" / FILE)
    return Declarations() if text is None else (from_services if service else parse)(text)


def parse(text: str) -> Declarations:
    """The declarations of a file's text.

    Raises:
        UsageError: something in it is not valid; says what, and which.
    """
    try:
        raw = tomllib.loads(text)
    except (ValueError, RecursionError) as error:  # a number of 5,000 digits is a ValueError of Python's
        raise wrong("", f"is not TOML: {_shown(str(error))}", "mend that line; nothing was changed") from None
    for section in raw:
        if section not in _SECTIONS:
            raise wrong(_shown(section), "is not known", "there are [databases.NAME] and [roles.NAME]")
    try:
        declared = Declarations(
            databases=tuple(_entries(raw, "databases", DatabaseDeclaration, _database)),
            roles=tuple(_entries(raw, "roles", RoleDeclaration, _role)),
        )
    except RecursionError:
        raise wrong("", "nests too deeply", "see docs/reference/databases.md") from None
    _check_names(declared)
    return declared


def for_services(declared: Declarations) -> str:
    """The text of the document that services read."""
    return dump(declared)


def from_services(text: str) -> Declarations:
    """What ``for_services`` wrote.

    Raises:
        UsageError: it is not that.
    """
    try:
        return load(Declarations, text, SERVICES_FILE)
    except ValueError as error:
        raise UsageError(f"{SERVICES_FILE} cannot be used: {error}", "run inv up, which writes it") from None


def _entries(
    raw: Mapping[str, Any], section: str, kind: type[T], prepared: Callable[[dict[str, Any]], dict[str, Any]]
) -> Iterable[T]:
    tables = raw.get(section, {})
    if not isinstance(tables, dict):
        raise wrong(section, "is no table", f"write [{section}.NAME]")
    for name, table in tables.items():
        where = f"{section}.{_shown(name)}"
        if not isinstance(table, dict):
            raise wrong(where, "is no table", f"write [{section}.NAME] and below it what it has")
        if "name" in table:
            raise wrong(f"{where}.name", "is not known", f"its name stands in [{section}.NAME]")
        try:
            yield read_as(kind, {"name": name, **prepared(table)})
        except ValueError as error:
            raise wrong(where, _shown(str(error)), "see docs/reference/databases.md") from None


def _database(table: dict[str, Any]) -> dict[str, Any]:
    made = dict(table)
    found = made.get("extensions")
    if isinstance(found, list):
        made["extensions"] = found = dict.fromkeys(_texts(found, "extensions"), "")
    for name, version in found.items() if isinstance(found, dict) else ():
        if not _EXTENSION.match(name) or not _VERSION.match(str(version)):
            raise ValueError(f"extensions has {name!r} {version!r}, which is no name or version of one")
    _settings(made)
    if isinstance(size := made.get("pool_size", 1), int) and not 1 <= size <= 10_000:
        raise ValueError("pool_size is from 1 to 10000")
    if not _LOCALE.match(str(made.get("locale", "C"))):
        raise ValueError("locale is no name of a locale")
    if ("locale_provider" in made) != ("locale" in made):
        raise ValueError("locale_provider and locale go together")
    return made


def _role(table: dict[str, Any]) -> dict[str, Any]:
    made = dict(table)
    _settings(made)
    if isinstance(moment := made.get("valid_until"), date | datetime):
        made["valid_until"] = moment.isoformat()
    if not _is_moment(str(made.get("valid_until", "infinity"))):
        raise ValueError("valid_until is no moment: write 2027-01-31, 2027-01-31T12:00:00Z or infinity")
    if isinstance(limit := made.get("connection_limit", 0), int) and not -1 <= limit <= 100_000:
        raise ValueError("connection_limit is from -1, which is none, to 100000")
    for pattern in _texts(made.get("create_databases", []), "create_databases"):
        if not _PATTERN.match(pattern):
            raise ValueError(f"create_databases has {pattern!r}: use a-z, 0-9, _, - and * for anything")
        if own := next((name for name in sorted(_NOT_A_TEST_S) if matches(pattern, name)), None):
            raise ValueError(f"create_databases has {pattern!r}, which means {own} too: make it narrower, as test_*")
    for group in _texts(made.get("member_of", []), "member_of"):
        if group in UNGRANTABLE or group in RESERVED_ROLES or group == "rewinder":
            raise ValueError(f"member_of names {group}, which is given to nobody here")
        if not 0 < len(group.encode()) < 64 or not group.isprintable():
            raise ValueError(f"member_of has {group!r}, which is no name of a role")
    return made


def _is_moment(text: str) -> bool:
    """Whether PostgreSQL takes it; it knows no 30th of February, and no zone beyond 15:59."""
    try:
        found = datetime.fromisoformat(text) if _DAY.match(text) else None
    except ValueError:
        return False
    if found is None:
        return text == "infinity"
    return found.year < _LAST_YEAR and abs(found.utcoffset() or timedelta(0)) < timedelta(hours=16)


def _texts(found: Any, name: str) -> list[str]:
    if not isinstance(found, list) or not all(isinstance(each, str) for each in found):
        raise ValueError(f"{name} is a list of names in quotes")
    return found


def _settings(table: dict[str, Any]) -> None:
    """Numbers and truth as PostgreSQL writes them; lists joined."""
    found = table.get("settings", {})
    if not isinstance(found, dict):
        raise ValueError('settings is a table: settings = { statement_timeout = "30s" }')  # noqa: TRY004 - of the file
    flat: dict[str, str] = {}
    for parameter, value in _flat(found):
        if not _PARAMETER.match(parameter):
            raise ValueError(f"settings.{parameter} is no name of a parameter")
        if parameter.lower() in _OF_THE_SESSION:
            raise ValueError(f"settings.{parameter} says who a session is: use the profile owner, or member_of")
        if not value.isprintable():
            raise ValueError(f"settings.{parameter} has a line break, or what else no line can have")
        if twice := next((each for each in flat if each.lower() == parameter.lower()), None):
            raise ValueError(f"settings.{parameter} is there as {twice} too")
        flat[parameter] = value
    if flat:
        table["settings"] = flat


def _flat(found: Mapping[str, Any], before: str = "") -> Iterable[tuple[str, str]]:
    """TOML reads a dot in a name as a table."""
    for name, value in found.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{before}{name}.")
        elif isinstance(value, bool):
            yield before + name, "on" if value else "off"
        elif isinstance(value, str | int | float):
            yield before + name, str(value)
        else:
            raise ValueError(f"settings.{before}{name} is neither text nor number")  # noqa: TRY004


def _shown(text: str) -> str:
    return printable(text if len(text) <= _LONGEST_SHOWN else text[:_LONGEST_SHOWN] + "…")


def _check_names(declared: Declarations) -> None:
    for database in declared.databases:
        where = f"databases.{_shown(database.name)}"
        _check_name(where, database.name, LONGEST_DATABASE, RESERVED_DATABASES | {roles.MAINTENANCE})
        if database.owner:
            _check_name(f"{where}.owner", database.owner, LONGEST_ROLE, RESERVED_ROLES | _CLUSTERS_OWN)
    for role in declared.roles:
        _check_name(f"roles.{_shown(role.name)}", role.name, LONGEST_ROLE, RESERVED_ROLES | _CLUSTERS_OWN)
        if twice := [each for each in role.read if each in role.write]:
            raise wrong(f"roles.{role.name}", f"has read and write for {twice[0]}", "write includes read: keep that")


def _check_name(where: str, name: str, longest: int, reserved: frozenset[str]) -> None:
    if not _NAME.match(name) or len(name) > longest:
        rule = f"use at most {longest} of a-z, 0-9, _ and -, beginning with a letter or _"
        raise wrong(where, "cannot be a name here", rule)
    if name in reserved or name.startswith("pg_"):
        raise wrong(where, "is a name that the cluster needs itself", "choose another name")
