"""A server with tablespaces, a table whose rows tell when they came, an archive of its WAL, and a store."""

import shutil
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import zstandard

from backup.base import BackupOptions, BackupResult, BackupSite, take
from backup.catalog import Backup, read_catalog
from backup.layout import history_key, wal_key
from backup.restore import Recovery, RecoveryTarget, Restored, WalCoverage, plan, read_archive, restore
from backup.restore.pg_programs import PgPrograms
from backup.store import Store
from backup.store.local import LocalStore
from cluster.postgres.connection import Access
from cluster.postgres.lsn import Lsn
from cluster.waiting import Every, wait_until
from tests.fix_postgres import Box, Server, configuration, primary
from tests.row_hashes import Hashes, row_hashes

SEGMENT = 16 << 20


@dataclass
class World:
    """Everything a backup test needs; ``told`` is the progress it heard."""

    box: Box
    server: Server
    store: LocalStore
    spool: Path
    wal: Path
    nodes: dict[str, Access]
    told: list[str] = field(default_factory=list)

    @property
    def system(self) -> str:
        """The cluster's identifier."""
        return str(self.server.value("SELECT system_identifier::text FROM pg_control_system()"))

    def site(self, **changes: Any) -> BackupSite:
        """What a backup needs around it."""
        given: dict[str, Any] = {
            "nodes": self.nodes,
            "primary": lambda: self.server.name,
            "stores": [self.store],
            "spool": self.spool,
            "wal_archived": self.archived,
            "switch_wal": self.switch,
            "progress": self.told.append,
        }
        return BackupSite(**(given | changes))

    def take(self, kind: Any = "full", **options: Any) -> BackupResult:
        """Take a backup."""
        return take(self.site(), BackupOptions(**{"kind": kind, "wal_timeout": 30, "trusted_since": 0, **options}))

    def catalog(self) -> tuple[Backup, ...]:
        """What is listed."""
        return read_catalog(self.store, self.system)

    def switch(self) -> None:
        """Begin a new segment and wait until the one before is archived."""
        self.server.sql("SELECT pg_switch_wal()")

    def archived(self, timeline: int, start: Lsn, stop: Lsn) -> bool:
        """Whether that WAL has come out of the server."""
        first, last = start // SEGMENT, (stop - 1) // SEGMENT
        names = (f"{timeline:08X}{n >> 8:08X}{n & 0xFF:08X}" for n in range(first, last + 1))
        return all((self.wal / name).exists() for name in names)

    def flush(self) -> None:
        """Everything committed so far is in the archive, and the archive in the store."""
        last = Lsn.parse(self.server.value("SELECT pg_current_wal_insert_lsn()::text"))
        timeline = int(self.server.value("SELECT substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8)"), 16)
        self.server.sql("SELECT txid_current()", "SELECT pg_switch_wal()")
        self._wait(timeline, last)
        self.ship(self.store)

    def _wait(self, timeline: int, last: Lsn) -> None:
        again = Every(10, at_once=False)

        def missing() -> str:
            if self.archived(timeline, last, Lsn(last + 1)):
                return ""
            # after a promotion PostgreSQL's own archiver now and then sleeps on, for a minute or more
            if timeline > 1 and again.due():
                self.server.sql("SELECT txid_current()", "SELECT pg_switch_wal()")
            return f"{last} is not archived"

        wait_until(missing, timeout=150, what="the WAL did not come", hint="see the server's log")

    def ship(self, store: Store) -> None:
        """Put what the server archived where the archive's objects belong."""
        for path in sorted(self.wal.iterdir()):
            if path.name.endswith(".history"):
                store.create(history_key(self.system, int(path.name[:8], 16)), path.read_bytes())
            elif len(path.name) == 24:
                store.create(wal_key(self.system, path.name), zstandard.compress(path.read_bytes(), 1))

    def archive(self) -> WalCoverage:
        """The WAL in the store."""
        return read_archive(self.store, self.system, SEGMENT)

    def recovery(self, **changes: Any) -> Recovery:
        """From the server's own archive directory."""
        return Recovery(restore_command=f"cp {self.wal}/%f %p", **changes)

    def restore(self, target: RecoveryTarget, name: str = "", into: str = "restored", **changes: Any) -> Restored:
        """Restore into a new directory of the box."""
        directory = self.box.path / into
        shutil.rmtree(directory, ignore_errors=True)
        planned = plan(self.catalog(), self.archive(), target, name, trusted_since=0)
        tools = PgPrograms(self.box.bin)
        return restore(planned, self.store, directory, self.recovery(**changes), self.told.append, tools)

    def restore_over(self, directory: Path) -> Restored:
        """Restore the newest moment into a directory as it is."""
        planned = plan(self.catalog(), self.archive(), RecoveryTarget(), trusted_since=0)
        return restore(planned, self.store, directory, self.recovery(), self.told.append, PgPrograms(self.box.bin))

    def revive(self, restored: Restored, port: int = 5460) -> Server:
        """Start a server in what was restored, and wait until it is promoted unless it shall pause."""
        self.box.run("chown", "-R", "999:999", str(restored.directory), user="0")
        server = Server(self.box, restored.directory.name, port)
        server.configure(**configuration(self.box, port), archive_mode="off")
        server.start()
        if restored.parameters["recovery_target_action"] == "promote":
            wait_promoted(server)
        return server

    def stop(self, server: Server) -> None:
        """Stop a revived server and remove it."""
        server.stop("immediate")
        self.box.run("rm", "-rf", str(server.data), user="0")


def wait_promoted(server: Server) -> None:
    """Until it has recovered: before that it answers already, but with less."""
    wait_until(
        lambda: "it recovers" if server.value("SELECT pg_is_in_recovery()") else "",
        timeout=60,
        what="not promoted",
        hint="see its log",
    )


def world(
    box: Box, tmp: Path, name: str = "one", port: int = 5432, initdb: tuple[str, ...] = (), **parameters: str
) -> World:
    """A new one."""
    wal = box.directory(f"{name}-wal")
    copy = f"cp %p {wal}/%f.new && mv {wal}/%f.new {wal}/%f"
    command = f"'if test -f {wal}/%f; then cmp -s %p {wal}/%f; else {copy}; fi'"  # two servers of a line archive here
    server = primary(box, name, port, initdb, archive_mode="on", archive_command=command, **parameters)
    root, spool = tmp / f"{name}-store", tmp / f"{name}-spool"
    root.mkdir()
    spool.mkdir()
    return World(box, server, LocalStore(root), spool, wal, {name: server.access})


def fill(server: Server, tablespace: Path) -> None:
    """Tables in and outside a tablespace, of some MB."""
    server.sql(
        f"CREATE TABLESPACE aside LOCATION '{tablespace}'",
        "CREATE TABLE ledger (id int PRIMARY KEY, note text)",
        "CREATE TABLE apart TABLESPACE aside AS SELECT n AS id, md5(n::text) AS note FROM generate_series(1, 20000) n",
        "CREATE TABLE large AS SELECT n AS id, repeat(md5(n::text), 8) AS note FROM generate_series(1, 60000) n",
        "CREATE INDEX ON large (id)",
    )


def hashes(server: Server) -> Hashes:
    """Content of every table of the tests."""
    return row_hashes(server.sql, ("ledger", "apart", "large"))
