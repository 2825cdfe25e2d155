"""One operation at a time per cluster: an flock that the kernel gives back when its holder dies, however it dies."""

import errno
import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cluster.errors import MachineError, RefusedError
from cluster.lock import FileLock
from cluster.units import human_seconds


class OperationInterrupted(KeyboardInterrupt):
    """Ctrl-C while the cluster was being changed."""


@contextmanager
def exclusive(path: Path, operation: str) -> Iterator[None]:
    """Hold the cluster while the body runs.

    Raises:
        RefusedError: another operation holds it; says which, since when and whose.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        opened = FileLock.of_file(path)
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise RefusedError(f"{path} is a link, where PODS makes a file", f"remove it: rm {path}") from None
        raise MachineError(f"{path} cannot be opened: {error.strerror}", "check who owns it, and the disk") from None
    with opened as lock:
        if not lock.acquire():
            raise RefusedError(
                f"another operation is under way: {_holder(lock, path)}", "wait for it to end, then run this again"
            )
        lock.write(_signature(operation))
        try:
            yield
        except KeyboardInterrupt as interruption:
            raised = OperationInterrupted(operation)
            for note in getattr(interruption, "__notes__", ()):
                raised.add_note(note)
            raise raised from None
        lock.write("")


def _signature(operation: str) -> str:
    return json.dumps(
        {
            "operation": operation,
            "pid": os.getpid(),
            "user": os.environ.get("USER") or os.geteuid(),
            "since": int(time.time()),
        }
    )


def _holder(lock: FileLock, path: Path) -> str:
    try:
        who = json.loads(lock.read())
        since = human_seconds(time.time() - who["since"])
        return f"inv {who['operation']} (pid {who['pid']}, user {who['user']}, for {since})"
    except (OSError, ValueError, KeyError, TypeError):
        return f"see `fuser {path}`"
