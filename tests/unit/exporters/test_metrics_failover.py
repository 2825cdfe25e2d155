"""What is measured of automatic failover."""

from dataclasses import replace

import pytest

from cluster.supervisor_status import SupervisorStatus
from exporters.metrics.failover import failover_metrics
from tests.fix_settings import settings_of

STATUS = SupervisorStatus(updated=990.0, action="wait", failed_over=500.0)


def _row(status: SupervisorStatus | None, failover: str = "auto") -> dict[str, object]:
    (row,) = failover_metrics(settings_of(failover=failover), status, 1000.0)["failover"]
    return dict(row)


@pytest.mark.parametrize(
    ("status", "up", "held"),
    [
        (STATUS, 1, 0),
        (replace(STATUS, action="hold"), 1, 1),
        (replace(STATUS, action="hold", updated=100.0), 0, 0),
        (None, 0, 0),
    ],
)
def test_whether_it_watches_and_whether_it_must_not_act(status: SupervisorStatus | None, up: int, held: int) -> None:
    row = _row(status)
    assert (row["automatic"], row["supervisor_up"], row["held"]) == (1, up, held)
    assert row["last_timestamp_seconds"] == (500.0 if status else None)


def test_by_hand_there_is_nobody_to_measure() -> None:
    assert _row(None, "manual") == {
        "automatic": 0,
        "supervisor_up": None,
        "held": None,
        "last_timestamp_seconds": None,
    }
