"""A cluster that is backed up, what was written to it when, and servers started in what was restored from it."""

import json
import secrets as tokens
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from cluster.backup_status import ArchiveStatus, read_status
from cluster.postgres.connection import connect
from cluster.postgres.data_directory import PGDATA
from cluster.postgres.lsn import Lsn
from cluster.waiting import wait_until
from compose.home.paths import BACKUP_STATE
from tests.fix_inv import Inv
from tests.fix_stack import Cluster, purge, write_env

QUIET = {"PODS_BACKUP": "on", "PODS_HEALTH": "off", "PODS_CONTAINER_METRICS": "off", "BACKUP_TAIL_SECONDS": "2"}
QUIET["BACKUP_INCREMENTAL"] = "always"  # whatever minor the archive has: chains are what many of these tests are about
NEVER = {"BACKUP_SCHEDULE": "0 0 1 1 *", "BACKUP_FULL_SCHEDULE": "0 0 1 1 *", "BACKUP_DRILL_SCHEDULE": "off"}
"""Beyond the first backup, which no schedule waits for, none is taken unless a test asks."""


@dataclass
class Kept(Cluster):
    """A running cluster with backups."""

    @property
    def store(self) -> Path:
        """The cluster's folder in its local store."""
        return self.home.data / "backups" / self.stack.topology.system_identifier

    def ask(self, *arguments: str) -> Any:
        """What a task says with --json."""
        return json.loads(self.inv.ok(*arguments, "--json").out)

    def backups(self) -> list[dict[str, Any]]:
        """`inv backup.list`."""
        found: list[dict[str, Any]] = self.ask("backup.list")
        return found

    def missing(self) -> list[str]:
        """Segments that `inv backup.windows` says are missing."""
        return [lost["segment"] for place in self.ask("backup.windows") for lost in place["missing"]]

    def archive(self) -> ArchiveStatus:
        """What the archiver says of itself."""
        state = read_status(self.home.data / BACKUP_STATE).archive
        assert state is not None
        return state

    def wait_archived(self, timeout: float = 60) -> None:
        """Until every store has all WAL there is now."""
        goal = Lsn.parse(self.query("SELECT pg_current_wal_flush_lsn()::text AS lsn")[0]["lsn"])
        wait_until(lambda: self._unarchived(goal), timeout=timeout, what=f"{goal} was not archived", hint="")

    def _unarchived(self, goal: Lsn) -> str:
        return "; ".join(
            f"{one.name}: {one.archived} {one.error}"
            for one in self.archive().stores
            if not one.archived or Lsn.parse(one.archived) < goal
        )

    def wait_first_backup(self, timeout: float = 90) -> None:
        """Until there is one, which nobody asked for."""
        wait_until(lambda: "" if self.backups() else "none", timeout=timeout, what="no backup was taken", hint="")

    def set(self, **settings: str) -> None:
        """Write settings into .env, the last of a name being the one that counts, and let `up` put them in force."""
        path = self.home.path / ".env"
        kept = [line for line in path.read_text().splitlines() if line.partition("=")[0] not in settings]
        path.write_text("\n".join([*kept, *(f"{name}={value}" for name, value in settings.items() if value)]) + "\n")
        path.chmod(0o600)
        self.inv.ok("up")

    @contextmanager
    def server(self, directory: Path) -> Iterator["Restored"]:
        """A server, without any network, in what was restored into ``directory``."""
        name = f"{self.stack.topology.project}-try-{tokens.token_hex(3)}"
        image = self.docker("inspect", "--format", "{{.Config.Image}}", self.container("primary")).strip()
        mount = f"{directory / PGDATA}:/data"
        run = ["run", "--detach", "--rm", "--name", name, "--network", "none", "--user", "999", "--volume", mount]
        self.docker(*run, "--entrypoint", "postgres", image, "-D", "/data")
        try:
            restored = Restored(name)
            wait_until(restored.starting, timeout=60, what="the restored server did not start", hint="")
            yield restored
        finally:
            self.docker("stop", name)

    @contextmanager
    def restored(self, directory: Path, *arguments: str) -> Iterator["Restored"]:
        """A server in what `backup.restore --into` makes there."""
        self.inv.ok("backup.restore", "--into", str(directory), *arguments)
        with self.server(directory) as server:
            yield server


@dataclass
class Restored:
    """A server in a container of its own."""

    container: str

    def starting(self) -> str:
        """Why it does not answer yet; "" when it does."""
        try:
            return "" if self.rows("SELECT 1") == ["1"] else "no answer"
        except AssertionError as error:
            return str(error)

    def rows(self, sql: str) -> list[str]:
        """Lines of psql's answer."""
        psql = ["psql", "-XAtq", "--username=postgres", "--dbname=appdb", f"--command={sql}"]
        argv = ["docker", "exec", "--user", "999", self.container, *psql]
        done = subprocess.run(argv, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout.splitlines()


@dataclass(frozen=True, slots=True)
class Entry:
    """One transaction of the diary; times are Unix seconds."""

    number: int
    began: float
    done: float


@dataclass
class Diary:
    """Writes numbered rows without end and notes when each transaction began and when it was acknowledged."""

    cluster: Kept
    table: str = "diary"
    entries: list[Entry] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._stop = threading.Event()
        with connect(self.cluster.access()) as connection:
            connection.execute(f"CREATE TABLE {self.table} (number int PRIMARY KEY, text text NOT NULL)")

    @contextmanager
    def writing(self) -> Iterator["Diary"]:
        """A thread writes while the body runs."""
        self._stop.clear()
        thread = threading.Thread(target=self._write, daemon=True)
        thread.start()
        try:
            yield self
        finally:
            self._stop.set()
            thread.join(30)

    def _write(self) -> None:
        with connect(self.cluster.access()) as connection:
            while not self._stop.is_set():
                number, began = len(self.entries), time.time()
                connection.execute(f"INSERT INTO {self.table} VALUES ({number}, md5('{number}'))")
                self.entries.append(Entry(number, began, time.time()))
                time.sleep(0.003)

    def check(self, found: list[str], began: float, done: float | None = None) -> None:
        """Compare with the rows (``number|text``) of a cluster restored to a moment between ``began`` and ``done``."""
        import hashlib

        numbers = [int(row.split("|")[0]) for row in found]
        digest = [f"{n}|{hashlib.md5(str(n).encode()).hexdigest()}" for n in numbers]
        assert found == digest
        assert numbers == list(range(len(numbers)))
        there = len([entry for entry in self.entries if entry.done < began])
        later = len([entry for entry in self.entries if entry.began <= (began if done is None else done)])
        assert there <= len(numbers) <= later, (there, len(numbers), later)

    @property
    def sql(self) -> str:
        """Reads all of it, as ``check`` wants it."""
        return f"SELECT number, text FROM {self.table} ORDER BY number"


def utc(moment: float) -> str:
    """As --to-time wants it."""
    return datetime.fromtimestamp(moment, UTC).isoformat()


@contextmanager
def running_cluster(path: Path, project: str, **settings: str) -> Iterator[Kept]:
    """A cluster with a home of its own, up while the body runs."""
    write_env(path, project, **settings)
    inv = Inv(path)
    try:
        inv.ok("up", timeout=900)
        yield Kept(inv)
    finally:
        purge(inv)
