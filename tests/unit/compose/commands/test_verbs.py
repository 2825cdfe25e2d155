"""The short forms of the command line, help, and what was probably meant."""

import subprocess

import pytest
from hypothesis import given
from hypothesis import strategies as st

import tasks
from cluster.config.env_file import PROJECT_ROOT
from compose.commands.verbs import VERBS, spelled_out
from compose.console import Command

SPELLED = {
    "list": "replica.list",
    "list --json": "replica.list --json",
    "add": "replica.add",
    "add reports --source primary": "replica.add --name reports --source primary",
    "add --max-rate 1M": "replica.add --max-rate 1M",
    "remove replica2 --yes": "replica.remove --name replica2 --yes",
    "backup": "backup.now",
    "backup-list": "backup.list",
    "restore 2026-full --plan": "backup.restore --name 2026-full --plan",
    "logs primary --follow": "logs --service primary --follow",
    "logs --lines 3": "logs --lines 3",
    "restart replica1": "restart --node replica1",
    "psql replica1": "psql --node replica1",
    "connect shop --as django": "connect --database shop --as django",
    "connect --as uri": "connect --as uri",
    "help": "--help",
    "-h": "--help",
    "help up": "--help up",
    "help add": "--help replica.add",
    "status": "status",
    "up --replicas 3": "up --replicas 3",
    "": "",
}


@pytest.mark.parametrize("short", SPELLED)
def test_a_short_form_is_a_task_with_its_flag(short: str) -> None:
    assert spelled_out(short.split()) == SPELLED[short].split()


def test_an_empty_name_is_passed_on() -> None:
    assert spelled_out(["add", ""]) == ["replica.add", "--name", ""]


@given(st.sampled_from([*tasks.ns.task_names]), st.lists(st.sampled_from(["--json", "--name", "x", "list", "help"])))
def test_what_is_spelled_out_stays_as_it_is(task: str, rest: list[str]) -> None:
    once = spelled_out([task, *rest])
    assert [word for word in once if word not in ("--service", "--node", "--database")] == [task, *rest]


def test_every_short_form_leads_to_a_task() -> None:
    assert {verb.task for verb in VERBS.values()} <= set(tasks.ns.task_names)


def _pods(*words: str) -> tuple[int, str]:
    done = subprocess.run(["./pods.sh", *words], cwd=PROJECT_ROOT, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


@pytest.mark.parametrize("word", ["help", "--help"])
def test_help_is_every_command_with_its_sentence(word: str) -> None:
    code, text = _pods(word)
    assert code == 0
    assert set(tasks.ns.task_names) <= set(text.split())
    assert "./pods.sh up" in text


@pytest.mark.parametrize(
    ("words", "meant"),
    [
        ("statsu", "no command 'statsu'\n  → did you mean status?"),
        ("up --hlep", "./pods.sh up has no flag --hlep\n  → did you mean --help?"),
        ("--hlep", "no flag --hlep\n  → did you mean --help?"),
        ("backup.lst", "did you mean backup.list?"),
        ("xyzzy", "no command 'xyzzy'\n  → see ./pods.sh help"),
        ("help xyzzy", "no command 'xyzzy'"),
        ("logs --service", "--service needs a value\n  → see ./pods.sh help logs"),
        ("remove", "replica.remove needs --name"),
    ],
)
def test_a_slip_of_the_finger_is_answered_with_what_was_meant(words: str, meant: str) -> None:
    code, text = _pods(*words.split())
    assert code == 1
    assert text.startswith("✗ ")
    assert meant in text


@pytest.mark.parametrize(
    ("text", "here"),
    [
        ("run: inv up", "run: ./pods.sh up"),
        ("the next `inv up` repairs; see inv logs", "the next `./pods.sh up` repairs; see ./pods.sh logs"),
        ("invalid, inv. and /usr/bin/inv up", "invalid, inv. and /usr/bin/inv up"),
    ],
)
def test_commands_in_messages_are_as_somebody_types_them(text: str, here: str) -> None:
    assert Command("./pods.sh").in_words(text) == here
    assert Command().in_words(text) == text
