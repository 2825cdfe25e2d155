"""The backup side of a job: hand it to the sandbox, answer what that asks for, take its word for what it is worth.

The sandbox may die, hang, be paused, or be anybody's: whatever it says ends in a checked result or in one line.
"""

import queue
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from backup.sandbox import SOCKET
from backup.sandbox.job import Job, dump_job
from backup.sandbox.objects import Allowed, Objects, take_request
from backup.sandbox.wire import ClosedError, hang_up, printable, receive, revived, send
from backup.store import Store
from cluster.errors import MachineError

Progress = Callable[[str], None]
_LOGS = "see inv logs --service sandbox; inv restart --node sandbox begins anew"
_MOST_AT_ONCE = 48
_REQUEST_SECONDS = 10.0
_ANSWER_SECONDS = 600.0
"""For the other side to take a piece of an answer; an archive is one, and the disk it is unpacked to may stall."""
_LINES_PER_SECOND, _LINES_AT_ONCE = 10.0, 40.0
_LONGEST_LINE = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class Sandbox:
    """Where it is met, and how long it may take (seconds): to come, to be silent, and in all."""

    path: Path = SOCKET
    arrival: float = 60.0
    silence: float = 60.0
    longest: float

    def run(self, job: Job, store: Store, progress: Progress) -> dict[str, Any]:
        """Have a job done; the result as it was given, to be checked by ``outcome``.

        Raises:
            PodsError: the sandbox says why it cannot, or does not come, or is gone.
        """
        allowed = Allowed(job.system, frozenset(backup.name for backup in job.chain))
        with _reception(self.path, Objects(store, allowed)) as reception:
            worker = reception.await_worker(self.arrival)
            overdue = threading.Event()
            late = threading.Timer(self.longest, _expire, (worker, overdue))
            late.daemon = True
            late.start()
            try:
                worker.settimeout(self.silence)
                send(worker, dump_job(job))
                return _follow(worker, _Bounded(progress))
            except TimeoutError:
                raise MachineError(f"the sandbox has said nothing for {self.silence:.0f} s", _LOGS) from None
            except (ClosedError, OSError):
                fault = f"is not done after {self.longest:.0f} s" if overdue.is_set() else "ended before it was done"
                raise MachineError(f"the sandbox {fault}", _LOGS) from None
            finally:
                late.cancel()
                reception.dismiss(worker)


def _expire(worker: socket.socket, overdue: threading.Event) -> None:
    overdue.set()
    hang_up(worker)


def _follow(worker: socket.socket, progress: Progress) -> dict[str, Any]:
    while True:
        message = receive(worker)
        if isinstance(message.get("failed"), dict):
            raise revived(message["failed"])
        if isinstance(message.get("done"), dict):
            found: dict[str, Any] = message["done"]
            return found
        if "progress" in message:
            progress(printable(message["progress"], _LONGEST_LINE))


class _Bounded:
    """Lines of progress, as many as somebody can read: a stranger may send any number."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._left, self._then = _LINES_AT_ONCE, time.monotonic()

    def __call__(self, line: str) -> None:
        now = time.monotonic()
        self._left = min(_LINES_AT_ONCE, self._left + (now - self._then) * _LINES_PER_SECOND)
        self._then = now
        if self._left >= 1.0:
            self._left -= 1.0
            self._progress(line)


class _Reception:
    """Takes connections: the first that offers to work is the worker, the others ask for objects."""

    def __init__(self, listener: socket.socket, objects: Objects) -> None:
        self._listener, self._objects = listener, objects
        self._workers: queue.Queue[socket.socket] = queue.Queue(1)
        self._open: set[socket.socket] = set()
        self._lock = threading.Lock()
        self._found = self._closed = False

    def await_worker(self, patience: float) -> socket.socket:
        try:
            return self._workers.get(timeout=patience)
        except queue.Empty:
            raise MachineError(f"no sandbox came within {patience:.0f} s", _LOGS) from None

    def accept(self) -> None:
        """Until the listener is closed."""
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            if not self._admit(connection):
                hang_up(connection)
                continue
            threading.Thread(target=self._converse, args=(connection,), daemon=True).start()

    def close(self) -> None:
        """End every conversation."""
        with self._lock:
            self._closed = True
            for connection in self._open:
                with suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)

    def _admit(self, connection: socket.socket) -> bool:
        with self._lock:
            if self._closed or len(self._open) >= _MOST_AT_ONCE:
                return False
            self._open.add(connection)
            return True

    def _converse(self, connection: socket.socket) -> None:
        try:
            connection.settimeout(_REQUEST_SECONDS)
            request = take_request(connection)
            if "worker" in request:
                if self._engage(connection):
                    return  # it stays open
            else:
                connection.settimeout(_ANSWER_SECONDS)
                self._objects.answer(connection, request)
        except (ClosedError, OSError):
            pass
        self.dismiss(connection)

    def _engage(self, connection: socket.socket) -> bool:
        with self._lock:
            if self._found:
                return False
            self._found = True
        self._workers.put(connection)
        return True

    def dismiss(self, connection: socket.socket) -> None:
        with self._lock:
            self._open.discard(connection)
        hang_up(connection)


@contextmanager
def _reception(path: Path, objects: Objects) -> Iterator[_Reception]:
    """Listen at ``path``, which the sandbox cannot write to, and take what comes."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
        try:
            path.unlink(missing_ok=True)
            listener.bind(str(path))
            path.chmod(0o600)
            listener.listen(_MOST_AT_ONCE)
        except OSError as error:
            raise MachineError(f"the sandbox cannot be met at {path}: {error.strerror}", "run: inv up") from None
        reception = _Reception(listener, objects)
        taking = threading.Thread(target=reception.accept, name="sandbox", daemon=True)
        taking.start()
        try:
            yield reception
        finally:
            reception.close()
            taking.join(5)
            path.unlink(missing_ok=True)
