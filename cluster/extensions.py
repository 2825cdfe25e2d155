"""Extensions by name: what settings and declared databases ask for, and what servers need for it. Pure."""

import difflib
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from cluster.errors import UsageError
from cluster.extension_catalogue import CATALOGUE, CONTRIB, Extension

if TYPE_CHECKING:
    from cluster.config.settings import Settings

STATISTICS = "pg_stat_statements"
"""What every node preloads."""
AUDIT = "pgaudit"
"""What PODS_AUDIT brings: the library alone. The extension is made nowhere: its event triggers would refuse every
definition in a database that is read without the library, as in a restored copy."""
_WORD_OF: Mapping[str, str] = {name: each.word for each in CATALOGUE.values() for name in each.names}


def word_of(extension: str) -> str:
    """The word that brings an extension; "" for one of PostgreSQL's own, or of nobody."""
    return _WORD_OF.get(extension, "")


def read_words(text: str) -> tuple[str, ...]:
    """Words with commas between, each once, in alphabetical order: their order is nothing that an image depends on.

    Raises:
        ValueError: one is not known; says which are near.
    """
    found = {part.strip() for part in text.split(",") if part.strip()}
    for word in sorted(found - CATALOGUE.keys()):
        raise ValueError(_unknown(word))
    return tuple(sorted(found))


def _unknown(word: str) -> str:
    if brings := word_of(word):
        return f"the word for the extension {word} is {brings}"
    near = difflib.get_close_matches(word, [*CATALOGUE, *_WORD_OF, *sorted(CONTRIB)], 3, 0.6)
    close = list(dict.fromkeys(_WORD_OF.get(each, each) for each in near))
    known = f"near {word!r} there are: {', '.join(close)}; " if close else f"nothing is called {word!r}; "
    return known + "docs/reference/extensions.md has all; PostgreSQL's own need no word"


def chosen(words: Iterable[str], extensions: Iterable[str] = ()) -> tuple[Extension, ...]:
    """Those of ``words``, and those that bring ``extensions``."""
    wanted = {*words, *(word for name in extensions if (word := word_of(name)))}
    return tuple(CATALOGUE[word] for word in sorted(wanted))


def wanted_extensions(settings: "Settings") -> tuple[Extension, ...]:
    """What settings ask for: by word, and by what databases are declared with.

    Raises:
        UsageError: a database is declared with what nobody knows, or two with what works in one alone.
    """
    declared = {each.name: resolved(each.extensions) for each in settings.declared.databases}
    _check_known(declared)
    names = {name for each in declared.values() for name in each}
    plugins = {name for each in settings.declared.databases for name in each.extensions if name in CATALOGUE}
    audit = () if settings.audit == "off" else (AUDIT,)
    return chosen((*settings.extensions, *audit, *(plugins - _WORD_OF.keys())), names)


def resolved(written: Mapping[str, str]) -> dict[str, str]:
    """Extensions and versions, where a database is declared with words too; a word without extension has none."""
    found = {}
    for name, version in written.items():
        if name in _WORD_OF or name not in CATALOGUE:
            found[name] = version
        elif CATALOGUE[name].names:
            found[CATALOGUE[name].names[0]] = version
    return found


def _check_known(declared: Mapping[str, Mapping[str, str]]) -> None:
    for database, names in declared.items():
        for name in names:
            if name not in _WORD_OF and name not in CONTRIB:
                raise UsageError(
                    f"config/databases.toml: databases.{database} has the extension {name!r}", _unknown(name)
                )


def only_database(settings: "Settings", extension: Extension) -> str:
    """The database in which an extension works that works in one alone: the one that is declared with it, or the first.

    Raises:
        UsageError: several are.
    """
    having = [each.name for each in settings.declared.databases if extension.names[0] in resolved(each.extensions)]
    if len(having) > 1:
        raise UsageError(
            f"config/databases.toml: {' and '.join(having)} have {extension.names[0]}, which works in one alone",
            "keep it in one; from there it can run jobs in others (cron.schedule_in_database)",
        )
    return having[0] if having else settings.database


def packages(wanted: Iterable[Extension]) -> tuple[str, ...]:
    """Names of their packages."""
    return tuple(each.package_of() for each in wanted)


def libraries(wanted: Iterable[Extension]) -> tuple[str, ...]:
    """What is preloaded: pg_stat_statements is first, since others build on it."""
    return (STATISTICS, *(library for each in wanted for library in each.preload))


def parameters(settings: "Settings") -> dict[str, str]:
    """Parameters of every node, as postgresql.conf has them."""
    found: dict[str, str] = {}
    plugins = ["pgoutput", "test_decoding"]
    for each in wanted_extensions(settings):
        found |= each.parameters
        plugins += each.plugins
        if each.one_database:
            found[each.one_database] = f"'{only_database(settings, each)}'"
    # since 18.6 the server loads no output plugin that is not named
    return found | ({"output_plugin_libraries": f"'{', '.join(plugins)}'"} if len(plugins) > 2 else {})


def catalogue_table() -> str:
    """The rows of the reference."""
    rows = ["| word | package | extensions | preloaded | parameters | |", "|---|---|---|---|---|---|"]
    for each in CATALOGUE.values():
        names = ", ".join(f"`{name}`" for name in each.names) or f"output plugin `{', '.join(each.plugins)}`"
        given = [f"`{name}={value}`" for name, value in each.parameters.items()]
        given += [f"`{each.one_database}`"] if each.one_database else []
        given += ["`output_plugin_libraries`"] if each.plugins else []
        preloaded = ", ".join(f"`{library}`" for library in each.preload)
        rows.append(
            f"| `{each.word}` | `{each.package_of()}` | {names} | {preloaded} | {', '.join(given)} | {each.note} |"
        )
    return "\n".join((*rows, ""))
