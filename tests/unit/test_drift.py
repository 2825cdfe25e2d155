"""What is told in more than one place is told the same way in each."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from invoke.parser.context import ParserContext

from cluster.errors import EXIT_CODES
from cluster.settings import HOME_VARIABLE, PROJECT_ROOT, VARIABLES, example_env, settings_reference
from tests.unit.commands import CONTEXTS

REFERENCE = PROJECT_ROOT / "docs" / "reference"
COMMANDS = {**CONTEXTS, **{str(alias): context for context in CONTEXTS.values() for alias in context.aliases}}
INVOKE_S_OWN = {"--list", "--help", "--version", "--print-completion-script", "--search-root", "--echo", "--dry"}


def _flags(context: ParserContext) -> set[str]:
    return {flag for flag in context.flags if flag.startswith("--")} | set(context.inverse_flags)


def _flags_in(text: str) -> set[str]:
    return set(re.findall(r"(?<![\w-])--[a-z][a-z0-9-]*", text))


def test_the_example_settings_are_those_there_are(hold: Callable[[Path, str], None]) -> None:
    hold(PROJECT_ROOT / ".env.example", example_env())


MARKS = ("<!-- settings -->", "<!-- /settings -->")


def _between_marks(page: str, table: str) -> str:
    """The page with ``table`` between its marks."""
    begin, end = (page.find(mark) for mark in MARKS)
    assert -1 < begin < end, f"docs/reference/settings.md needs {MARKS[0]} and {MARKS[1]}"
    return f"{page[: begin + len(MARKS[0])]}\n{table}{page[end:]}"


def test_a_table_replaces_what_was_between_the_marks_and_nothing_else() -> None:
    page = f"# Settings\n\n{MARKS[0]}\nold\n{MARKS[1]}\n\nMore.\n"
    assert _between_marks(page, "new\n") == f"# Settings\n\n{MARKS[0]}\nnew\n{MARKS[1]}\n\nMore.\n"


def test_the_settings_page_has_the_settings_there_are(hold: Callable[[Path, str], None]) -> None:
    page = REFERENCE / "settings.md"
    hold(page, _between_marks(page.read_text(encoding="utf-8"), settings_reference()))


def _sections(page: str) -> dict[str, str]:
    """Text below each heading of the form "## `inv NAME`"."""
    parts = re.split(r"^#{2,} `inv ([^`\s]+)[^`\n]*`.*$", page, flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


@pytest.fixture(scope="module")
def tasks_page() -> str:
    """The reference of all tasks."""
    return (REFERENCE / "tasks.md").read_text(encoding="utf-8")


def test_the_tasks_page_has_every_task_and_no_other(tasks_page: str) -> None:
    assert sorted(_sections(tasks_page)) == sorted(CONTEXTS)


@pytest.mark.parametrize("name", sorted(CONTEXTS))
def test_the_tasks_page_has_every_flag_and_no_other(tasks_page: str, name: str) -> None:
    section, wanted = _sections(tasks_page).get(name, ""), _flags(CONTEXTS[name])
    assert wanted - _flags_in(section) == set(), "not told"
    assert _flags_in(_without_commands(section)) - wanted == set(), "told, but there is no such flag"


def _without_commands(text: str) -> str:
    """Text without command lines, whose flags need not be this task's."""
    text = re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL)
    return re.sub(r"`([^`\n]*)`", lambda span: span[0] if span[1].startswith("-") else "", text)


def test_a_flag_in_a_command_line_is_not_mistaken_for_one_of_the_section() -> None:
    text = "- `--json`: data; see `inv logs --follow`, `docker compose logs --tail 3`\n```\ninv up --x\nls --all\n```\n"
    assert _flags_in(_without_commands(text)) == {"--json"}


def test_the_exit_codes_page_has_the_exit_codes_there_are() -> None:
    page = (REFERENCE / "exit-codes.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\|\s*`?(\d+)`?\s*\|\s*(.*?)\s*\|", page, flags=re.MULTILINE)
    assert {int(code): text for code, text in rows} == EXIT_CODES


def _texts() -> Iterator[tuple[Path, str]]:
    """Everything of ours that people read: code, with its messages, and documentation."""
    roots = [PROJECT_ROOT / room for room in ("cluster", "compose", "exporters", "health", "backup", "docs")]
    files = [path for root in roots for kind in ("*.py", "*.md", "*.yaml", "pods-*") for path in root.rglob(kind)]
    files += [PROJECT_ROOT / name for name in ("README.md", "tasks.py", "noxfile.py", "pods.sh")]
    for path in sorted(set(files)):
        if path.is_file() and "__pycache__" not in path.parts:
            yield path.relative_to(PROJECT_ROOT), path.read_text(encoding="utf-8")


TEXTS = dict(_texts())
COMMAND = re.compile(r"\binv ([a-z]+(?:\.[a-z_]+)*)\b((?:[ ]+--[a-z][a-z0-9-]*(?:[= ](?!--)[^\s`]+)?)*)(.{0,2})")


def _commands(path: Path) -> Iterator[tuple[str, str, str]]:
    """Each command line: the task, its flags, and what comes right behind. In pages, `inv` in prose is no command."""
    text = TEXTS[path]
    if path.suffix == ".md":
        text = "\n".join(re.findall(r"^```.*?^```|`[^`\n]+`", text, flags=re.MULTILINE | re.DOTALL))
    return ((found[1], found[2], found[3]) for found in COMMAND.finditer(text))


@pytest.mark.parametrize("path", TEXTS, ids=str)
def test_every_command_people_are_told_to_run_exists(path: Path) -> None:
    for name, flags, behind in _commands(path):
        assert name in COMMANDS, f"inv {name}"
        assert _flags_in(flags) <= _flags(COMMANDS[name]) | INVOKE_S_OWN, f"inv {name}{flags}"
        takes_words = any(argument.positional for argument in COMMANDS[name].args.values())
        assert takes_words or behind != " {", f"inv {name} takes no argument without its flag"


@pytest.mark.parametrize("path", TEXTS, ids=str)
def test_every_setting_people_are_told_of_exists(path: Path) -> None:
    # a page may show what a mistyped setting looks like
    told = set(re.findall(r"(?<!unknown setting )\bPODS_[A-Z][A-Z_]*[A-Z]\b", TEXTS[path]))
    assert told - set(VARIABLES) - {HOME_VARIABLE} == set()


@pytest.mark.parametrize("path", TEXTS, ids=str)
def test_every_page_people_are_sent_to_exists(path: Path) -> None:
    for page in set(re.findall(r"\bdocs/[\w/-]+\.md\b", TEXTS[path])):
        assert (PROJECT_ROOT / page).is_file(), page


@pytest.mark.parametrize("path", TEXTS, ids=str)
def test_every_nox_session_people_are_told_to_run_exists(path: Path) -> None:
    sessions = set(re.findall(r"^def (\w+)\(session", (PROJECT_ROOT / "noxfile.py").read_text(), flags=re.MULTILINE))
    told = set(re.findall(r"\bnox -s (\w+)", TEXTS[path]))
    assert told - sessions == set()
