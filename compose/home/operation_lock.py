"""One operation at a time per cluster: an flock that the kernel gives back when its holder dies, however it dies."""

import errno
import fcntl
import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cluster.errors import MachineError, RefusedError
from cluster.units import human_seconds


@contextmanager
def exclusive(path: Path, operation: str) -> Iterator[None]:
    """Hold the cluster while the body runs.

    Raises:
        RefusedError: another operation holds it; says which, since when and whose.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise RefusedError(f"{path} is a link, where PODS makes a file", f"remove it: rm {path}") from None
        raise MachineError(f"{path} cannot be opened: {error.strerror}", "check who owns it, and the disk") from None
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise RefusedError(
                f"another operation is under way: {_holder(handle, path)}", "wait for it to end, then run this again"
            ) from None
        _sign(handle, operation)
        yield
        os.ftruncate(handle, 0)
    finally:
        os.close(handle)


def _sign(handle: int, operation: str) -> None:
    text = json.dumps(
        {
            "operation": operation,
            "pid": os.getpid(),
            "user": os.environ.get("USER") or os.geteuid(),
            "since": int(time.time()),
        }
    )
    os.ftruncate(handle, 0)
    os.pwrite(handle, text.encode(), 0)


def _holder(handle: int, path: Path) -> str:
    try:
        who = json.loads(os.pread(handle, 4096, 0))
        since = human_seconds(time.time() - who["since"])
        return f"inv {who['operation']} (pid {who['pid']}, user {who['user']}, for {since})"
    except (OSError, ValueError, KeyError, TypeError):
        return f"see `fuser {path}`"
