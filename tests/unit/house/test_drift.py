"""What is told in more than one place is told the same way in each."""

import re
from collections.abc import Callable, Iterator
from fnmatch import fnmatch
from pathlib import Path

import pytest
from invoke.parser.context import ParserContext

from cluster.config.databases_template import DATABASE_KEYS, ROLE_KEYS, key_table
from cluster.config.env_file import HOME_VARIABLE, PROJECT_ROOT, RETIRED, VARIABLES, example_env, settings_reference
from cluster.config.mounted import MountedConfig
from cluster.errors import EXIT_CODES
from cluster.extensions import catalogue_table
from cluster.services import optional_services
from cluster.topology import Copy
from compose.home import passwords
from compose.home.paths import Home, make_service_directories
from compose.render.config_files import UserFiles, render_files
from exporters.metrics.probe import STATES
from exporters.server import app
from tests.fix_settings import CONCRETE, settings_of, topology_of
from tests.unit.exporters import metrics_page
from tests.unit.house.commands import CONTEXTS

REFERENCE = PROJECT_ROOT / "docs" / "reference"
COMMANDS = {**CONTEXTS, **{str(alias): context for context in CONTEXTS.values() for alias in context.aliases}}
INVOKE_S_OWN = {"--list", "--help", "--version", "--print-completion-script", "--search-root", "--echo", "--dry"}


def _flags(context: ParserContext) -> set[str]:
    return {flag for flag in context.flags if flag.startswith("--")} | set(context.inverse_flags)


def _flags_in(text: str) -> set[str]:
    return set(re.findall(r"(?<![\w-])--[a-z][a-z0-9-]*", text))


def test_the_example_settings_are_those_there_are(hold: Callable[[Path, str], None]) -> None:
    hold(PROJECT_ROOT / ".env.example", example_env())


def _between_marks(page: str, what: str, table: str) -> str:
    """The page with ``table`` between the marks of ``what``."""
    marks = (f"<!-- {what} -->", f"<!-- /{what} -->")
    begin, end = (page.find(mark) for mark in marks)
    assert -1 < begin < end, f"the page needs {marks[0]} and {marks[1]}"
    return f"{page[: begin + len(marks[0])]}\n{table}{page[end:]}"


def test_a_table_replaces_what_was_between_the_marks_and_nothing_else() -> None:
    page = "# Settings\n\n<!-- x -->\nold\n<!-- /x -->\n\nMore.\n"
    assert _between_marks(page, "x", "new\n") == "# Settings\n\n<!-- x -->\nnew\n<!-- /x -->\n\nMore.\n"


def test_the_settings_page_has_the_settings_there_are(hold: Callable[[Path, str], None]) -> None:
    page = REFERENCE / "settings.md"
    hold(page, _between_marks(page.read_text(encoding="utf-8"), "settings", settings_reference()))


def test_the_databases_page_has_the_keys_there_are(hold: Callable[[Path, str], None]) -> None:
    page = REFERENCE / "databases.md"
    text = _between_marks(page.read_text(encoding="utf-8"), "databases", key_table(DATABASE_KEYS))
    hold(page, _between_marks(text, "roles", key_table(ROLE_KEYS)))


def test_the_extensions_page_has_the_words_there_are(hold: Callable[[Path, str], None]) -> None:
    page = REFERENCE / "extensions.md"
    hold(page, _between_marks(page.read_text(encoding="utf-8"), "extensions", catalogue_table()))


def test_the_metrics_page_has_the_metrics_there_are(hold: Callable[[Path, str], None]) -> None:
    page = REFERENCE / "metrics.md"
    text = _between_marks(page.read_text(encoding="utf-8"), "node metrics", metrics_page.node_tables() + "\n")
    hold(page, _between_marks(text, "stack metrics", metrics_page.stack_tables() + "\n"))


def test_the_metrics_page_says_what_every_state_of_a_node_means() -> None:
    page = (REFERENCE / "metrics.md").read_text(encoding="utf-8")
    section = page.split("## Whether a node is up")[1].split("\n## ")[0]
    assert re.findall(r"^\| `(\w+)` \|", section, flags=re.MULTILINE) == list(STATES)


def test_the_metrics_page_has_every_page_of_the_exporter(tmp_path: Path) -> None:
    page = (REFERENCE / "metrics.md").read_text(encoding="utf-8")
    told = {path.partition("?")[0] for path in re.findall(r"^\| `(/[^`]*)` \|", page, flags=re.MULTILINE)}
    assert told == {getattr(route, "path", "") for route in app(MountedConfig(root=tmp_path)).routes}


