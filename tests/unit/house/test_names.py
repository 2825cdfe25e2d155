"""The house's words: one name for one thing, and names that a PostgreSQL or Docker person knows."""

import ast
import re
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest

from cluster.config.env_file import PROJECT_ROOT

PACKAGES = ("cluster", "compose", "exporters", "guide", "health", "backup", "dashboards")
FILES = [path for package in PACKAGES for path in sorted((PROJECT_ROOT / package).rglob("*.py"))]
PRIVATE = frozenset(
    (
        *("told", "tell", "said", "say", "asked", "wish", "wishes", "look", "looks", "looked"),
        *("place", "places", "way", "ways", "turn", "turns", "ground", "bell", "board", "boards"),
        *("rounds", "flights", "standing", "standings"),
    )
)
"""Words that stood for eleven things at once. What a thing *is* has a name of its own."""
LONGEST = 300
"""Lines of a module."""
_HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")


def _short(path: Path) -> str:
    return str(path.relative_to(PROJECT_ROOT))


def words(name: str) -> set[str]:
    """The words that an identifier is made of, in lower case; *in place* is a term (a restore in place)."""
    return set(_HUMP.sub("_", name).lower().replace("in_place", "").split("_"))


def identifiers(tree: ast.AST) -> Iterator[str]:
    """Every name that a module defines: what it only calls was named elsewhere."""
    for node in ast.walk(tree):
        match node:
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                yield node.name
            case ast.arg():
                yield node.arg
            case ast.Name(ctx=ast.Store()):
                yield node.id
            case ast.Attribute(ctx=ast.Store()):
                yield node.attr
            case ast.alias(asname=str() as name) | ast.ExceptHandler(name=str() as name):
                yield name


def test_the_words_of_an_identifier_are_found() -> None:
    assert words("_told_of") == {"", "told", "of"}
    assert words("WalLook") == {"wal", "look"}
    found = set(identifiers(ast.parse("def a(b, *, c=1):\n    d = 1\n    self.e = 2\n    import x as f\nclass G: ...")))
    assert found == set("abcdef") | {"G"}


def test_no_class_name_stands_for_two_things() -> None:
    where = defaultdict(list)
    for path in FILES:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ClassDef):
                where[node.name].append(_short(path))
    assert {name: paths for name, paths in where.items() if len(paths) > 1} == {}


@pytest.mark.parametrize("package", PACKAGES)
def test_no_module_name_occurs_twice_in_a_package(package: str) -> None:
    names = Counter(
        path.stem for path in (PROJECT_ROOT / package).rglob("*.py") if path.stem not in ("__init__", "__main__")
    )
    assert [name for name, times in names.items() if times > 1] == []


@pytest.mark.parametrize("path", FILES, ids=_short)
def test_no_private_word_is_an_identifier(path: Path) -> None:
    found = {name for name in identifiers(ast.parse(path.read_text(encoding="utf-8"))) if words(name) & PRIVATE}
    assert found == set(), "say what it is: an answer, a state, a position, a request, an interval, a path …"
    assert path.stem not in PRIVATE


def test_no_module_is_too_long_to_be_read() -> None:
    assert {_short(p): n for p in FILES if (n := len(p.read_text(encoding="utf-8").splitlines())) > LONGEST} == {}
