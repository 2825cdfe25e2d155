"""What services print, as JSON."""

import io
import json
import subprocess
import sys

from hypothesis import given
from hypothesis import strategies as st

from cluster.json_log import JsonLines


def _written(*texts: str) -> list[str]:
    target = io.StringIO()
    stream = JsonLines(target, "health")
    for text in texts:
        stream.write(text)
    return [json.loads(line)["message"] for line in target.getvalue().splitlines()]


def test_a_line_is_an_object_when_it_is_whole() -> None:
    assert _written("one", " line\nand ", "") == ["one line"]
    assert _written("a\n\nb\n", "c\n") == ["a", "b", "c"]


def test_a_line_without_an_end_does_not_grow_for_ever() -> None:
    assert [len(line) for line in _written("x" * 200_000)] == [65_536] * 3


@given(st.lists(st.text(st.characters(blacklist_categories=["Cs"], blacklist_characters="\r"), max_size=30)))
def test_all_that_is_printed_is_there_in_its_order(texts: list[str]) -> None:
    whole = "".join(texts) + "\n"
    assert _written(*texts, "\n") == [line for line in whole.split("\n") if line.strip()]


def test_a_process_that_dies_says_why_in_objects() -> None:
    program = "import cluster.json_log as j; j.choose_log_format('gate'); print('up'); raise ValueError('\\x1b[2J')"
    argv, asked = [sys.executable, "-c", program], {"PODS_LOG": "json"}
    done = subprocess.run(argv, env=asked, capture_output=True, text=True, check=False)
    lines = [json.loads(line) for line in (done.stdout + done.stderr).splitlines()]
    assert [lines[0]["message"], lines[-1]["message"]] == ["up", "ValueError: \x1b[2J"]
    assert {line["service"] for line in lines} == {"gate"}
