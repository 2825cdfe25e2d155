"""JSON documents as dataclasses: ``dump`` writes one, ``load`` reads it back or refuses it with a ValueError.

A stored document may have been changed by anybody: it may nest without end, hold numbers that no float holds, or
characters that control a terminal. None of it gets further than here. Why no library does it: docs/decisions/0033.
"""

import json
from collections.abc import Callable, Hashable, Iterator, Mapping
from dataclasses import MISSING, Field, fields, is_dataclass
from functools import cache
from math import isfinite
from types import MappingProxyType, UnionType
from typing import Any, Literal, TypeVar, Union, cast, get_args, get_origin, get_type_hints

FORMAT = 1
"""Of every document of ours; a newer PODS would count up."""
LARGEST = 1 << 63
"""No size, position or number of ours reaches it."""
LAST_MOMENT = 253_402_300_799.0
"""Unix seconds; what comes later has no date."""
OMIT_NONE: Mapping[str, bool] = MappingProxyType({"omit_none": True})
"""Metadata of a field that is left out of the JSON object while it is None."""
_PLAIN = frozenset({str, int, float, bool})
_STAND_IN = "\N{REPLACEMENT CHARACTER}"

T = TypeVar("T")


def dump(value: object, *, indent: int | None = 2) -> str:
    """The text of a document: the format number, and the fields of the dataclass ``value``."""
    return json.dumps({"format": FORMAT, **to_json(value)}, indent=indent) + "\n"


def load(kind: type[T], text: str | bytes, what: str) -> T:
    """The dataclass ``kind`` from the text that ``dump`` made; ``what`` names the document in a refusal.

    Raises:
        ValueError: it is not that; says which field.
    """
    return read_as(kind, read_format(text, what))


def to_json(value: Any) -> Any:
    """A dataclass, also of dataclasses, as JSON has it: objects in the order of the fields."""
    if value is None or type(value) in _PLAIN:  # most are, and an overview of hundreds of databases has thousands
        return value
    if is_dataclass(value):
        return {each.name: to_json(found) for each, found in _shown(value)}
    if isinstance(value, Mapping):
        return {name: to_json(each) for name, each in value.items()}
    return [to_json(each) for each in value] if isinstance(value, tuple | list) else value


def _shown(value: Any) -> Iterator[tuple[Field[Any], Any]]:
    for each in fields(value):
        found = getattr(value, each.name)
        if found is not None or not each.metadata.get("omit_none"):
            yield each, found


def parse_json(text: str | bytes) -> Any:
    """A JSON document, whose numbers are finite.

    Raises:
        ValueError: it is none, or nests too deeply.
    """
    try:
        return json.loads(text, parse_constant=_refuse, parse_float=_finite)
    except RecursionError:
        raise ValueError("it nests too deeply") from None


def _refuse(text: str) -> float:
    raise ValueError(f"{text} is no number")


def _finite(text: str) -> float:
    found = float(text)
    return found if isfinite(found) else _refuse(text)


def read_format(text: str | bytes, what: str) -> dict[str, Any]:
    """The JSON object of ``text`` without its format number, which must be ours.

    Raises:
        ValueError: it is not.
    """
    raw = parse_json(text)
    found = raw.pop("format", None) if isinstance(raw, dict) else None
    if found != FORMAT:
        newer = isinstance(found, int) and found > FORMAT
        raise ValueError(f"made by a newer PODS (format {found})" if newer else f"not {what} of format {FORMAT}")
    return dict(raw)


def read_as(kind: type[T], raw: object) -> T:
    """An object as JSON has it, as the dataclass ``kind``; each field must be of its declared type.

    Raises:
        ValueError: it is not that; says which field.
    """
    if not isinstance(raw, Mapping):
        raise _wrong(raw, f"what should be a {kind.__name__}")
    known = _types(cast("Hashable", kind))
    needed = {field.name for field in fields(kind) if field.default is field.default_factory is MISSING}  # type: ignore[arg-type]
    if wrong := (needed - raw.keys()) | (raw.keys() - known.keys()):
        raise ValueError(f"a field is missing or unknown: {', '.join(sorted(map(printable, wrong)))}")
    return kind(**{name: _value(known[name], value, name) for name, value in raw.items()})


def printable(text: str) -> str:
    """The same without what a terminal would obey or an output refuse."""
    return text if text.isprintable() else "".join(each if each.isprintable() else _STAND_IN for each in text)


@cache
def _types(kind: Any) -> dict[str, Any]:
    hints = get_type_hints(kind)
    return {field.name: hints[field.name] for field in fields(kind)}


def _value(kind: Any, value: Any, name: str) -> Any:
    """``value`` as ``kind``, which is what a field of ours may be declared as."""
    simple = _SIMPLE.get(kind)
    if simple is not None:
        return simple(value, name)
    if is_dataclass(kind):
        return read_as(kind, value)  # type: ignore[arg-type]
    return _compound(kind, value, name)


def _compound(kind: Any, value: Any, name: str) -> Any:
    origin, inner = get_origin(kind), get_args(kind)
    if origin is Literal and isinstance(value, str) and value in inner:
        return value
    if origin in (Union, UnionType):
        if value is None and type(None) in inner:
            return None
        return _value(next(each for each in inner if each is not type(None)), value, name)
    if origin is tuple and isinstance(value, list):
        kinds = [inner[0]] * len(value) if inner[-1] is Ellipsis else list(inner)
        if len(kinds) == len(value):
            return tuple(_value(each, item, name) for each, item in zip(kinds, value, strict=True))
    if origin in (dict, Mapping) and isinstance(value, dict):
        return {printable(key): _value(inner[1], item, f"{name}.{printable(key)}") for key, item in value.items()}
    raise _wrong(value, name)


def _wrong(value: object, name: str) -> ValueError:
    return ValueError(f"{name} is {printable(repr(value)[:80])}")


def _whole(value: object, name: str) -> int:
    if type(value) is not int or not -LARGEST < value < LARGEST:
        raise ValueError(f"{name} is no whole number of a size that can be")
    return value


def _number(value: object, name: str) -> float:
    if type(value) is int:
        return _whole(value, name)
    if type(value) is not float or not abs(value) < LARGEST:
        raise _wrong(value, name)
    return value


def _text(value: object, name: str) -> str:
    if not isinstance(value, str):
        raise _wrong(value, name)
    return printable(value)


def _truth(value: object, name: str) -> bool:
    if not isinstance(value, bool):
        raise _wrong(value, name)
    return value


_SIMPLE: Mapping[Any, Callable[[Any, str], Any]] = {
    int: _whole,
    float: _number,
    str: _text,
    bool: _truth,
    Any: lambda value, _: value,
}
