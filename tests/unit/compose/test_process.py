import io
import os
import sys
from pathlib import Path

import pytest

from cluster.errors import MachineError
from compose.console import Console, Progress
from compose.process import follow, last_words, run


@pytest.fixture
def step() -> "_Step":
    """A step that remembers what it was told."""
    return _Step()


class _Step(Progress):
    def __init__(self) -> None:
        super().__init__(Console(io.StringIO()), "Working")
        self.told: list[str] = []

    def update(self, text: str) -> None:
        self.told.append(text)


def _shell(script: str) -> list[str]:
    return ["sh", "-c", script]


@pytest.mark.parametrize(
    ("output", "words"),
    [
        ("", "it printed nothing"),
        (" \n\n", "it printed nothing"),
        ("one", "one"),
        ("one\ntwo\n", "one / two"),
        ("one\ntwo\n\n  three \nfour\n", "two / three / four"),
    ],
)
def test_the_last_words_are_one_line(output: str, words: str) -> None:
    assert last_words(output) == words


def test_fewer_last_words_can_be_asked_for() -> None:
    assert last_words("one\ntwo\nthree", 1) == "three"


def test_running_gives_stdout_alone() -> None:
    assert run(_shell("echo out; echo err >&2")) == "out\n"


def test_what_is_given_on_stdin_is_read_and_without_it_there_is_nothing_to_read() -> None:
    assert run(["cat"], stdin="hello") == "hello"
    assert run(["cat"]) == ""


def test_an_environment_is_added_to_this_process_s_own() -> None:
    assert run(_shell("echo $GREETING $HOME"), env={"GREETING": "hello"}) == f"hello {os.environ['HOME']}\n"


def test_a_directory_to_run_in(tmp_path: Path) -> None:
    assert run(["pwd"], cwd=tmp_path).strip() == str(tmp_path.resolve())


def test_a_program_that_fails_is_told_by_its_last_words_and_its_code() -> None:
    with pytest.raises(MachineError) as fault:
        run(_shell("echo fine; echo broken >&2; exit 7"))
    assert fault.value.message.endswith("failed (7): broken")


def test_a_program_that_fails_in_silence_on_stderr_is_told_by_its_stdout() -> None:
    with pytest.raises(MachineError, match=r"failed \(1\): so it goes"):
        run(_shell("echo so it goes; exit 1"))


def test_a_program_that_is_not_there_is_said_to_be_not_installed(step: _Step, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/usr/bin:/bin")
    with pytest.raises(MachineError, match="no-such-program is not installed"):
        run(["no-such-program"])
    with pytest.raises(MachineError, match="no-such-program is not installed"):
        follow(["no-such-program"], step)


def test_a_program_that_may_not_be_run_is_the_machine_s_fault(tmp_path: Path, step: _Step) -> None:
    (tmp_path / "program").touch(mode=0o644)
    with pytest.raises(MachineError, match="program"):
        run([str(tmp_path / "program")])
    with pytest.raises(MachineError, match="program"):
        follow([str(tmp_path / "program")], step)


def test_a_program_that_takes_too_long_is_ended() -> None:
    with pytest.raises(MachineError, match="did not end within 0 s"):
        run(["sleep", "60"], timeout=0.05)


def test_a_long_command_line_is_shown_by_its_beginning_and_end() -> None:
    argv = [sys.executable, "-c", "raise SystemExit(3)", *"abcdefgh"]
    with pytest.raises(MachineError) as fault:
        run(argv)
    assert fault.value.message.startswith(f"`{sys.executable} -c … e f g h` failed (3)")


def test_what_is_not_utf_8_does_not_break_anything(step: _Step) -> None:
    script = r"printf '\377\n'"
    assert run(_shell(script)) == "\N{REPLACEMENT CHARACTER}\n"
    assert follow(_shell(script), step) == "\N{REPLACEMENT CHARACTER}\n"


def test_following_shows_each_line_and_gives_them_all(step: _Step) -> None:
    assert follow(_shell("echo one; echo; echo two >&2"), step) == "one\n\ntwo\n"
    assert step.told == ["one", "two"]


def test_following_shortens_long_lines_for_the_eye_only(step: _Step) -> None:
    long = "x" * 500
    assert follow(["echo", long], step) == long + "\n"
    assert step.told == ["x" * 100]


def test_following_gives_stdin_too(step: _Step) -> None:
    assert follow(["cat"], step, stdin="a secret") == "a secret"


def test_following_a_program_that_fails_tells_its_last_words(step: _Step) -> None:
    with pytest.raises(MachineError) as fault:
        follow(_shell("echo one; echo two; exit 9"), step)
    assert fault.value.message.endswith("failed (9): one / two")


def test_following_a_program_that_reads_nothing_and_fails_tells_why_and_not_that_its_stdin_is_closed(
    step: _Step,
) -> None:
    with pytest.raises(MachineError, match=r"failed \(5\): no room"):
        follow(_shell("exec 0<&-; echo no room; exit 5"), step, stdin="a password" * 100_000)
