import pytest

from compose.engine.containers import Container
from compose.report.container_faults import container_fault
from tests.unit.compose.container_samples import container

CASES = {
    "well": (container("a"), ""),
    "without a check": (container("a", health=""), ""),
    "starting": (container("a", health="starting"), ""),
    "starting after one crash": (container("a", health="starting", restarts=1), ""),
    "absent": (None, "it has no container"),
    "between two starts": (
        container("a", status="restarting", health="", restarts=7),
        "its container was restarted 7 times and said: last words",
    ),
    "in one of many starts": (
        container("a", health="starting", restarts=7),
        "its container was restarted 7 times and said: last words",
    ),
    "unhealthy": (container("a", health="unhealthy"), "its check fails, and it said: last words"),
    "ended": (
        container("a", status="exited", health="", exit_code=3, restarts=9),
        "its container ended with code 3 and said: last words",
    ),
    "stopped": (container("a", status="exited", health=""), "its container was stopped"),
    "killed for memory": (
        container("a", status="exited", exit_code=137, oom_killed=True),
        "its container was killed for want of memory",
    ),
    "paused": (container("a", status="paused"), "its container is paused"),
    "created": (container("a", status="created", health=""), "its container is created"),
    "well again after many": (container("a", restarts=30), ""),
}


@pytest.mark.parametrize("name", CASES)
def test_what_is_wrong_is_said_in_words(name: str) -> None:
    given, expected = CASES[name]
    assert container_fault(given, lambda _: "last words") == expected


def test_last_words_are_no_longer_than_a_line_or_two() -> None:
    assert len(container_fault(container("a", health="unhealthy"), lambda _: "x" * 5000)) < 300


def test_nobody_is_asked_for_last_words_while_all_is_well() -> None:
    def ask(_: Container) -> str:
        raise AssertionError("nothing is wrong")

    assert container_fault(container("a"), ask) == ""
