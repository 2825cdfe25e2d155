"""`inv extension.list`: what there is, where it is used, what another image or major version would change."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from cluster.extension_catalogue import CATALOGUE, NEXT_MAJOR
from cluster.extensions import wanted_extensions, word_of
from cluster.postgres.connection import connect, fetch_all
from compose.console import Console
from compose.engine.host import host_facts_of
from compose.engine.package_changes import offered
from compose.operations.databases.extension_guard import ExtensionUse, extensions_in_use
from compose.stack import Stack

UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class UsedExtension:
    """Where an extension is; ``newer``: what ALTER EXTENSION … UPDATE would bring there, "" for nothing."""

    database: str
    version: str
    schema: str
    newer: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ExtensionRow:
    """One extension. ``word`` is "" for PostgreSQL's own; ``version`` what the nodes have, "" where they do not.

    ``archive`` is the package that the archive offers; ``next_major`` whether it has it for the next major version:
    yes, no, or unknown where nobody asked or it has no such server.
    """

    name: str
    word: str
    wanted: bool
    version: str
    used: tuple[UsedExtension, ...]
    archive: str
    next_major: str
    note: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeExtension:
    """What a node offers."""

    name: str
    version: str
    comment: str


def inventory(stack: Stack, console: Console, *, archive: bool) -> list[ExtensionRow]:
    """Every extension of the nodes and of the catalogue.

    Raises:
        PodsError: the primary does not answer; or the archive, where it is asked.
    """
    with connect(stack.monitor(stack.topology.primary)) as connection:
        there = fetch_all(connection, "extension_names", NodeExtension)
    used = tuple(extensions_in_use(stack))
    packages: Mapping[str, str] = {}
    if archive:
        with console.step("Asking the archive what it has"):
            packages = _offered(stack)
    wanted = {each.word for each in wanted_extensions(stack.settings)}
    return sorted(_rows(there, used, packages, wanted), key=lambda row: (row.word == "", row.name))


def _offered(stack: Stack) -> Mapping[str, str]:
    majors = (NEXT_MAJOR - 1, NEXT_MAJOR)
    packages = [each.package_of(major) for each in CATALOGUE.values() for major in majors]
    image = host_facts_of(stack.home, stack.settings, stack.topology).images.pgbouncer
    servers = [f"postgresql-{major}" for major in majors]
    return offered(stack.settings, stack.topology.project, image, [*packages, *servers])


def _rows(
    there: Sequence[NodeExtension], used: Sequence[ExtensionUse], packages: Mapping[str, str], wanted: set[str]
) -> Iterator[ExtensionRow]:
    """Those of the nodes, then what the catalogue has beside, plugins under their word."""
    known = {each.name: each for each in there}
    beside = {name for each in CATALOGUE.values() for name in (each.names or (each.word,))} - known.keys()
    for name in (*known, *beside):
        word = name if name in CATALOGUE and not CATALOGUE[name].names else word_of(name)
        version = known[name].version if name in known else ""
        yield ExtensionRow(
            name=name,
            word=word,
            wanted=word in wanted,
            version=version,
            used=tuple(_used(each, version) for each in used if each.name == name),
            archive=packages.get(CATALOGUE[word].package_of(), "") if word else "",
            next_major=_next_major(word, packages),
            note=CATALOGUE[word].note if word else known[name].comment,
        )


def _used(use: ExtensionUse, offered_version: str) -> UsedExtension:
    newer = offered_version if offered_version not in ("", use.version) else ""
    return UsedExtension(database=use.database, version=use.version, schema=use.schema, newer=newer)


def _next_major(word: str, packages: Mapping[str, str]) -> str:
    if f"postgresql-{NEXT_MAJOR}" not in packages:
        return UNKNOWN
    return "yes" if not word or CATALOGUE[word].package_of(NEXT_MAJOR) in packages else "no"
