"""Invoke's program with our tasks bound to it."""

import difflib
import gc
import re
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from invoke.collection import Collection
from invoke.exceptions import Exit, ParseError
from invoke.parser import Parser
from invoke.parser.context import ParserContext
from invoke.program import Program

from cluster.errors import EXIT_USAGE
from compose.commands.completion import SHELLS, candidates, script
from compose.commands.executor import PodsExecutor
from compose.commands.verbs import VERBS
from compose.console import COMMAND

_ROOT = Path(__file__).parents[2]
_UNKNOWN = re.compile(r"No idea what '(.*)' is!")
_NEEDED = re.compile(r"Flag <Argument: (\S+?)(?: \(.*\))?> needed value")
_POSITIONAL = re.compile(r"'(.+)' did not receive required positional arguments: '(.+)'")
"""What Invoke's parser says of a word that it does not know, of a flag without a value, of one that is missing."""


class PodsProgram(Program):
    """What `inv` is here, without a search for tasks.py and invoke.yaml."""

    def __init__(self, tasks: Collection) -> None:
        super().__init__(name="PODS", binary=COMMAND.name, namespace=tasks, executor_class=PodsExecutor)
        self._tasks = tasks

    def _make_parser(self) -> Parser:
        """Of the tasks that are named; Invoke copies all it is given, which takes longer than the rest of parsing."""
        words = {*self.core.unparsed, self.args.help.value}
        named = {name: aliases for name, aliases in self._tasks.task_names.items() if words & {name, *aliases}}
        contexts = [ParserContext(name, aliases, self._tasks[name].get_arguments()) for name, aliases in named.items()]
        return Parser(contexts, self.initial_context)

    def parse_core(self, argv: list[str] | None) -> None:
        """Invoke forbids compiled modules; ours are kept, as every command begins with them."""
        with self._explained():
            super().parse_core(argv)
        sys.dont_write_bytecode = bool(sys.flags.dont_write_bytecode)

    def parse_tasks(self) -> None:
        """What cannot be read is a line, and what was probably meant."""
        with self._explained():
            super().parse_tasks()

    def parse_cleanup(self) -> None:
        """Help of a task that there is not is no help."""
        with self._explained():
            super().parse_cleanup()

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except ParseError as error:
            raise Exit(self._explanation(error), EXIT_USAGE) from None

    def _explanation(self, error: ParseError) -> str:
        context = error.context
        task = context.name if context is not None and context.name else ""
        unknown = _UNKNOWN.match(str(error))
        if unknown is None:
            return f"✗ {_plainly(str(error))}\n  → see {COMMAND.name} help {task}".rstrip()
        word = unknown[1]
        if word.startswith("-"):
            core = () if task else self.initial_context.flags
            known = [*(context.flags if context is not None else ()), *core, "--help"]
            whose = f"{COMMAND.name} {task}" if task else "PODS"
            return _no_such(f"{whose} has no flag {word}", word, known, f"help {task}")
        return _no_such(f"there is no command {word!r}", word, [*self._tasks.task_names, *VERBS, "help"], "help")

    def print_help(self) -> None:
        """Every command in a line; Invoke's own flags are nobody's concern."""
        width = max(map(len, self._tasks.task_names))
        print("PODS: a PostgreSQL cluster on one Docker host. See docs/README.md.\n")
        print(
            f"{COMMAND.name} up brings a cluster up, or mends it; {COMMAND.name} help COMMAND has a command's flags.\n"
        )
        for name in self._tasks.task_names:
            print(f"  {name.ljust(width)}  {_sentence(self._tasks, name)}")
        short = ", ".join(f"{word} ({verb.task})" for word, verb in VERBS.items())
        print(f"\nShort forms: {short};")
        print("with a name behind it: add, remove, restore, logs, restart, psql. Others: --version, --list.")

    def execute(self) -> None:
        """From here on there may be garbage; what was made so far stays."""
        gc.freeze()
        gc.enable()
        super().execute()

    def print_version(self) -> None:
        """Ours, not Invoke's."""
        import tomllib

        project = tomllib.loads((_ROOT / "pyproject.toml").read_text())["project"]
        print(f"{self.name} {project['version']}")

    def print_candidates(self, words: Sequence[str]) -> None:
        """What may come next, a line each: the word, a tab, its help."""
        for word, text in candidates(self.initial_context, self._tasks, words):
            print(f"{word}\t{text}")

    def print_script(self, shell: str) -> None:
        """What a shell reads at its start."""
        if shell not in SHELLS:
            sys.exit(f"✗ there is no completion for {shell!r}\n  → there is for: " + ", ".join(SHELLS))
        print(script(shell, _ROOT / "pods.sh"), end="")


def _plainly(text: str) -> str:
    """The two other things that Invoke's parser complains of, in words for people."""
    if missing := _NEEDED.match(text):
        return f"--{missing[1].replace('_', '-')} needs a value"
    if missing := _POSITIONAL.match(text):
        return f"{missing[1]} needs --{missing[2]}"
    return text


def _sentence(tasks: Collection, name: str) -> str:
    return (tasks[name].__doc__ or "").strip().splitlines()[0]


def _no_such(what: str, word: str, known: Iterable[str], topic: str) -> str:
    near = difflib.get_close_matches(word, list(dict.fromkeys(known)), 1, 0.7)
    hint = f"did you mean {near[0]}? " if near else ""
    return f"✗ {what}\n  → {hint}see {COMMAND.name} {topic}".rstrip()
