"""A text as the languages of the forms write it, so that each reads back the same. Pure."""

import json
import shlex
from collections.abc import Callable, Mapping
from urllib.parse import quote


def string_literal(text: str) -> str:
    """In double quotes, as Python, JavaScript and YAML read it: JSON's escapes, also for what does not show."""
    shown = (char if char.isprintable() or ord(char) > _LAST_SHORT else f"\\u{ord(char):04x}" for char in _json(text))
    return "".join(shown)


_LAST_SHORT = 0xFFFF
"""What comes after it has no escape that all three read; YAML and the others take it as it is."""


def _json(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def _compose_yaml(text: str) -> str:
    """Compose puts variables in for ``$``."""
    return string_literal(text).replace("$", "$$")


def _erb_yaml(text: str) -> str:
    """Rails reads database.yml through ERB."""
    return string_literal(text).replace("<%", "<%%")


def _url_part(text: str) -> str:
    return quote(text, safe="/")


QUOTING: Mapping[str, Callable[[str], str]] = {
    "plain": str,
    "json": str,
    "string": string_literal,
    "shell": shlex.quote,
    "url": _url_part,
    "compose": _compose_yaml,
    "erb": _erb_yaml,
}
"""By the word behind a value's name in a template."""
