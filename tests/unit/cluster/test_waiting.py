"""Deadlines, retries and timers."""

import time
from collections.abc import Iterator

import pytest

from cluster.errors import TimedOutError
from cluster.waiting import Backoff, Every, attempts, comes_true, wait_until


def _answers(*answers: str) -> Iterator[str]:
    yield from answers
    raise AssertionError("called again after the answer was good")


def test_waiting_ends_with_the_first_good_answer() -> None:
    answers = _answers("no", "not yet", "")
    wait_until(lambda: next(answers), timeout=5, what="it did not come", hint="wait longer", pause=0)


def test_waiting_in_vain_tells_what_is_still_missing() -> None:
    began = time.monotonic()
    with pytest.raises(TimedOutError) as timeout:
        wait_until(lambda: "one node is asleep", timeout=0.02, what="it did not come", hint="wait longer", pause=0.001)
    assert timeout.value.message == "it did not come within 0 s: one node is asleep"
    assert timeout.value.hint == "wait longer"
    assert time.monotonic() - began < 2


def test_what_is_so_already_is_not_waited_for_even_without_time() -> None:
    wait_until(lambda: "", timeout=-1, what="", hint="")


def test_whoever_watches_sees_what_is_missing() -> None:
    answers, shown = _answers("two nodes", "one node", ""), list[str]()
    wait_until(lambda: next(answers), timeout=5, what="", hint="", pause=0, progress=shown.append)
    assert shown == ["two nodes", "one node"]


def test_a_long_pause_does_not_outlast_the_deadline() -> None:
    began = time.monotonic()
    assert not comes_true(lambda: False, timeout=0.05, pause=30)
    assert 0.05 <= time.monotonic() - began < 5


def test_there_is_an_attempt_at_once_and_one_at_the_end() -> None:
    left = list(attempts(0.05, pause=0.02))
    assert left[0] == 0.05
    assert left[-1] == 0.0
    assert left == sorted(left, reverse=True)
    assert list(attempts(0)) == [0.0]


def test_what_comes_true_ends_the_waiting() -> None:
    answers = iter([False, False, True])
    assert comes_true(lambda: next(answers), timeout=5, pause=0)


def test_pauses_double_up_to_the_longest_and_begin_anew_after_a_success() -> None:
    backoff = Backoff(0.25, 1.5)
    assert [backoff.pause() for _ in range(5)] == [0.25, 0.5, 1.0, 1.5, 1.5]
    backoff.reset()
    assert backoff.pause() == 0.25


class _Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def test_a_timer_is_due_once_in_its_seconds() -> None:
    clock = _Clock()
    timer = Every(10, clock=clock)
    assert timer.due()
    assert not timer.due()
    clock.now += 9.9
    assert not timer.due()
    clock.now += 0.1
    assert timer.due()
    assert not timer.due()


def test_a_timer_may_begin_with_a_wait_and_be_restarted() -> None:
    clock = _Clock()
    timer = Every(10, at_once=False, clock=clock)
    assert not timer.due()
    clock.now += 6
    timer.restart()
    clock.now += 6
    assert timer.elapsed == 6
    assert not timer.due()
