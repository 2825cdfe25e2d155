"""Grafana's own types, published for programs that make dashboards, know every field of ours."""

import copy
import json
import warnings
from collections.abc import Iterator
from typing import Any

import pytest

from dashboards.catalog import DASHBOARDS
from dashboards.classic import dashboard_json

with warnings.catch_warnings():
    # it prefers a later form, which file provisioning refuses
    warnings.simplefilter("ignore", DeprecationWarning)
    from grafana_foundation_sdk.cog.encoder import JSONEncoder
    from grafana_foundation_sdk.cog.plugins import register_default_plugins
    from grafana_foundation_sdk.models.dashboard import Dashboard

register_default_plugins()  # the options of each kind of panel
PAGES = pytest.mark.parametrize("page", DASHBOARDS, ids=lambda page: page.uid)


def _lost(written: Any, read: Any, where: str = "") -> Iterator[str]:
    """What a reader of these types does not take up; null is what it takes a field for that is not there."""
    if isinstance(written, dict) and isinstance(read, dict):
        for name, value in written.items():
            if name in read:
                yield from _lost(value, read[name], f"{where}.{name}")
            elif value is not None:
                yield f"{where}.{name}"
    elif isinstance(written, list) and isinstance(read, list) and len(written) == len(read):
        for number, (one, other) in enumerate(zip(written, read, strict=True)):
            yield from _lost(one, other, f"{where}[{number}]")
    elif written != read:
        yield f"{where}: {written!r} is read as {read!r}"


def _unknown(written: dict[str, Any]) -> list[str]:
    return list(_lost(written, json.loads(json.dumps(Dashboard.from_json(written), cls=JSONEncoder))))


@PAGES
def test_every_field_is_one_of_grafana_s(page: Any) -> None:
    assert _unknown(dashboard_json(page)) == []


@pytest.mark.parametrize(
    ("where", "field"),
    [
        ((), "refreshes"),
        (("fieldConfig", "defaults"), "unti"),
        (("options",), "graphMod"),
        (("options", "legend"), "calc"),
    ],
)
def test_a_field_that_nobody_knows_is_found(where: tuple[str, ...], field: str) -> None:
    written = copy.deepcopy(dashboard_json(DASHBOARDS[0]))
    inside = next(panel for panel in written["panels"] if panel["type"] == "timeseries") if where else written
    for name in where:
        inside = inside[name]
    inside[field] = "x"
    (found,) = _unknown(written)
    assert found.endswith(f".{field}")
