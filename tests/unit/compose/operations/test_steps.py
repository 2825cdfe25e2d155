import io
from collections.abc import Iterator
from dataclasses import replace

import psycopg
import pytest

from cluster.errors import RefusedError
from compose.console import Console, Progress
from compose.operations.steps import TAKEN_BACK, Step, perform


class _Diary:
    """Tasks that write down what happens to them."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.stream = io.StringIO()

    def task(self, title: str, *, fails: BaseException | None = None, undo_fails: Exception | None = None) -> Step:
        def do(step: Progress) -> None:
            self.lines.append(f"do {title}")
            if fails:
                raise fails

        def undo() -> None:
            self.lines.append(f"undo {title}")
            if undo_fails:
                raise undo_fails

        return Step(title, do, undo)

    def perform(self, *tasks: Step) -> None:
        perform(tasks, Console(self.stream))


@pytest.fixture
def diary() -> _Diary:
    """A new one."""
    return _Diary()


def test_steps_are_done_in_order_and_their_titles_shown(diary: _Diary) -> None:
    diary.perform(diary.task("one"), diary.task("two"))
    assert diary.lines == ["do one", "do two"]
    shown = diary.stream.getvalue().splitlines()
    assert [line.split(" (")[0] for line in shown] == ["→ one", "✓ one", "→ two", "✓ two"]


@pytest.mark.parametrize("fault", [RefusedError("no"), KeyboardInterrupt(), ZeroDivisionError()])
def test_what_stops_a_step_walks_back_all_that_were_begun_last_first(diary: _Diary, fault: BaseException) -> None:
    with pytest.raises(type(fault)):
        diary.perform(diary.task("one"), diary.task("two", fails=fault), diary.task("three"))
    assert diary.lines == ["do one", "do two", "undo two", "undo one"]


def test_after_a_final_step_nothing_before_it_is_taken_back(diary: _Diary) -> None:
    decided = replace(diary.task("two"), final=True)
    with pytest.raises(RefusedError):
        diary.perform(diary.task("one"), decided, diary.task("three"), diary.task("four", fails=RefusedError("no")))
    assert diary.lines == ["do one", "do two", "do three", "do four", "undo four", "undo three"]


@pytest.mark.parametrize(("undo_fails", "clean"), [(None, True), (ValueError("stuck"), False)])
def test_it_is_known_whether_all_was_taken_back(diary: _Diary, undo_fails: Exception | None, *, clean: bool) -> None:
    with pytest.raises(KeyboardInterrupt) as stopped:
        diary.perform(diary.task("one", undo_fails=undo_fails), diary.task("two", fails=KeyboardInterrupt()))
    assert (TAKEN_BACK in getattr(stopped.value, "__notes__", ())) is clean


def test_where_nothing_has_an_undo_nothing_was_taken_back(diary: _Diary) -> None:
    def stopped(_: Progress) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt) as interruption:
        diary.perform(Step("starting", stopped))
    assert not getattr(interruption.value, "__notes__", ())


def test_a_step_that_leaves_nothing_behind_is_not_taken_back(diary: _Diary) -> None:
    with pytest.raises(RefusedError):
        diary.perform(Step("looking", lambda step: None), diary.task("two", fails=RefusedError("no")))
    assert "taken back: looking" not in diary.stream.getvalue()
    assert "taken back: two" in diary.stream.getvalue()


@pytest.mark.parametrize("fault", [RefusedError("stuck"), OSError("stuck"), psycopg.OperationalError("stuck")])
def test_an_undo_that_fails_keeps_no_other_from_being_done_and_hides_no_reason(diary: _Diary, fault: Exception) -> None:
    with pytest.raises(RefusedError, match="the reason"):
        diary.perform(
            diary.task("one"),
            diary.task("two", undo_fails=fault),
            diary.task("three", fails=RefusedError("the reason")),
        )
    assert diary.lines[-3:] == ["undo three", "undo two", "undo one"]
    assert "stuck" in diary.stream.getvalue()


def test_a_generator_decides_on_the_next_step_when_the_one_before_is_done(diary: _Diary) -> None:
    def steps() -> Iterator[Step]:
        yield diary.task("one")
        if diary.lines == ["do one"]:
            yield diary.task("two")
        raise RefusedError("no")

    with pytest.raises(RefusedError):
        perform(steps(), Console(diary.stream))
    assert diary.lines == ["do one", "do two", "undo two", "undo one"]


def test_a_quiet_step_is_shown_only_if_it_fails(diary: _Diary) -> None:
    def fail(_: Progress) -> None:
        raise RefusedError("no")

    diary.perform(Step("in passing", lambda _: None, quiet=True))
    assert diary.stream.getvalue() == ""
    with pytest.raises(RefusedError):
        diary.perform(Step("in passing", fail, quiet=True))
    assert diary.stream.getvalue().startswith("✗ in passing")
