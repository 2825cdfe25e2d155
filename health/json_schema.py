"""JSON Schema from dataclasses: what the OpenAPI document says of an answer is made from the type of the answer.

A string in ``Annotated`` is a description. Objects have every field and no other, but those with OMIT_NONE.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields, is_dataclass
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

Schema = dict[str, Any]
AGE: Schema = {"type": "number", "minimum": 0, "description": "seconds since the look"}
_SIMPLE = {str: "string", int: "integer", float: "number", bool: "boolean", NoneType: "null"}


def ref(name: str) -> Schema:
    """A reference to a component."""
    return {"$ref": f"#/components/schemas/{name}"}


@dataclass(frozen=True, slots=True)
class Components:
    """The named schemas: ``types`` as they are, ``aged`` with the age that is added when they are sent."""

    types: Mapping[str, type]
    aged: Mapping[str, type]

    def schemas(self) -> dict[str, Schema]:
        """All of them, by name."""
        plain = {name: self._object(kind) for name, kind in self.types.items()}
        return plain | {name: _with_age(self._object(kind)) for name, kind in self.aged.items()}

    def _object(self, kind: Any) -> Schema:
        hints = get_type_hints(kind, include_extras=True)
        properties, required = {}, []
        for each in fields(kind):
            omitted = each.metadata.get("omit_none", False)
            properties[each.name] = self._schema(_not_none(hints[each.name]) if omitted else hints[each.name])
            required += [] if omitted else [each.name]
        return {"type": "object", "properties": properties, "required": required, "additionalProperties": False}

    def _schema(self, kind: Any) -> Schema:
        origin, inner = get_origin(kind), get_args(kind)
        if kind in _SIMPLE:
            return {"type": _SIMPLE[kind]}
        if is_dataclass(kind):
            return ref(next(name for name, each in self.types.items() if each is kind))
        if origin is Annotated:
            return {**self._schema(inner[0]), "description": inner[1]}
        if origin is Literal:
            return {"const": inner[0]} if len(inner) == 1 else {"enum": list(inner)}
        if origin in (Union, UnionType):
            return {"anyOf": [self._schema(each) for each in inner]}
        if origin is tuple:
            return {"type": "array", "items": self._schema(inner[0])}
        if origin is Mapping:
            return {"type": "object", "additionalProperties": self._schema(inner[1])}
        raise TypeError(f"{kind} has no JSON Schema")


def _not_none(kind: Any) -> Any:
    return Union[tuple(each for each in get_args(kind) if each is not NoneType)]  # noqa: UP007 - made at run time


def _with_age(schema: Schema) -> Schema:
    properties, required = {**schema["properties"], "age": AGE}, [*schema["required"], "age"]
    return {**schema, "properties": properties, "required": required}