METRIC = re.compile(
    r"\b(?:pods_(?:cluster|image|container|database|filesystem|gate|io|node|pool|replication|slot|wal|activity)_\w+"
    r"|pg_(?:settings|scrape|locks|static|up|replication_(?:lag|slots))_\w+|pg_stat_(?:database|activity)_\w+"
    r"|pgbouncer_(?:pools|databases|config|stats_totals|version)_\w+|machine_\w+"
    r"|container_(?:cpu|memory|network|fs|spec|oom|start)_\w+)"
)


@pytest.mark.parametrize("path", sorted((PROJECT_ROOT / "docs").rglob("*.md")), ids=lambda path: path.name)
def test_every_metric_people_are_told_of_exists(path: Path) -> None:
    """But those that docs/explanation/community-dashboards.md names as others' or dropped."""
    known = metrics_page.names()
    told = {name for name in METRIC.findall(path.read_text(encoding="utf-8")) if not name.endswith("_")}
    recorded = set(re.findall(r"record: (\w+)", (PROJECT_ROOT / "compose/prometheus/compat.yml").read_text()))
    assert path.stem == "community-dashboards" or told - known - recorded == set()


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


@pytest.fixture(scope="module")
def told_files() -> list[str]:
    """Paths of the files page: in a row of several, all are in the first one's directory."""
    page = (REFERENCE / "files.md").read_text(encoding="utf-8")
    rows = [re.findall(r"`([^`]+)`", row) for row in re.findall(r"^\| (`[^|]+) \|", page, flags=re.MULTILINE)]
    return [str(Path(row[0]).parent / name) if name != row[0] else name for row in rows for name in row]


def test_the_files_page_has_every_file_that_is_rendered(told_files: list[str]) -> None:
    settings = settings_of()
    topology = topology_of(settings).with_copy(Copy(name="before", ordinal=4))
    rendered = render_files(settings, topology, CONCRETE, UserFiles())
    names = {re.sub(rf"nodes/({'|'.join(topology.names)})/", "nodes/<node>/", name) for name in rendered}
    names = {name.replace("copies/before/", "copies/<copy>/") for name in names}
    assert {name for name in names if not any(fnmatch(name, pattern) for pattern in told_files)} == set()
    kept = [path for path in told_files if path.startswith("rendered/") and not path.endswith("/")]
    unknown = {pattern for pattern in kept if not any(fnmatch(name, pattern) for name in names)}
    written_otherwise = {
        "topology.json",
        "images.json",
        "certificates.json",
        "history.jsonl",
    }  # a copy, and what was found: `up` writes them by itself
    assert unknown == {f"rendered/services/{name}" for name in written_otherwise}


def test_the_files_page_has_every_password(told_files: list[str]) -> None:
    told = {path for path in told_files if path.endswith("_password")}
    assert told == {f"secrets/{name}_password" for name in (*passwords.ALL, *passwords.LATER)}


def test_the_files_page_has_every_directory_of_a_service(told_files: list[str], bare_home: Home) -> None:
    settings = settings_of()
    make_service_directories(bare_home, optional_services(settings, "registry"))
    made = {f"data/{path.name}/" for path in bare_home.data.iterdir()}
    assert made <= set(told_files)


def _texts() -> Iterator[tuple[Path, str]]:
    """Everything of ours that people read: code, with its messages, and documentation."""
    roots = [PROJECT_ROOT / room for room in ("cluster", "compose", "exporters", "guide", "health", "backup", "docs")]
    files = [path for root in roots for kind in ("*.py", "*.md", "*.yaml", "pods-*") for path in root.rglob(kind)]
    files += [PROJECT_ROOT / name for name in ("README.md", "CONTRIBUTING.md", "tasks.py", "noxfile.py", "pods.sh")]
    for path in sorted(set(files)):
        if path.is_file() and "__pycache__" not in path.parts:
            yield path.relative_to(PROJECT_ROOT), path.read_text(encoding="utf-8")


TEXTS = dict(_texts())
BETWEEN_CONTAINERS = {"PODS_ENGINE_SOCKET", "PODS_PROMETHEUS"}
"""What the stack itself tells its services; no setting of anybody's."""
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
    assert told - set(VARIABLES) - set(RETIRED) - {HOME_VARIABLE} - BETWEEN_CONTAINERS == set()


@pytest.mark.parametrize("path", TEXTS, ids=str)
def test_every_page_people_are_sent_to_exists(path: Path) -> None:
    for page in set(re.findall(r"\bdocs/[\w/-]+\.md\b", TEXTS[path])):
        assert (PROJECT_ROOT / page).is_file(), page


@pytest.mark.parametrize("path", TEXTS, ids=str)
def test_every_nox_session_people_are_told_to_run_exists(path: Path) -> None:
    sessions = set(re.findall(r"^def (\w+)\(session", (PROJECT_ROOT / "noxfile.py").read_text(), flags=re.MULTILINE))
    told = set(re.findall(r"\bnox -s (\w+)", TEXTS[path]))
    assert told - sessions == set()
