"""A server to try a restored cluster with: reached by a socket in its own folder only, writing to no archive.

It is made from the data directory alone; whatever configuration the cluster had is put aside, so that neither its
memory, nor its libraries, nor its network are asked for. That keeps honest data honest; what keeps hostile data from
doing harm is where it runs (backup/sandbox).
"""

import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from backup.restore.pg_programs import PgPrograms
from cluster.errors import MachineError, PodsError, RefusedError
from cluster.postgres import session
from cluster.postgres.failures import one_line

if TYPE_CHECKING:
    import psycopg

PORT = 5432
LOG = "server.log"
_POLL_SECONDS = 0.1
"""Seconds between two tries to connect."""
_TELLING = re.compile("FATAL|PANIC|ERROR|HINT")
_FETCHING = re.compile(r"[0-9A-F]{8}([0-9A-F]{16}|\.history): ")
"""What our restore_command says of a file of WAL."""
_TRIED = "FATAL:  the database system is "
"""What the server says to our own tries to connect."""
_MISSED = "recovery ended before configured recovery target was reached"
_TOO_EARLY = "requested recovery stop point is before consistent recovery point"
"""How PostgreSQL says that a target is not between the backup's end and the archive's (xlogrecovery.c)."""
_UNREAD = "could not restore file"
_MOST_SOCKET = 107
"""Bytes of a socket's path that Linux takes (unix(7), less its ending zero)."""
PARAMETERS = {
    "listen_addresses": "",
    "port": str(PORT),
    "ssl": "off",
    "archive_mode": "off",
    "io_method": "worker",
    "shared_buffers": "128MB",
    "huge_pages": "off",
    "shared_preload_libraries": "",
    "session_preload_libraries": "",
    "local_preload_libraries": "",
    "autovacuum": "off",
    "max_slot_wal_keep_size": "0",
    "summarize_wal": "off",
    "max_wal_size": "4GB",
    "fsync": "off",
    "logging_collector": "off",
    "log_destination": "stderr",
    # Nobody asks before it is promoted, and a primary that had grown meanwhile could not stop its recovery.
    "hot_standby": "off",
    "event_triggers": "off",
    "jit": "off",
}
"""What such a server must have, whatever the cluster had; it may lose everything, so it need not flush."""
_PINNED = session.guarded() | {"search_path": "pg_catalog", "row_security": "off", "jit": "off"}
"""What counts in the superuser's sessions, whatever was set for a role or a database: options win over those."""


class TargetMissedError(MachineError):
    """Recovery came to the end of the archive, and its target had not come by; ``early``: it came too early."""

    def __init__(self, message: str, *, early: bool = False) -> None:
        super().__init__(message)
        self.early = early


@dataclass(frozen=True, slots=True)
class TemporaryServer:
    """A running one; ``folder`` holds its socket, ``user`` may do everything."""

    folder: Path
    user: str

    @contextmanager
    def connect(
        self, database: str, *, timeout: float, reader: str = "", writes: bool = False
    ) -> "Iterator[psycopg.Connection[Any]]":
        """A connection that only reads, unless it ``writes``; ``timeout`` in seconds for each statement.

        As the superuser, with nothing of what roles and databases set; as ``reader``, a role that may do no harm, with
        all of it, since its SQL was written for that.

        Raises:
            MachineError: it does not let us in.
        """
        import psycopg
        from psycopg.rows import dict_row

        pinned = {
            **({} if reader else _PINNED),
            "default_transaction_read_only": "off" if writes else "on",
            "statement_timeout": str(int(timeout * 1000)),
        }
        try:
            connection = psycopg.connect(
                host=str(self.folder),
                port=PORT,
                user=reader or self.user,
                dbname=database,
                options=session.options(pinned),
                client_encoding="UTF8",  # what a database sets would make bytes of texts
                autocommit=True,
                row_factory=dict_row,
            )
        except psycopg.OperationalError as error:
            raise MachineError(f"the restored server does not let us into {database}: {one_line(error)}") from None
        with connection:
            yield connection


