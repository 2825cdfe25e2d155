"""Short forms of the command line: words that `./pods.sh` takes for a task, names without their flag, help. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Verb:
    """The task that a first word means, and the flag whose value a name behind it is; "": none is taken."""

    task: str
    flag: str = ""


VERBS = {
    "list": Verb("replica.list"),
    "add": Verb("replica.add", "--name"),
    "remove": Verb("replica.remove", "--name"),
    "backup": Verb("backup.now"),
    "backup-list": Verb("backup.list"),
    "restore": Verb("backup.restore", "--name"),
}
"""The first words that `./pods.sh` takes for a task."""
_NAMED = {
    "logs": Verb("logs", "--service"),
    "restart": Verb("restart", "--node"),
    "psql": Verb("psql", "--node"),
    "connect": Verb("connect", "--database"),
    "alerts.unsilence": Verb("alerts.unsilence", "--name"),
}
"""Tasks that take a name without its flag too."""


def spelled_out(words: Sequence[str]) -> list[str]:
    """The command line as the parser of tasks knows it: ``logs primary`` is ``logs --service primary``."""
    match list(words):
        case ["help" | "--help" | "-h"]:
            return ["--help"]
        case ["help", topic, *_]:
            return ["--help", VERBS[topic].task if topic in VERBS else topic]
        case [first, *rest] if first in VERBS or first in _NAMED:
            return _with_flag((VERBS | _NAMED)[first], rest)
        case others:
            return others


def _with_flag(verb: Verb, rest: list[str]) -> list[str]:
    """An empty name is a name too: whoever passes one on is told so by the task."""
    if verb.flag and rest and not rest[0].startswith("-"):
        return [verb.task, verb.flag, *rest]
    return [verb.task, *rest]
