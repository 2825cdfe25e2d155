"""Long walks: a fault at every boundary. `nox -s chaos` walks them all, `nox -s integration` a sample of each."""

from collections.abc import Iterable
from typing import Any

import pytest


def walk(boundaries: Iterable[Any], *, sample: Iterable[Any]) -> list[Any]:
    """Values for ``parametrize``: those of ``sample`` always, the others only in `nox -s chaos`."""
    always, values = tuple(sample), list(boundaries)
    assert set(always) <= set(values), f"{always} is no sample of {values}"
    return [pytest.param(value, marks=_marks(sampled=value in always)) for value in values]


def _marks(*, sampled: bool) -> list[pytest.MarkDecorator]:
    return [pytest.mark.walk] if sampled else [pytest.mark.walk, pytest.mark.chaos]
