"""A process that outlives the command: where that dies while clients are held back, it runs `up`.

Clients that wait at PgBouncer wait for a RESUME, and nobody else would give it. The guard reads from a pipe whose other
end the command holds; however the command dies, the kernel closes that end. Whoever kills both leaves clients waiting
for as long as PgBouncer lets them (see `PoolHold`), until `inv up` or a restart of PgBouncer; the status says so.
"""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

from cluster.config.env_file import PROJECT_ROOT
from cluster.waiting import attempts
from compose.home.paths import Home

LOG = ".guard.log"
"""What it did, in data/."""
_DONE = b"done"
_PATIENCE = 300.0
"""Seconds in which it tries: an operation that holds the cluster ends, an engine that starts anew answers."""


Guarding = Callable[[Home], AbstractContextManager["Guard"]]
"""How an operation has a guard."""


@contextmanager
def guarded(home: Home) -> Iterator["Guard"]:
    """Have `up` run if this process dies in the body, or leaves it before it dismissed the guard."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC
    log = os.open(home.data / LOG, flags, 0o600)
    try:
        child = subprocess.Popen(
            [sys.executable, "-m", __name__],
            cwd=PROJECT_ROOT,
            env={**os.environ, "PODS_HOME": str(home.path)},
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=log,
            start_new_session=True,  # neither Ctrl-C nor the end of the terminal reaches it
        )
    finally:
        os.close(log)
    guard = Guard(child)
    try:
        yield guard
    finally:
        guard.close()


@contextmanager
def unguarded(_: Home) -> Iterator["Guard"]:
    """None, for who is started again when it dies, and goes on from what it finds: the supervisor."""
    yield _NoGuard()


class Guard:
    """The guard of this process."""

    def __init__(self, child: "subprocess.Popen[bytes]") -> None:
        self._child = child
        self._needed = True

    def dismiss(self) -> None:
        """Nothing is left to be repaired."""
        self._needed = False

    def close(self) -> None:
        """Let it go: home, or to work."""
        assert self._child.stdin is not None
        try:
            if not self._needed:
                self._child.stdin.write(_DONE)
            self._child.stdin.close()
        except BrokenPipeError:  # somebody killed it
            return
        if not self._needed:
            self._child.wait()


class _NoGuard(Guard):
    def __init__(self) -> None:
        pass

    def dismiss(self) -> None:
        """There is nobody."""

    def close(self) -> None:
        """Nor is there here."""


def watch(home: Path) -> None:
    """Wait for the end of the command; where it was not a good one, repair."""
    if sys.stdin.buffer.read() == _DONE:
        return
    from cluster.errors import PodsError
    from compose.console import Console
    from compose.operations.up import DesiredCluster, up
    from compose.stack import open_home

    console = Console(sys.stdout)
    console.line(f"the command that changed the primary of {home} ended before it was done: inv up")
    for _ in attempts(_PATIENCE, pause=2.0):
        try:
            up(*open_home(), console, DesiredCluster())
        except PodsError as error:
            console.warn(error.message)
        else:
            return


if __name__ == "__main__":
    watch(Path(os.environ["PODS_HOME"]))
