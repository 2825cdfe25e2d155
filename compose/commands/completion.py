"""TAB in a shell: what may come next on the command line of `./pods.sh`. Pure, but for the scripts."""

import shlex
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from invoke.collection import Collection
from invoke.parser.context import ParserContext

from compose.commands.verbs import VERBS

SHELLS = ("bash", "zsh", "fish")
_ABOUT_ALERTS = ("alerts.silence", "alerts.unsilence")
"""Tasks whose ``--name``, or first word, is an alert."""

_SCRIPTS = Path(__file__).parents[1] / "completions"
_COMMAND = "@pods@"
"""Stands in a script for the path of `pods.sh`."""


def candidates(core: ParserContext, tasks: Collection, words: Sequence[str]) -> Iterator[tuple[str, str]]:
    """What could replace the last of ``words``, each with its help; of values only the names of alerts."""
    contexts = {context.name: context for context in tasks.to_contexts()}
    *before, current = [word for word in words if word != "="] or [""]  # bash sets --flag=value apart
    context, waiting = _context(core, contexts, [_task(word) for word in before[:1]] + before[1:])
    if _is_alert(context, before, current, waiting=waiting):
        yield from ((name, "") for name in _alerts())
    if waiting:
        return
    if current.startswith("-") or (context is not core and not current):
        yield from ((flag, text) for flag, text in _flags(core, context) if flag not in before)
    elif context.name not in _ABOUT_ALERTS:
        names = {name: name for name in tasks.task_names} | ({} if before else {word: _task(word) for word in VERBS})
        yield from ((word, (tasks[name].__doc__ or "").strip()) for word, name in sorted(names.items()))


def _is_alert(context: ParserContext, before: Sequence[str], current: str, *, waiting: bool) -> bool:
    """Whether an alert's name may come now: as the first word behind its task, or as the value of ``--name``."""
    if context.name not in _ABOUT_ALERTS or current.startswith("-"):
        return False
    return before[-1] == "--name" if waiting else before[-1] == context.name


def _alerts() -> Iterator[str]:
    from compose.render.alert_names import alert_names

    yield from alert_names()


def _task(word: str) -> str:
    return VERBS[word].task if word in VERBS else word


def _context(
    core: ParserContext, contexts: Mapping[str | None, ParserContext], before: Sequence[str]
) -> tuple[ParserContext, bool]:
    """Whose flags may come now, and whether the last of them has yet to get its value."""
    context, waiting = core, False
    for word in before:
        if waiting:
            waiting = False
        elif word in contexts:
            context = contexts[word]
        else:
            flag = context.flags.get(word)
            waiting = flag is not None and flag.takes_value and not flag.optional
    return context, waiting


def _flags(core: ParserContext, context: ParserContext) -> Iterator[tuple[str, str]]:
    """The long flags; a task has --help beside its own."""
    for name, argument in context.flags.items():
        if name.startswith("--"):
            yield name, argument.help or ""
    if context is not core:
        yield "--help", "Show what this command does and its flags."


def script(shell: str, command: Path) -> str:
    """What a shell of ``SHELLS`` is to read at its start, so that TAB asks ``command``."""
    return (_SCRIPTS / f"pods.{shell}").read_text().replace(_COMMAND, shlex.quote(str(command)))
