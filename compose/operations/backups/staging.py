"""Staging directory of a restore, and the container that writes there."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from compose.console import Console, Progress
from compose.engine import containers
from compose.home import node_data
from compose.home.paths import make_private_directory
from compose.operations.backups import sandbox
from compose.operations.backups.request import RestoreRequest
from compose.stack import Stack


@dataclass(frozen=True, slots=True)
class StagingDirectory:
    """Nothing in ``path`` could be mistaken for a node's data; ``container`` is the name of who works there."""

    path: Path
    container: str

    def clear(self, stack: Stack) -> None:
        """Nobody works there any more, and nothing is left: what a restore that was killed began must not write on."""
        left = containers.of_project(stack.client, stack.topology.project)
        containers.remove_called(stack.client, left, sandbox.both(self.container))
        node_data.remove(self.path)

    def restore(
        self, stack: Stack, step: Progress, wanted: RestoreRequest, *flags: str, stdin: str = ""
    ) -> dict[str, Any]:
        """Restore what is ``wanted``, recovered and shut down; the service's report."""
        self.clear(stack)
        make_private_directory(self.path)
        task = sandbox.Restore(self.path, self.container, (*flags, *wanted.arguments), stdin)
        return sandbox.restore(stack, _Quiet(step), step.title, task)


class _Quiet(Console):
    """Shows the progress of a container in a step that is open already."""

    def __init__(self, step: Progress) -> None:
        super().__init__()
        self._step = step

    def live(self, text: str) -> None:
        """Behind the open step's title."""
        self._step.update(text.split(": ", 1)[-1])

    def line(self, text: str) -> None:
        """Nothing: the open step has its own beginning and end."""
