from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Literal

import jsonschema  # type: ignore[import-untyped]
import pytest

from cluster.documents import OMIT_NONE, to_json
from health.json_schema import Components, Schema


@dataclass(frozen=True)
class Inner:
    lag: int | Literal["unknown"] | None = field(default=None, metadata=OMIT_NONE)


@dataclass(frozen=True)
class Outer:
    kind: Literal["a", "b"]
    size: Annotated[int, "bytes"] | None
    inner: tuple[Inner, ...]
    by_name: Mapping[str, float]


@dataclass(frozen=True)
class Unknown:
    when: complex


SCHEMAS = Components(types={"In": Inner}, aged={"Out": Outer}).schemas()
GOOD = {**to_json(Outer("a", None, (Inner(), Inner(5), Inner("unknown")), {"x": 1.5})), "age": 0.5}


def _valid(document: object) -> bool:
    schema: Schema = {"$ref": "#/components/schemas/Out", "components": {"schemas": SCHEMAS}}
    return bool(jsonschema.Draft202012Validator(schema).is_valid(document))


def test_what_is_written_from_a_type_is_as_its_schema_says() -> None:
    assert _valid(GOOD)
    assert GOOD["inner"][0] == {}
    assert SCHEMAS["Out"]["properties"]["size"]["anyOf"][0] == {"type": "integer", "description": "bytes"}


@pytest.mark.parametrize(
    "change",
    [
        {"kind": "c"},
        {"size": "1"},
        {"size": 1.5},
        {"inner": [{"lag": None}]},
        {"inner": [{"lag": "much"}]},
        {"inner": [{"more": 1}]},
        {"by_name": {"x": "y"}},
        {"more": 1},
        {"age": -1},
    ],
)
def test_what_the_type_does_not_allow_the_schema_refuses(change: dict[str, object]) -> None:
    assert not _valid({**GOOD, **change})


@pytest.mark.parametrize("name", GOOD)
def test_no_field_may_be_missing(name: str) -> None:
    assert not _valid({key: value for key, value in GOOD.items() if key != name})


def test_a_type_without_a_schema_is_an_error() -> None:
    with pytest.raises(TypeError, match="complex"):
        Components(types={"Unknown": Unknown}, aged={}).schemas()