ENVIRONMENT = {"PGOPTIONS": session.options(_PINNED)}
"""For PostgreSQL's own programs that connect as the superuser."""


@contextmanager
def serve(data: Path, folder: Path, programs: PgPrograms, *, user: str, timeout: float) -> Iterator[TemporaryServer]:
    """Start a server in ``data``, wait until it takes connections, stop it at the end.

    Args:
        data: a data directory restored with ``PARAMETERS``.
        folder: where its socket and its log go.
        programs: PostgreSQL's own.
        user: the superuser.
        timeout: seconds its recovery may take.

    Raises:
        TargetMissedError: it recovered, and not to its target.
        MachineError: it did not come up; with the last of its log.
    """
    check_folder(folder)
    (data / "postgresql.conf").write_text(f"unix_socket_directories = '{folder}'\n")
    (data / "pg_hba.conf").write_text("local all all trust\n")
    log = folder / LOG
    log.unlink(missing_ok=True)  # of an earlier start, which says nothing of this one
    try:
        programs.run("pg_ctl", "start", f"--pgdata={data}", f"--log={log}", "--no-wait")
        server = TemporaryServer(folder, user)
        _await(server, data, timeout)
        yield server
    except MachineError as error:
        raise explain(error, log) from None
    finally:
        _stop(data, programs)


def check_folder(folder: Path) -> None:
    """Refuse a folder in which no socket can be."""
    if len(f"{folder}/.s.PGSQL.{PORT}".encode()) > _MOST_SOCKET:
        raise RefusedError(f"the path {folder} is too long for a socket", "choose a directory nearer to the root")


def _await(server: TemporaryServer, data: Path, timeout: float) -> None:
    """Until it has recovered: pg_ctl would count one that only just began as started, since nobody is let in before."""
    deadline = time.monotonic() + timeout
    gone = False
    while True:
        try:
            with server.connect("template1", timeout=timeout):
                return
        except MachineError:
            before, gone = gone, _is_gone(server, data)
            if before and gone:  # seen twice: it may have said something just before it wrote its file
                raise MachineError("the restored server did not start") from None
        if time.monotonic() > deadline:
            raise MachineError(f"the restored server did not recover within {timeout:.0f} s")
        time.sleep(_POLL_SECONDS)


def _is_gone(server: TemporaryServer, data: Path) -> bool:
    """It has said something, so it began; and it is no more, though nobody may ever have seen its file."""
    log = server.folder / LOG
    return log.exists() and log.stat().st_size > 0 and not (data / "postmaster.pid").exists()


def _stop(data: Path, programs: PgPrograms) -> None:
    """It may not run at all; what it wrote is thrown away anyhow."""
    if (data / "postmaster.pid").exists():
        try:
            programs.run("pg_ctl", "stop", f"--pgdata={data}", "--mode=immediate", "--wait")
        except PodsError:
            return


def explain(error: MachineError, log: Path) -> MachineError:
    """What a server's log says of why it is no more, in our words where they are better than its own."""
    lines = log.read_text(errors="replace").splitlines() if log.exists() else []
    text = "\n".join(lines)
    if _MISSED in text or _TOO_EARLY in text:
        early = _TOO_EARLY in text
        return TargetMissedError("recovery did not come to its target", early=early)
    fetched = [line for line in lines if _FETCHING.match(line)]
    if _UNREAD in text and fetched:
        return MachineError(
            f"the archive does not give the WAL that recovery needs: {fetched[-1]}",
            "if it is damaged, inv backup.verify --wal finds all that is, and inv backup.windows then shows what is "
            "left; another store (--store) may have it",
        )
    return MachineError(f"{error.message}{_last_words(lines)}", error.hint)


def _last_words(lines: list[str]) -> str:
    telling = [line for line in lines if _FETCHING.match(line) or (_TELLING.search(line) and _TRIED not in line)]
    return "".join(f" / {line}" for line in telling[-3:])
