"""Invoke's program with our tasks bound to it."""

import gc
import sys
from collections.abc import Sequence
from pathlib import Path

from invoke.collection import Collection
from invoke.parser import Parser
from invoke.parser.context import ParserContext
from invoke.program import Program

from compose.commands.completion import SHELLS, candidates, script
from compose.commands.executor import PodsExecutor

_ROOT = Path(__file__).parents[2]


class PodsProgram(Program):
    """What `inv` is here, without a search for tasks.py and invoke.yaml."""

    def __init__(self, tasks: Collection) -> None:
        super().__init__(name="PODS", binary="inv", namespace=tasks, executor_class=PodsExecutor)
        self._tasks = tasks

    def parse_core(self, argv: list[str] | None) -> None:
        """Invoke forbids compiled modules; ours are kept, as every command begins with them."""
        super().parse_core(argv)
        sys.dont_write_bytecode = bool(sys.flags.dont_write_bytecode)

    def _make_parser(self) -> Parser:
        """Of the tasks that are named; Invoke copies all it is given, which takes longer than the rest of parsing."""
        words = {*self.core.unparsed, self.args.help.value}
        named = {name: aliases for name, aliases in self._tasks.task_names.items() if words & {name, *aliases}}
        contexts = [ParserContext(name, aliases, self._tasks[name].get_arguments()) for name, aliases in named.items()]
        return Parser(contexts, self.initial_context)

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
