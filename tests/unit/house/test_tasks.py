import pytest
from invoke.parser.context import ParserContext

import tasks
from cluster.config.env_file import PROJECT_ROOT
from tests.unit.house.commands import CONTEXTS as COMMANDS

CONTEXTS = list(COMMANDS.values())
NAMES = sorted(tasks.ns.task_names)


def test_there_are_tasks_and_each_has_a_context() -> None:
    """A mistake in `help=` shows only when the context is made."""
    assert {"up", "down", "status", "psql", "replica.list", "config.check"} <= set(NAMES)
    assert sorted(COMMANDS) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_a_task_is_described_in_one_short_sentence(name: str) -> None:
    text = (tasks.ns[name].__doc__ or "").strip()
    assert text
    assert "\n" not in text
    assert len(text) <= 60
    assert text.endswith(".")
    assert text[0].isupper()


@pytest.mark.parametrize("context", CONTEXTS, ids=lambda context: str(context.name))
def test_every_flag_is_explained_and_has_no_short_form_somebody_could_mistake(context: ParserContext) -> None:
    for name, argument in context.args.items():
        assert argument.help, name
        assert all(len(flag) > 1 for flag in argument.names), name


@pytest.mark.parametrize("context", CONTEXTS, ids=lambda context: str(context.name))
def test_only_what_a_task_cannot_do_without_may_be_given_without_its_flag(context: ParserContext) -> None:
    for name, argument in context.args.items():
        assert not argument.positional or argument.default is None, name
        assert not argument.positional or name not in ("yes", "purge"), name


@pytest.mark.parametrize("name", ["status", "history", "doctor", "connect", "logs", "replica.list", "config.check"])
def test_tasks_that_read_can_give_data(name: str) -> None:
    assert COMMANDS[name].args["json"].kind is bool


def test_a_task_that_destroys_asks_unless_told_not_to() -> None:
    down = COMMANDS["down"]
    assert {"purge", "yes"} <= set(down.args)
    assert down.args["purge"].default is False
    assert down.args["yes"].default is False


def test_the_executor_is_named_where_invoke_looks_for_it() -> None:
    assert "executor_class: compose.commands.executor.PodsExecutor" in (PROJECT_ROOT / "invoke.yaml").read_text()


def test_the_map_of_commands_stays_a_map() -> None:
    assert len((PROJECT_ROOT / "tasks.py").read_text().splitlines()) <= 100
