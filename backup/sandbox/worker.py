"""The sandbox's side of one job: take it, do it, say how it goes; gone as soon as the backup side is."""

import os
import socket
import sys
import threading
import time
import traceback
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from backup.sandbox import SOCKET
from backup.sandbox.job import LONGEST, Job, parse_job
from backup.sandbox.remote_store import RemoteStore
from backup.sandbox.wire import ClosedError, describe, receive, send
from backup.wal import restore_command as fetching
from cluster.errors import MachineError, PodsError

DIRECTORY = Path("/restore")
"""All that the sandbox can write to: the host mounts a directory of its own there."""
_ALIVE_SECONDS = 5.0
_GONE = 3


class Worker:
    """One conversation with the backup side."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._lock = threading.Lock()

    def run(self) -> None:
        """Do one job, whatever it comes to, and end with it."""
        self._connection.settimeout(None)
        job = parse_job(receive(self._connection, LONGEST))
        for work in (self._watch, self._live):
            threading.Thread(target=work, daemon=True).start()
        try:
            self._send({"done": perform(job, self.progress)})
        except PodsError as error:
            self._send({"failed": describe(error)})
        except Exception as error:  # noqa: BLE001 - a bug here must not look like a sandbox that died
            traceback.print_exc()
            text = f"the sandbox came to grief: {type(error).__name__}: {error}"
            self._send({"failed": describe(MachineError(text, "see inv logs --service sandbox"))})

    def progress(self, line: str) -> None:
        """Say what is being done."""
        print(line, file=sys.stderr, flush=True)  # noqa: T201 - its log
        self._send({"progress": line})

    def _send(self, message: Mapping[str, Any]) -> None:
        try:
            with self._lock:
                send(self._connection, message)
        except OSError:
            os._exit(_GONE)

    def _live(self) -> None:
        while True:
            time.sleep(_ALIVE_SECONDS)
            self._send({"alive": True})

    def _watch(self) -> None:
        """The backup side says nothing more; when it is gone, nobody wants the result."""
        with suppress(ClosedError):
            receive(self._connection)
        os._exit(_GONE)


def perform(job: Job, progress: Any) -> dict[str, Any]:
    """Do a job in ``DIRECTORY``."""
    from backup.sandbox.recovery import recover
    from backup.sandbox.rehearsal import DrillSite, rehearse

    store = RemoteStore(job.store, SOCKET)
    with TemporaryDirectory() as folder, ahead_of_recovery() as ahead:
        site = DrillSite(directory=DIRECTORY, folder=Path(folder), restore_command=restore_command(job, ahead))
        return (rehearse if job.what == "drill" else recover)(job, store, site, progress)


def ahead_of_recovery() -> "TemporaryDirectory[str]":
    """A folder for WAL that is fetched before it is asked for, on the data's own disk: it is moved, not copied."""
    return TemporaryDirectory(dir=DIRECTORY, prefix=".ahead-", ignore_cleanup_errors=True)


def restore_command(job: Job, ahead: str) -> str:
    """What PostgreSQL runs in here to get a file of WAL."""
    options = f"--store={job.store} --system={job.system} --ahead={ahead}"
    return fetching.restore_command(Path(ahead), f"{sys.executable} -m backup.sandbox fetch {options}")


def fetch_wal(store: str, system: str, ahead: Path, file: str, target: Path) -> int:
    """Answer PostgreSQL's restore_command; exit codes as it understands them."""

    def log(line: str) -> None:
        print(line, file=sys.stderr, flush=True)  # noqa: T201 - the server's log

    archive = fetching.RestoreSource(stores=(RemoteStore(store, SOCKET),), system=system, ahead=ahead)
    return fetching.fetch(archive, file, target, log)
