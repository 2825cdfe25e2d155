"""Staging directory of a restore, and the container that writes there."""

from dataclasses import dataclass
from pathlib import Path

from compose.console import Progress
from compose.engine import containers
from compose.home import node_data
from compose.home.paths import make_private_directory
from compose.operations.backups import sandbox
from compose.operations.backups.request import RestoreRequest, RestoreResult
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
    ) -> RestoreResult:
        """Restore what is ``wanted``, recovered and shut down."""
        self.clear(stack)
        make_private_directory(self.path)
        task = sandbox.Restore(self.path, self.container, (*flags, *wanted.arguments), stdin)
        return sandbox.restore(stack, step, task)
