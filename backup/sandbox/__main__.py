"""`python -m backup.sandbox`: `serve` does one job after the other, `once` a single one, `fetch` answers PostgreSQL.

Between two jobs of `serve` nothing of the first stays: every process is killed, every file removed. It refuses to work
where it could reach anything.
"""

import argparse
import os
import select
import shutil
import signal
import socket
import sys
import time
from contextlib import suppress
from pathlib import Path

from backup.sandbox import SOCKET

_POLL_SECONDS = 0.2
_ENDING_SECONDS = 5.0
_LONGEST_WAIT = 120.0
"""Seconds that `once` waits for the backup side."""
_REFUSED, _NOBODY = 3, 5
_SECRETS = (Path("/run/secrets"), Path("/run/tls"), Path("/backups"))
_OURS = ("/restore", "/tmp", "/dev/shm", "/run/pods", "/var/run/postgresql")


def main(argv: list[str] | None = None) -> int:
    """Do what the command line says."""
    given = _parser().parse_args(argv)
    if given.command == "fetch":
        from backup.sandbox.worker import fetch_wal

        return fetch_wal(given.store, given.system, given.ahead, given.file, given.target)
    if why := reachable():
        print(f"restored data is not started here: {why}", file=sys.stderr)  # noqa: T201 - its log
        return _REFUSED
    return _serve() if given.command == "serve" else _once()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="backup.sandbox")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("serve")
    commands.add_parser("once")
    fetch = commands.add_parser("fetch")
    fetch.add_argument("--store", required=True)
    fetch.add_argument("--system", required=True)
    fetch.add_argument("--ahead", type=Path, required=True)
    fetch.add_argument("file")
    fetch.add_argument("target", type=Path)
    return parser


def reachable() -> str:
    """What could be reached from here that must not be, in words; "" where nothing can."""
    networks = {name for _, name in socket.if_nameindex()} - {"lo"}
    if networks:
        return f"there is a network ({', '.join(sorted(networks))})"
    if os.geteuid() == 0:
        return "this is root"
    return next((f"there is {path}" for path in _SECRETS if path.exists()), "")


def _once() -> int:
    end = time.monotonic() + _LONGEST_WAIT
    while (connection := _call()) is None:
        if time.monotonic() > end:
            return _NOBODY
        time.sleep(_POLL_SECONDS)
    _work(connection)
    return 0


def _serve() -> int:
    """Each job in a process of its own, so that this one has nothing of any."""
    _forbid_tracing()
    _empty()
    while True:
        connection = _call()
        if connection is None:
            time.sleep(_POLL_SECONDS)
            continue
        with connection:
            worker = os.fork()
            if not worker:
                os._exit(_apart(connection))
            _await(worker, connection)
        _empty()


def _await(worker: int, connection: socket.socket) -> None:
    """Until it is done, or the backup side is gone and it does not end by itself: restored data may have stopped it."""
    hung_up = select.poll()
    hung_up.register(connection, select.POLLHUP)
    left = _ENDING_SECONDS
    while left > 0 and os.waitpid(worker, os.WNOHANG) == (0, 0):
        if hung_up.poll(0):
            left -= _POLL_SECONDS
        time.sleep(_POLL_SECONDS)


def _apart(connection: socket.socket) -> int:
    import traceback

    try:
        _work(connection)
    except Exception:  # noqa: BLE001 - its log
        traceback.print_exc()
        return 1
    return 0


def _work(connection: socket.socket) -> None:
    from backup.sandbox.wire import ClosedError
    from backup.sandbox.worker import Worker

    try:
        Worker(connection).run()
    except ClosedError as error:
        print(error.message, file=sys.stderr)  # noqa: T201 - its log


def _call() -> socket.socket | None:
    """A connection to the backup side, which knows what it is for; None while it has no work."""
    from backup.sandbox.wire import send

    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        connection.connect(str(SOCKET))
        send(connection, {"worker": True})
    except OSError:
        connection.close()
        return None
    return connection


def _forbid_tracing() -> None:
    """What restored data starts has this user as well; it shall not become this process (prctl, PR_SET_DUMPABLE)."""
    import ctypes

    ctypes.CDLL(None, use_errno=True).prctl(4, 0, 0, 0, 0)


def _empty() -> None:
    """Kill every process but this one and the container's first, and remove every file."""
    with suppress(ProcessLookupError):  # there is no other
        os.kill(-1, signal.SIGKILL)
    for path in (entry for directory in _OURS for entry in Path(directory).glob("*") if Path(directory).is_dir()):
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)


if __name__ == "__main__":
    sys.exit(main())
