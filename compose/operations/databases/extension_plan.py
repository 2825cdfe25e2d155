"""Which extensions a database lacks, and how each is made in it. Pure."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Literal

from cluster.errors import RefusedError
from cluster.extension_catalogue import CATALOGUE
from cluster.extensions import word_of

CATALOG_SCHEMA = "pg_catalog"
_USUAL = "public"


@dataclass(frozen=True, slots=True, kw_only=True)
class Installed:
    """An extension of a database."""

    name: str
    version: str
    schema: str
    relocatable: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Available:
    """One version of an extension that the image has. ``schema``: the one it must be in; ``newest``: the default."""

    name: str
    version: str
    relocatable: bool
    schema: str
    requires: tuple[str, ...]
    newest: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ExtensionChange:
    """What is done to one extension.

    ``schema`` is where it is afterwards; ``bound``: its control file says so. ``apart``: its script runs in a schema
    that nobody else knows. ``trusted`` are the schemas that are in the script's search_path as they are.
    """

    kind: Literal["create", "update"]
    name: str
    version: str
    schema: str
    bound: bool
    apart: bool
    trusted: tuple[str, ...]

    @property
    def text(self) -> str:
        """In words."""
        return f"{self.name} {self.version}" if self.kind == "create" else f"{self.name} to {self.version}"


def plan(
    database: str, wanted: Mapping[str, str], installed: Iterable[Installed], available: Iterable[Available]
) -> tuple[ExtensionChange, ...]:
    """What ``database`` lacks of ``wanted`` (extension → version, "" for any), what others require first.

    Raises:
        RefusedError: the image does not have one, or not in that version.
    """
    planning = _Planning(database, {each.name: each for each in installed}, tuple(available))
    return tuple(change for name, version in wanted.items() for change in planning.need(name, version))


class _Planning:
    def __init__(self, database: str, there: dict[str, Installed], available: tuple[Available, ...]) -> None:
        self._database, self._there, self._available = database, there, available
        self._begun: set[str] = set()

    def need(self, name: str, version: str) -> Iterator[ExtensionChange]:
        known = self._there.get(name)
        if (known and version in ("", known.version)) or name in self._begun:
            return
        self._begun.add(name)
        source = self._version(name, version)
        for required in source.requires:
            yield from self.need(required, "")
        self._begun.discard(name)
        change = self._update(known, source) if known else self._create(source)
        made = replace(known, version=source.version) if known else None
        self._there[name] = made or Installed(
            name=name, version=source.version, schema=change.schema, relocatable=source.relocatable
        )
        yield change

    def _version(self, name: str, version: str) -> Available:
        versions = [each for each in self._available if each.name == name]
        if not versions:
            word = word_of(name)
            hint = f"{word} in PODS_EXTENSIONS brings it" if word else "inv extension.list says what there is"
            raise RefusedError(f"no node has the extension {name}, which {self._database} is declared with", hint)
        for each in versions:
            if each.version == version or (not version and each.newest):
                return each
        chosen = ", ".join(sorted(each.version for each in versions))
        raise RefusedError(f"the extension {name} is not there in version {version} for {self._database}", f"{chosen}")

    def _create(self, source: Available) -> ExtensionChange:
        entry = CATALOGUE.get(word_of(source.name))
        chosen = source.schema or (entry.schema if entry else "") or _USUAL
        return ExtensionChange(
            kind="create",
            name=source.name,
            version=source.version,
            schema=chosen,
            bound=bool(source.schema),
            apart=source.relocatable and not source.schema,
            trusted=self._path(source, chosen),
        )

    def _update(self, known: Installed, source: Available) -> ExtensionChange:
        apart = known.relocatable and source.relocatable
        return ExtensionChange(
            kind="update",
            name=known.name,
            version=source.version,
            schema=known.schema,
            bound=bool(source.schema),
            apart=apart,
            trusted=self._path(source, known.schema),
        )

    def _path(self, source: Available, schema: str) -> tuple[str, ...]:
        """Schemas that a script sees, in which somebody else could have put something."""
        own = () if source.relocatable and not source.schema else (schema,)
        required = (self._there[name].schema for name in source.requires if name in self._there)
        return tuple(each for each in dict.fromkeys((*own, *required)) if each != CATALOG_SCHEMA)
