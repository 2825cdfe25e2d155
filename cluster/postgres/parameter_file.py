"""The parameters that a postgresql.conf sets. Pure.

Source: PostgreSQL documentation, "Parameter Interaction via the Configuration File".
"""

import re
from collections.abc import Mapping

_LINE = re.compile(
    r"""^[ \t]*(?P<name>[A-Za-z_][\w.]*)[ \t]*(?:=[ \t]*|[ \t]+)(?P<value>'(?:[^'\\\n]|''|\\.)*'|[^\s#'=][^\s#]*)""",
    re.MULTILINE,
)
_INCLUDES = ("include", "include_if_exists", "include_dir")
_ESCAPED = re.compile(r"''|\\(.)")


def parameters(text: str, included: Mapping[str, str] | None = None) -> dict[str, str]:
    """Name and value of every parameter, names in lower case, without quotes; of one that is set twice the last.

    Args:
        text: the file.
        included: texts of the files that it includes, by the names it calls them; others are passed over.
    """
    found: dict[str, str] = {}
    for match in _LINE.finditer(text):
        name, value = match["name"].lower(), _plain(match["value"])
        if name in _INCLUDES:
            found |= parameters((included or {}).get(value, ""))
        else:
            found.pop(name, None)
            found[name] = value
    return found


def _plain(value: str) -> str:
    return _ESCAPED.sub(lambda m: m[1] or "'", value[1:-1]) if value.startswith("'") else value
