"""SQL that is suggested to a person, with names of others in it, in a form that can be printed and pasted. Pure.

What is put in is SQL of the server's own quoting: an identifier, a constant, a definition. Characters that a terminal
might obey, or nobody sees, are written as Unicode escapes, which mean the same.
"""

import re

from cluster import queries

_CONSTANT = re.compile(
    r"""(?P<escaped>\bE'(?:[^'\\]|''|\\.)*')|(?P<text>'(?:[^']|'')*')|(?P<name>"(?:[^"]|"")*")""", re.DOTALL
)


def remedy(query: str, **parts: str) -> str:
    """``queries/<query>.sql`` with ``parts`` in it, of which each is SQL already."""
    return queries.get(query).strip().format(**{name: visible(part) for name, part in parts.items()})


def visible(sql: str) -> str:
    """The same SQL without characters that cannot be seen."""
    return sql if sql.isprintable() else _CONSTANT.sub(_rewritten, sql)


def constant(text: str) -> str:
    """``text`` as SQL's string constant, whatever is in it."""
    if text.isprintable() and "\\" not in text:
        return "'" + text.replace("'", "''") + "'"
    return "U&'" + _escaped(text.replace("'", "''")) + "'"


def _rewritten(found: re.Match[str]) -> str:
    token = found[0]
    if token.isprintable():
        return token
    if found["escaped"]:
        return "".join(each if each.isprintable() else f"\\U{ord(each):08x}" for each in token)
    return f"U&{token[0]}{_escaped(token[1:-1])}{token[0]}"


def _escaped(text: str) -> str:
    return "".join("\\\\" if each == "\\" else each if each.isprintable() else f"\\+{ord(each):06x}" for each in text)
