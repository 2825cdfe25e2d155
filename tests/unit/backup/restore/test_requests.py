"""A restore from S3 asks for each byte once, counted where it is asked: at the server."""

import hashlib
import random
import socket
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from backup.catalog import Backup, File
from backup.layout import MANIFEST, backup_key, wal_key
from backup.restore.target import RecoveryTarget
from backup.restore.unpack import unpack
from backup.sandbox.dispatch import Sandbox
from backup.sandbox.job import Job
from backup.sandbox.remote_store import RemoteStore
from backup.sandbox.wire import receive, send
from backup.store import DamagedError, ProbedStore, Store
from backup.store.encrypted import SealedStore
from backup.store.encryption import EncryptionKey
from backup.store.local import LocalStore
from backup.store.s3 import S3Store
from backup.wal.restore_command import RestoreSource, fetch
from tests.fix_moto import RecordedServer
from tests.unit.backup.base.test_base import packed
from tests.unit.backup.samples import SYSTEM, a_backup
from tests.unit.backup.test_manifest import entry
from tests.unit.backup.test_manifest import manifest as a_manifest
from tests.unit.backup.wal.wal_made import SYSTEM as WAL_SYSTEM
from tests.unit.backup.wal.wal_made import name, put

FILES = {f"table{number}": random.Random(number).randbytes(size) for number, size in enumerate((20 << 20, 3_000_001))}
MORE = {"17": random.Random(9).randbytes(9_000_000)}


def stored(store: Store) -> Backup:
    """A full backup of two archives."""
    named = {**FILES, **{f"pg_tblspc/16384/{path}": body for path, body in MORE.items()}}
    listed = [
        entry(Path=path, Size=len(body), Checksum=hashlib.sha256(body).hexdigest()) for path, body in named.items()
    ]
    bodies = {
        "base.tar": packed(FILES),
        "16384.tar": packed(MORE),
        MANIFEST: a_manifest(listed, **{"System-Identifier": int(SYSTEM)}),
    }
    files = tuple(File(name=key, size=len(b), sha256=hashlib.sha256(b).hexdigest()) for key, b in bodies.items())
    backup = replace(a_backup(1), files=files, data_bytes=sum(map(len, named.values())), codec="none")
    for key, body in bodies.items():
        with store.upload(backup_key(SYSTEM, backup.name, key)) as upload:
            upload.write(body)
    return backup


def directly(store: Store, backup: Backup, directory: Path) -> None:
    unpack(store, [backup], directory)


def through_the_sandbox(store: Store, backup: Backup, directory: Path) -> None:
    """As a restore really runs: what unpacks has a socket, the backup side has the bucket."""
    path = directory.parent / "backup.sock"
    job = Job(what="restore", store="s3", chain=(backup,), target=RecoveryTarget(), timeline=1, timeout=60.0)
    failures: list[BaseException] = []

    def work() -> None:
        try:
            with engaged(path) as connection:
                unpack(RemoteStore("s3", path), [backup], directory)
                send(connection, {"done": {}})
        except BaseException as error:  # noqa: BLE001 - it is of the test
            failures.append(error)

    worker = threading.Thread(target=work)
    worker.start()
    Sandbox(path=path, longest=60.0).run(job, store, lambda _: None)
    worker.join()
    assert not failures


def engaged(path: Path) -> socket.socket:
    """A connection that has taken the job."""
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    while True:
        try:
            connection.connect(str(path))
            break
        except OSError:
            time.sleep(0.01)
    send(connection, {"worker": True})
    receive(connection, 1 << 25)
    return connection


@pytest.mark.parametrize("sealed", [False, True], ids=["plain", "encrypted"])
@pytest.mark.parametrize("restore", [directly, through_the_sandbox])
def test_each_byte_of_a_backup_is_asked_for_once(
    recorded_s3: RecordedServer, tmp_path: Path, sealed: bool, restore: Callable[[Store, Backup, Path], None]
) -> None:
    bucket = recorded_s3.bucket()
    inner = S3Store(bucket)
    store: ProbedStore = SealedStore(inner, [EncryptionKey(b"k" * 32)]) if sealed else inner
    backup = stored(store)
    store.probe()
    recorded_s3.requests.clear()

    restore(store, backup, tmp_path / "data")

    assert {path: (tmp_path / "data" / path).read_bytes() for path in FILES} == FILES
    assert not [each for each in recorded_s3.requests if each.method not in ("GET", "HEAD")]
    for file in backup.files:
        key = backup_key(SYSTEM, backup.name, file.name)
        gets, heads = recorded_s3.of(bucket, key, "GET"), recorded_s3.of(bucket, key, "HEAD")
        size = sum(stored.size for stored in inner.list(key))
        assert sum(get.sent for get in gets) == size
        assert len(gets) == -(-size // (8 << 20))
        assert len(heads) <= 1
        if file.name != MANIFEST:
            assert sorted(int(get.range.removeprefix("bytes=").split("-")[0]) for get in gets) == [
                *range(0, size, 8 << 20)
            ]


def test_each_segment_of_wal_is_asked_for_once(recorded_s3: RecordedServer, tmp_path: Path) -> None:
    bucket = recorded_s3.bucket()
    store = S3Store(bucket)
    put(store, *(name(number) for number in range(1, 6)))
    source = RestoreSource(stores=(store,), system=WAL_SYSTEM, ahead=tmp_path / "ahead")
    recorded_s3.requests.clear()

    for number in range(1, 6):
        assert fetch(source, name(number), tmp_path / "RECOVERYXLOG", print, ahead=2) == 0

    for number in range(1, 6):
        (get,) = recorded_s3.of(bucket, wal_key(WAL_SYSTEM, name(number)), "GET")
        assert get.sent == next(store.list(wal_key(WAL_SYSTEM, name(number)))).size
        assert len(recorded_s3.of(bucket, wal_key(WAL_SYSTEM, name(number)), "HEAD")) <= 1


def test_an_archive_that_is_larger_than_its_description_says_is_not_read_on(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    backup = stored(store)
    file = store.root / backup_key(SYSTEM, backup.name, "base.tar")
    with file.open("ab") as more:
        more.truncate(file.stat().st_size + (64 << 20))
    with pytest.raises(DamagedError, match=r"base\.tar has more than its 23982080 bytes"):
        unpack(store, [backup], tmp_path / "data")
