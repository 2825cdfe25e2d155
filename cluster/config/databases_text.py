"""Changing the text of `config/databases.toml` and nothing else in it: comments and order stay. Pure.

A file is a row of statements: a header, or a key with its value, which may take several lines. Where one ends, the
standard library's parser knows: at the first line with which it can be read by itself. Why no library rewrites the
file: docs/decisions/0054-tasks-edit-the-file.md.
"""

import json
import re
import tomllib
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from cluster.config.databases import FILE
from cluster.documents import printable
from cluster.errors import UsageError

_LINE = re.compile(r"[^\n]*\n|[^\n]+")
_BARE = re.compile(r"[A-Za-z0-9_-]+\Z")
_PROFILES = ("read", "write", "owner")

Value = str | int | bool | list[str] | Mapping[str, str]
"""What a task writes into an entry."""


@dataclass(frozen=True, slots=True)
class _Statement:
    """Lines of the file, the keys that lead to what they set, and that; no keys: comment or blank lines."""

    text: str
    path: tuple[str, ...] = ()
    value: Any = None
    header: bool = False


def with_entry(text: str, section: str, name: str, values: Mapping[str, Value]) -> str:
    """The text with a new entry at its end; ``section`` is databases or roles.

    Raises:
        UsageError: there is one of that name, or the section is written so that none can be added.
    """
    if name in _section(text, section):
        raise UsageError(
            f"{section}.{printable(name)} is in config/{FILE} already", "change it there, then run inv config.apply"
        )
    newline = "\r\n" if "\r\n" in text else "\n"
    before = text if not text or text.endswith("\n") else text + newline
    gap = newline if before.strip() else ""
    lines = [f"[{section}.{_key(name)}]", *(f"{_key(key)} = {_written(value)}" for key, value in values.items())]
    made = before + gap + newline.join(lines) + newline
    try:
        tomllib.loads(made)
    except tomllib.TOMLDecodeError:
        raise _by_hand(section, f"write each as [{section}.NAME], or add {printable(name)} to it by hand") from None
    return made


def without_entry(text: str, section: str, name: str) -> str:
    """The text without an entry and without its name in lists of others; comments on lines of their own stay.

    Raises:
        UsageError: what is left could not be told from what was.
    """
    wanted = _without(tomllib.loads(text), section, name)
    made = "".join(_kept(each, section, name) for each in _statements(text))
    if _section(made, "databases") != wanted["databases"] or _section(made, "roles") != wanted["roles"]:
        raise _by_hand(section, f"take {printable(name)} out of it by hand, then run this again")
    return made


def _without(document: Mapping[str, Any], section: str, name: str) -> dict[str, dict[str, Any]]:
    """What the text means once the entry is gone."""
    found = {each: dict(document.get(each, {})) for each in ("databases", "roles")}
    found[section].pop(name, None)
    found["roles"] = {role: _unnamed(entry, section, name) for role, entry in found["roles"].items()}
    return found


def _unnamed(entry: Mapping[str, Any], section: str, name: str) -> dict[str, Any]:
    """A role without ``name`` in its lists; a list that had nothing else is gone."""
    lists = _PROFILES if section == "databases" else ("member_of",)
    kept = dict(entry)
    for key in lists:
        if name in kept.get(key, ()):
            kept[key] = [each for each in kept[key] if each != name]
            if not kept[key]:
                del kept[key]
    return kept


def _kept(each: _Statement, section: str, name: str) -> str:
    """What is left of a statement."""
    if not each.path:
        return each.text
    if each.path[:2] == (section, name):
        return ""
    if each.header:
        return each.text
    value = _nested(each.path, each.value)
    left = _without(value, section, name)
    same = {key: dict(value.get(key, {})) for key in ("databases", "roles")}
    if left == same:
        return each.text
    return _rewritten(each, left)


def _nested(path: tuple[str, ...], value: Any) -> dict[str, Any]:
    for key in reversed(path):
        value = {key: value}
    return dict(value)


def _rewritten(each: _Statement, left: Mapping[str, Any]) -> str:
    """The statement on one line with the value that is left, below the comments that stood in it; "" where none is."""
    lines = each.text.splitlines(keepends=True)
    inner = "".join(line for line in lines[1:-1] if line.lstrip().startswith("#"))
    value: Any = left
    for key in each.path:
        if key not in value:
            return inner
        value = value[key]
    newline = "\r\n" if each.text.endswith("\r\n") else "\n" if each.text.endswith("\n") else ""
    return f"{inner}{_left_side(each.text)[0]} = {_written(value)}{_trailing(each.text)}{newline}"


def _trailing(text: str) -> str:
    """The comment behind a value, with the blanks before it."""
    whole, last = tomllib.loads(text), text.rstrip("\r\n")
    start = last.rfind("\n") + 1
    for mark in re.finditer("[ \t]*#", last[start:]):
        with suppress(tomllib.TOMLDecodeError):
            if tomllib.loads(last[: start + mark.start()]) == whole:
                return last[start + mark.start() :]
    return ""


def _statements(text: str) -> Iterator[_Statement]:
    header: tuple[str, ...] = ()
    pending = ""
    for line in _LINE.findall(text):
        pending += line
        try:
            found = tomllib.loads(pending)
        except tomllib.TOMLDecodeError:
            continue
        written, pending = pending, ""
        if not found:
            yield _Statement(written)
        elif written.lstrip().startswith("["):
            header = _path(found)
            yield _Statement(written, header, header=True)
        else:
            path, value = _path(_left_side(written)[1]), found
            for key in path:
                value = value[key]
            yield _Statement(written, (*header, *path), value)
    yield _Statement(pending)


def _left_side(text: str) -> tuple[str, dict[str, Any]]:
    """What stands before the = of a statement, and what that is with nothing behind it."""
    for sign in re.finditer(r"[ \t]*=", text):
        with suppress(tomllib.TOMLDecodeError):
            return text[: sign.start()], tomllib.loads(f"{text[: sign.start()]} = {{}}")
    raise ValueError(f"{text!r} is no statement")


def _path(found: Any) -> tuple[str, ...]:
    """The keys that lead to the empty table in which they end."""
    keys: list[str] = []
    while isinstance(found, dict) and found:
        ((key, found),) = found.items()
        keys.append(key)
    return tuple(keys)


def _section(text: str, section: str) -> dict[str, Any]:
    found = tomllib.loads(text).get(section, {})
    return dict(found) if isinstance(found, dict) else {}


def _key(name: str) -> str:
    return name if _BARE.match(name) else _quoted(name)


def _quoted(text: str) -> str:
    """A basic string; JSON escapes what TOML wants escaped, but for DEL."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def _written(value: Any) -> str:
    match value:
        case bool():
            return "true" if value else "false"
        case str():
            return _quoted(value)
        case list():
            return f"[{', '.join(_written(each) for each in value)}]"
        case Mapping():
            inner = ", ".join(f"{_key(key)} = {_written(each)}" for key, each in value.items())
            return f"{{ {inner} }}" if inner else "{}"
        case _:
            return str(value)


def _by_hand(section: str, hint: str) -> UsageError:
    return UsageError(f"config/{FILE}: {section} is written so that it can only be changed by hand", hint)
