"""A log that does not repeat itself."""

from hypothesis import given
from hypothesis import strategies as st

from cluster.log_filter import LogFilter


def test_two_lines_that_take_turns_are_written_once_each() -> None:
    written: list[str] = []
    log = LogFilter(written.append)
    for number in range(100):
        log(f"{number % 2} is not in store")
    assert written == ["0 is not in store", "1 is not in store"]


def test_the_same_is_written_again_after_a_while_and_when_all_was_well_in_between() -> None:
    written: list[str] = []
    now = [0.0]
    log = LogFilter(written.append, period=10.0, clock=lambda: now[0])
    for moment in (0.0, 5.0, 9.9, 10.0, 12.0):
        now[0] = moment
        log("down")
    assert len(written) == 2
    log.reset()
    log("down")
    assert len(written) == 3


def test_lines_about_the_same_are_one() -> None:
    written: list[str] = []
    log = LogFilter(written.append)
    log("08 is not in store: down", about="down")
    log("09 is not in store: down", about="down")
    assert written == ["08 is not in store: down"]


@given(st.lists(st.sampled_from("abcde"), max_size=40))
def test_what_is_new_is_never_lost(lines: list[str]) -> None:
    written: list[str] = []
    log = LogFilter(written.append)
    for line in lines:
        log(line)
    assert written == list(dict.fromkeys(lines))
