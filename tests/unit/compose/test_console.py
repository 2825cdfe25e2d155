import io
import itertools
import sys
from types import SimpleNamespace

import pytest

from cluster.errors import UsageError
from compose.console import Console, ask, whole_number


class _Terminal(io.StringIO):
    """A stream somebody looks at, or types into."""

    def isatty(self) -> bool:
        return True


@pytest.fixture
def stream() -> io.StringIO:
    """Where there is no terminal."""
    return io.StringIO()


def _lines(stream: io.StringIO) -> list[str]:
    return stream.getvalue().splitlines()


def test_a_step_is_a_line_at_its_beginning_and_one_at_its_end(stream: io.StringIO) -> None:
    with Console(stream).step("Making certificates"):
        assert _lines(stream) == ["→ Making certificates"]
    assert _lines(stream) == ["→ Making certificates", "✓ Making certificates (0.0 s)"]


def test_a_step_shows_its_result(stream: io.StringIO) -> None:
    with Console(stream).step("Asking the registry") as step:
        step.result = "it has it"
    assert _lines(stream)[-1] == "✓ Asking the registry: it has it (0.0 s)"


@pytest.mark.parametrize("fault", [ValueError, KeyboardInterrupt, SystemExit])
def test_a_step_that_fails_says_so_without_a_result_and_lets_the_error_through(
    stream: io.StringIO, fault: type[BaseException]
) -> None:
    with pytest.raises(fault), Console(stream).step("Cloning replica1") as step:  # noqa: PT012
        step.result = "done"
        raise fault
    assert _lines(stream)[-1] == "✗ Cloning replica1 (0.0 s)"


def test_a_step_that_found_something_bad_ends_so(stream: io.StringIO) -> None:
    with Console(stream).step("Verifying") as step:
        step.failed = True
    assert _lines(stream)[-1] == "✗ Verifying (0.0 s)"


def test_steps_may_be_nested(stream: io.StringIO) -> None:
    told = Console(stream)
    with told.step("outer"), told.step("inner"):
        pass
    assert [line.split(" (")[0] for line in _lines(stream)] == ["→ outer", "→ inner", "✓ inner", "✓ outer"]


def test_without_a_terminal_progress_is_a_line_every_few_seconds(
    stream: io.StringIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = itertools.count(1000.0, 1.0)
    monkeypatch.setattr("compose.console.time", SimpleNamespace(monotonic=lambda: next(clock)))
    with Console(stream).step("Cloning") as step:
        for percent in range(40):
            step.update(f"{percent} %")
    progress = [line for line in _lines(stream) if line.startswith("  … ")]
    assert 2 <= len(progress) <= 10
    assert all(line.endswith(" s)") for line in progress)


def test_without_a_terminal_quick_progress_is_not_shown(stream: io.StringIO) -> None:
    with Console(stream).step("Cloning") as step:
        for percent in range(100):
            step.update(f"{percent} %")
    assert len(_lines(stream)) == 2


def test_on_a_terminal_the_end_stays() -> None:
    terminal = _Terminal()
    with Console(terminal).step("Cloning") as step:
        step.update("50 %")
    assert "✓ Cloning (" in terminal.getvalue()
    assert "→ Cloning" not in terminal.getvalue()


def test_notes_and_warnings_are_told_apart(stream: io.StringIO) -> None:
    told = Console(stream)
    told.note("the data stays")
    told.warn("replica1 does not run")
    assert _lines(stream) == ["  the data stays", "! replica1 does not run"]


def test_steps_go_to_stderr_so_that_stdout_stays_data(capsys: pytest.CaptureFixture[str]) -> None:
    with Console().step("Looking"):
        pass
    out, err = capsys.readouterr()
    assert out == ""
    assert "✓ Looking" in err


@pytest.mark.parametrize(("text", "number"), [(None, None), ("0", 0), ("3", 3), ("007", 7)])
def test_a_flag_without_a_default_becomes_a_number(text: str | None, number: int | None) -> None:
    assert whole_number("--replicas", text) == number


@pytest.mark.parametrize("text", ["", "-1", "1.5", "two", "3 ", "3\n", "1_000", "9" * 5000])
def test_a_flag_that_is_no_number_is_refused_by_its_name(text: str) -> None:
    with pytest.raises(UsageError, match="--replicas"):
        whole_number("--replicas", text)


def _typed(monkeypatch: pytest.MonkeyPatch, stdin: io.StringIO, *, yes: bool = False, expect: str = "shop") -> bool:
    monkeypatch.setattr(sys, "stdin", stdin)
    return ask("This deletes everything.", yes=yes, expect=expect)


@pytest.mark.parametrize(
    ("answer", "confirmed"),
    [
        ("shop\n", True),
        ("  shop \n", True),
        ("shop", True),
        ("yes\n", False),
        ("SHOP\n", False),
        ("\n", False),
        ("", False),
    ],
)
def test_only_what_is_expected_confirms(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], answer: str, confirmed: bool
) -> None:
    assert _typed(monkeypatch, _Terminal(answer)) is confirmed
    out, err = capsys.readouterr()
    assert out == ""
    assert err == "This deletes everything. Type shop to go on: "


def test_without_a_terminal_nothing_is_asked_and_nothing_confirmed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert _typed(monkeypatch, io.StringIO("shop\n")) is False
    assert capsys.readouterr().err == ""


def test_yes_confirms_without_asking(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert _typed(monkeypatch, io.StringIO(), yes=True) is True
    assert capsys.readouterr().err == ""
