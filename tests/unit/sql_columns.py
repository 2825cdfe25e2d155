"""Names of the columns that a query gives, read from its text: enough for the style of cluster/queries."""

import re
from itertools import pairwise

from cluster import queries


def columns_of(query: str) -> set[str]:
    """Columns of the outermost SELECT of ``queries/<query>.sql``."""
    text = re.sub(r"--.*", "", queries.get(query))
    return {_name(item) for item in _split(_outermost(text))}


def _outermost(text: str) -> str:
    """What stands between the last SELECT outside of parentheses and its FROM."""
    words = [word for word in _words(text) if word[1] == 0]
    begin = max(end for word, _, _, end in words if word == "SELECT")
    sources = [here for before, here in pairwise(words) if here[0] == "FROM" and before[0] != "DISTINCT"]
    return text[begin : min(start for _, _, start, _ in sources if start > begin)]


def _words(text: str) -> list[tuple[str, int, int, int]]:
    """Each word with its depth of parentheses, its beginning and its end; what is quoted is no word."""
    found, depth = [], 0
    for token in re.finditer(r"'[^']*'|[()]|\w+", text):
        depth += {"(": 1, ")": -1}.get(token[0], 0)
        found.append((token[0].upper(), depth, token.start(), token.end()))
    return found


def _split(items: str) -> list[str]:
    """A SELECT list at its outer commas."""
    parts, depth, begin = [], 0, 0
    for token in re.finditer(r"'[^']*'|[(),]", items):
        depth += {"(": 1, ")": -1}.get(token[0], 0)
        if token[0] == "," and depth == 0:
            parts.append(items[begin : token.start()])
            begin = token.end()
    return [*parts, items[begin:]]


def _name(item: str) -> str:
    """What a column is called: behind AS, or the last part of its own name."""
    called = re.search(r"(?:\bAS\s+|\.|\A\s*)(\w+)\s*\Z", item)
    assert called, f"a column without a name: {item.strip()}"
    return called[1]
