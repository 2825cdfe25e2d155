"""A hole that a second reading of the archive does not see was a segment on its way."""

import argparse
import time
from typing import Any

import pytest

from backup.restore.plan import HoleError
from backup.restore.target import RecoveryTarget
from backup.service import restore_request


@pytest.mark.parametrize("holes", [0, 1, 2])
def test_a_hole_that_closes_is_none(monkeypatch: pytest.MonkeyPatch, holes: int) -> None:
    readings = iter([*[HoleError("WAL is missing")] * holes, "the plan"])

    def read(*_: Any) -> Any:
        found = next(readings)
        if isinstance(found, HoleError):
            raise found
        return found

    monkeypatch.setattr(restore_request, "_plan_once", read)
    monkeypatch.setattr(time, "sleep", lambda _: None)
    planned: Any = restore_request._plan(None, "1", RecoveryTarget(), argparse.Namespace())  # type: ignore[arg-type]
    assert planned == "the plan"


def test_a_hole_that_stays_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    def read(*_: Any) -> Any:
        raise HoleError("WAL is missing")

    monkeypatch.setattr(restore_request, "_plan_once", read)
    monkeypatch.setattr(time, "sleep", lambda _: None)
    with pytest.raises(HoleError):
        restore_request._plan(None, "1", RecoveryTarget(), argparse.Namespace())  # type: ignore[arg-type]
