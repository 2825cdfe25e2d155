from dataclasses import replace
from datetime import UTC, datetime

import pytest

from compose.engine.containers import Container
from compose.operations.start import RESTART_LIMIT, _goes_round, hopeless
from tests.unit.compose.container_samples import container

RUNS = container("health", id="0123", health="starting", started=datetime.now(UTC))
OLD = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("container", "round_and_round"),
    [
        (RUNS, False),
        (replace(RUNS, status="restarting", started=None, restarts=1), True),
        (replace(RUNS, restarts=RESTART_LIMIT + 1), True),
        (replace(RUNS, restarts=RESTART_LIMIT + 1, started=OLD), False),
        (replace(RUNS, restarts=40, health="healthy"), False),
        (replace(RUNS, status="exited", started=None, restarts=40), False),
    ],
    ids=["starts", "between two restarts", "just restarted", "recovers for long", "well", "stopped"],
)
def test_what_went_round_in_restarts_is_begun_anew(container: Container, round_and_round: bool) -> None:
    if container.started not in (OLD, None):
        container = replace(container, started=datetime.now(UTC))
    assert _goes_round(container) == round_and_round


def test_restarts_count_from_when_it_was_started_and_for_each_container() -> None:
    often = replace(RUNS, restarts=41)
    assert not hopeless(often, {"0123": 40})
    assert hopeless(often, {"0123": 38})
    assert hopeless(replace(RUNS, restarts=RESTART_LIMIT + 1), {"the one that was replaced": 40})
    assert hopeless(replace(RUNS, status="exited"), {})
