"""Inside the container: what our service does, as a program that can be measured: python -m … WHAT '<json>'."""

import itertools
import json
import signal
import sys
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cluster.postgres.connection import Access

if TYPE_CHECKING:
    from backup.catalog import Backup
    from backup.restore import Plan

BENCH = Path("/bench")
PASSWORD = "for-benchmarks-only"
Asked = dict[str, Any]


def access() -> Access:
    """The server, as our service reaches it."""
    ca = BENCH / "home/secrets/tls/ca.crt"
    return Access(host="127.0.0.1", port=5432, user="postgres", password=PASSWORD, ca=ca, statement_timeout=0)


def open_store(asked: Asked) -> Any:
    """The store asked for: a folder, or a bucket."""
    if "bucket" in asked:
        from backup.store.s3 import S3Store
        from backup.store.s3_client import Bucket

        return S3Store(Bucket(**asked["bucket"]))
    from backup.store.local import LocalStore

    return LocalStore(Path(asked["store"]))


def take_backup(asked: Asked) -> Asked:
    """A base backup, not waiting for its WAL; what it says of itself."""
    from backup.base import BackupOptions, BackupSite, take

    site = BackupSite(
        nodes={"primary": access()},
        primary=lambda: "primary",
        stores=[open_store(asked)],
        spool=BENCH / "ours",
        wal_archived=lambda *_: True,
        switch_wal=lambda: None,
        progress=_tell,
    )
    taken = take(
        site,
        BackupOptions(kind=asked["kind"], level=asked["level"], workers=asked["workers"], longest=100, trusted_since=0),
    )
    if taken.backup.kind != asked["kind"]:
        raise RuntimeError(f"it became {taken.backup.kind}: {taken.why}")
    return {"name": taken.backup.name, "seconds": taken.seconds, "size": taken.backup.size}


def restore_backup(asked: Asked) -> Asked:
    """A directory from the newest backup, to recover until it is consistent, or to the end of the archive."""
    from backup.catalog import read_catalog, systems
    from backup.restore import Recovery, RecoveryTarget, plan, read_archive, restore

    store = open_store(asked)
    system = systems(store)[0]
    catalog, latest = read_catalog(store, system), bool(asked.get("restore_command"))
    newest = max(catalog, key=lambda backup: backup.started)
    archive = read_archive(store, system, 16 << 20)
    planned = plan(catalog, archive, RecoveryTarget(), trusted_since=0) if latest else _only(catalog, newest)
    recovery = Recovery(restore_command=asked.get("restore_command") or "false", parameters=asked.get("parameters", {}))
    done = restore(planned, store, Path(asked["into"]), recovery, _tell)
    return {"seconds": done.seconds, "parts": len(planned.chain)}


def _only(catalog: "Sequence[Backup]", newest: "Backup") -> "Plan":
    """The plan of a restore without WAL, which a bench of base backups has none of."""
    from backup.catalog import chain
    from backup.restore import Plan, RecoveryTarget
    from backup.restore.wal_coverage import Reach
    from cluster.postgres.lsn import Lsn

    reach = Reach(timeline=newest.timeline, lsn=Lsn.parse(newest.stop_lsn), made=time.time())
    parts, line = chain(catalog, newest.name), newest.timeline
    return Plan(target=RecoveryTarget(kind="immediate"), chain=parts, timeline=line, reach=reach, wal_bytes=0)


def archive(asked: Asked) -> Asked:
    """Archive WAL until all before ``goal`` is in the store, or until told to end where there is none."""
    from backup.wal.archiver import Archiver, ArchiverOptions
    from backup.wal.identity import fetch_identity
    from backup.wal.receiver import WalSource
    from backup.wal.shipper import Shipping
    from cluster.backup_status import BackupStatus, write_status
    from cluster.postgres.lsn import Lsn

    home = Path(asked["home"])
    home.mkdir(exist_ok=True)
    how = Shipping(uploads=asked["workers"], level=asked["level"], tail_seconds=asked["tail"])
    options = ArchiverOptions(
        spool=home / "spool", report=lambda status: write_status(home, BackupStatus(archive=status)), shipping=how
    )
    source = WalSource(nodes={"primary": access()}, primary=lambda: "primary")
    archiver = Archiver(fetch_identity(access(), "primary"), source, [open_store(asked)], options, _tell)
    ended = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: ended.set())
    began, goal = time.perf_counter(), Lsn.parse(asked["goal"]) if asked.get("goal") else None
    thread = threading.Thread(target=archiver.run, args=(ended,))
    thread.start()
    seconds = _until(lambda: goal is not None and (archiver.shippers[0].archived() or 0) >= goal, began, ended)
    ended.set()
    thread.join()
    return {"seconds": seconds, "segments": archiver.shippers[0].segments}


def push(asked: Asked) -> Asked:
    """Let the server archive with ``command`` until nothing waits; the same, and what it costs is not ours."""
    from cluster.postgres.connection import connect

    waiting = Path(asked["data"]) / "pg_wal/archive_status"
    before = sum(1 for _ in waiting.glob("*.ready"))
    with connect(replace(access(), pinned=False)) as connection:
        connection.execute(f"ALTER SYSTEM SET archive_command = '{asked['command']}'".encode())
        began = time.perf_counter()
        connection.execute("SELECT pg_reload_conf()")
    seconds = _until(lambda: not any(waiting.glob("*.ready")), began, threading.Event())
    return {"seconds": seconds, "segments": before}


def _until(done: Callable[[], object], began: float, ended: threading.Event) -> float:
    while not done() and not ended.wait(0.02):
        pass
    return time.perf_counter() - began


def fetch_wal(asked: Asked) -> Asked:
    """What the restore_command asks for; its exit code is the answer."""
    from backup.catalog import systems
    from backup.wal.restore_command import RestoreSource, fetch

    store, ahead = open_store(asked), Path(asked["ahead"])
    ahead.mkdir(exist_ok=True)
    found = RestoreSource(stores=[store], system=systems(store)[0], ahead=ahead)
    sys.exit(fetch(found, sys.argv[3], Path(sys.argv[4]), _tell))


def write_ledger(asked: Asked) -> Asked:
    """Commit numbers one by one until killed or cut off; each goes to a file, with the time, once acknowledged."""
    import psycopg

    from cluster.errors import PodsError
    from cluster.postgres.connection import connect

    with (
        Path(asked["file"]).open("w") as file,
        suppress(psycopg.Error, PodsError),
        connect(replace(access(), pinned=False)) as connection,
    ):
        connection.execute("CREATE TABLE ledger (number int PRIMARY KEY, note text)")
        for number in itertools.count():
            connection.execute("INSERT INTO ledger VALUES (%s, repeat(md5(%s), 8))", (number, str(number)))
            file.write(f"{number} {time.time()}\n")
            file.flush()
            time.sleep(0.002)
    return {}


def _tell(line: str) -> None:
    sys.stderr.write(f"{line}\n")


_DOES: dict[str, Callable[[Asked], Asked]] = {
    "take": take_backup,
    "restore": restore_backup,
    "archive": archive,
    "push": push,
    "fetch": fetch_wal,
    "ledger": write_ledger,
}


if __name__ == "__main__":
    print(json.dumps(_DOES[sys.argv[1]](json.loads(sys.argv[2]))), flush=True)
