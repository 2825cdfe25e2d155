"""The last state of a database that is to be dropped, kept where it can be had again: in the backups, or as a dump."""

import os
import re
import subprocess
from datetime import UTC, datetime
from pathlib import Path

from cluster.errors import MachineError
from cluster.files import Directory
from cluster.postgres import session
from cluster.postgres.connection import connect, fetch_one
from cluster.roles import SUPERUSER
from compose.console import Console, Progress
from compose.operations.backups.client import SERVICE, call
from compose.process import last_words
from compose.stack import Stack

_LONGEST = 30
"""Characters of a database's name in that of a restore point, which has 63."""


class LastState:
    """Where the last state of one database is kept; ``command`` gets it back, once it is kept."""

    def __init__(self, stack: Stack, console: Console, database: str) -> None:
        self._stack = stack
        self._console = console
        self._database = database
        plain = re.sub(r"[^a-z0-9_-]", "", database.lower())[:_LONGEST]
        self._name = f"drop-{plain}-{datetime.now(UTC):%Y%m%dT%H%M%SZ}"
        self.command = ""

    @property
    def archived(self) -> bool:
        """Whether the cluster is backed up."""
        return SERVICE in self._stack.optional_services

    def prepare(self, _: Progress) -> None:
        """While clients still work: a base backup to begin with, taken if there is none.

        Raises:
            PodsError: there is none, and none can be taken.
        """
        if not self.archived:
            return
        known = call(self._stack, self._console, "Looking for a backup to begin with", "list")
        if not any(not each["damaged"] and not each["untrusted"] for each in known):
            call(self._stack, self._console, "Taking a full backup, as there is none", "now", "--type=full")

    def keep(self, step: Progress) -> None:
        """When no client is in it any more: archive all that was committed, or dump it.

        Raises:
            PodsError: it is not kept; nothing may be dropped.
        """
        if self.archived:
            self._archive()
        else:
            self._dump(step)

    def _archive(self) -> None:
        """A restore point is where recovery ends before a database's files go, which a moment may be too late for."""
        with connect(self._stack.superuser(self._stack.topology.primary)) as connection:
            lsn = fetch_one(connection, "restore_point", lambda lsn: str(lsn), [self._name])
        call(self._stack, self._console, "Archiving what was committed last", "archive-now")
        target = (f"--to={lsn}", "--kind=lsn")
        call(self._stack, self._console, "Checking that a restore leads there", "plan", *target)
        self.command = f"inv backup.restore --to-name {self._name} --as-node before_drop"

    def _dump(self, step: Progress) -> None:
        from psycopg.conninfo import make_conninfo

        node, options = self._stack.topology.primary, session.options(session.guarded())
        where = make_conninfo(host=node, port=5432, user=SUPERUSER, dbname=self._database, options=options)
        tool = ("--profile", "tools", "run", "--rm", "--no-deps", "-T", "--entrypoint")
        argv = self._stack.compose.argv(*tool, "pg_dump", "psql", "--format=custom", where)
        self._stack.home.aside.mkdir(mode=0o700, exist_ok=True)
        path = self._stack.home.aside / f"{self._name}.dump"
        step.update(str(path))
        _run_into(argv, {**os.environ, **self._stack.compose.environment}, path)
        self.command = f"pg_restore of {path}; docs/how-to/databases.md says how"


def _run_into(argv: list[str], environment: dict[str, str], path: Path) -> None:
    """The program's output as a file that nobody else may read, durable when this returns.

    Raises:
        MachineError: it failed; nothing is left of the file.
    """
    unfinished = f".{path.name}.new"
    with (
        Directory.open(path.parent) as folder,
        open(
            os.open(path.parent / unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600), "wb"
        ) as file,
    ):
        done = subprocess.run(
            argv, env=environment, stdin=subprocess.DEVNULL, stdout=file, stderr=subprocess.PIPE, check=False
        )
        os.fsync(file.fileno())
        if done.returncode:
            folder.unlink(unfinished)
            raise MachineError(f"the dump failed: {last_words(done.stderr.decode(errors='replace'))}", "see inv logs")
    (path.parent / unfinished).rename(path)
