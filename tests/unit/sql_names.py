"""Names in a query that a search_path would have to find, read from its text; for the style of cluster/queries."""

import re

GRAMMAR = re.compile(
    r"coalesce|greatest|least|nullif|extract|values|in|exists|filter|using|lateral|and|or|not|on|over|array|any|all|as|"
    r"select|from|where|when|then|else|case|by|interval|bit|record|begin|if|limit|cast|join|with|union|materialized|vacuum|set|reset",
    re.IGNORECASE,
)
"""What stands before a parenthesis and is no function, or is one that the grammar itself finds in pg_catalog."""
KEYWORD_TYPES = re.compile(
    "int|integer|bigint|smallint|boolean|bit|varchar|char|real|numeric|timestamp|interval", re.IGNORECASE
)
"""Types that the grammar itself finds in pg_catalog."""
_OWN = ("pg_catalog.", "pods.")
_STATISTICS = "public.pg_stat_statements"
"""Of the database postgres, in whose schemas nobody but a superuser can put anything."""


def unqualified(text: str) -> list[str]:
    """Functions, relations and types of ``text`` without their schema."""
    bare = re.sub(r"'[^']*'", "''", re.sub(r"--.*", "", text))
    known = set(re.findall(r"(\w+)\s+AS\s+(?:MATERIALIZED\s+)?\(", bare)) | set(re.findall(r"\)\s*AS\s+(\w+)", bare))
    return [*_functions(bare), *_relations(bare, known), *_types(bare), *_quoted(text)]


def _functions(bare: str) -> list[str]:
    found = re.finditer(r"(\bAS\s+)?((?:\w+\.)*)(\w+)\s*\(", bare, re.IGNORECASE)
    return [
        f"function {m[2]}{m[3]}"
        for m in found
        if not m[1] and m[2] not in _OWN and m[2] + m[3] != _STATISTICS and not GRAMMAR.fullmatch(m[3])
    ]


def _relations(bare: str, known: set[str]) -> list[str]:
    found = re.findall(
        r"(?:\bFROM|\bJOIN)\s+((?:\w+\.)*\w+)(?![\w.])(?!\s*\()",
        re.sub(r"EXTRACT\s*\(\s*\w+\s+FROM", "(", bare, flags=re.IGNORECASE),
    )
    # what a FROM lists behind commas
    for listed in re.findall(r"\bFROM\s+([\w. ]+(?:,\s*[\w. ]+)+)", bare):
        found += [part.split()[0] for part in listed.split(",") if part.split()]
    return [
        f"relation {name}"
        for name in found
        if not name.startswith(_OWN) and name not in known and name.lower() not in ("lateral", "public")
    ]


def _types(bare: str) -> list[str]:
    found = re.findall(r"::\s*((?:\w+\.)?\w+)", bare)
    declared = re.findall(r"(?:\(login|\bOUT \w+)\s+((?:\w+\.)?\w+)", bare)
    return [
        f"type {name}"
        for name in [*found, *declared]
        if not name.startswith(_OWN) and not KEYWORD_TYPES.fullmatch(name)
    ]


def _quoted(text: str) -> list[str]:
    """Functions that are named within a string, for to_regprocedure and its like."""
    found = re.findall(r"'((?:\w+\.)?\w+)\(([^')]*)\)'", text)
    return [
        f"in a string: {name}({arguments})"
        for name, arguments in found
        if not name.startswith(_OWN) or (arguments and not arguments.startswith(_OWN))
    ]
