import threading
import time
from collections.abc import Iterator

import pytest

from cluster.observed.poller import Poller


@pytest.fixture
def never() -> Iterator[threading.Event]:
    """An event that comes only after the test."""
    event = threading.Event()
    yield event
    event.set()


def test_what_is_in_time_is_told() -> None:
    assert Poller().run({"one": lambda: 1, "two": lambda: 2}, 5) == {"one": 1, "two": 2}


def test_what_hangs_is_begun_once_and_waited_for_once(never: threading.Event) -> None:
    begun = []

    def hang() -> str:
        begun.append(time.monotonic())
        never.wait()
        return "late"

    rounds, before = Poller(), threading.active_count()
    for number in range(20):
        began = time.monotonic()
        assert rounds.run({"hangs": hang, "well": lambda: "well"}, 0.1) == {"well": "well"}
        assert number == 0 or time.monotonic() - began < 0.09
    assert len(begun) == 1
    assert threading.active_count() <= before + 1


def test_what_came_late_is_told_in_the_next_round_and_then_begun_again(never: threading.Event) -> None:
    answers = iter(["late", "in time"])

    def answer() -> str:
        told = next(answers)
        if told == "late":
            never.wait()
        return told

    rounds = Poller()
    assert rounds.run({"node": answer}, 0.05) == {}
    never.set()
    time.sleep(0.1)
    assert rounds.run({"node": answer}, 5) == {"node": "late"}
    assert rounds.run({"node": answer}, 5) == {"node": "in time"}


def test_what_is_asked_for_no_longer_is_forgotten_when_it_ends(never: threading.Event) -> None:
    rounds = Poller()
    assert rounds.run({"gone": never.wait}, 0.05) == {}
    assert rounds.run({}, 0) == {}
    never.set()
    time.sleep(0.1)
    assert rounds.run({}, 0) == {}
    assert rounds.run({"gone": lambda: "back"}, 5) == {"gone": "back"}


def test_a_failure_is_raised_where_the_result_was_asked_for() -> None:
    with pytest.raises(ZeroDivisionError):
        Poller().run({"broken": lambda: 1 // 0}, 5)
