"""A bucket whose server is gone: connections are refused, while WAL is archived and while a backup is taken."""

import contextlib
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from backup.base import BackupOptions, take
from backup.catalog import read_catalog
from backup.layout import backups_prefix
from backup.store import StoreError
from backup.store.s3 import S3Store
from cluster.errors import PodsError
from tests.fix_images import image
from tests.fix_postgres import INSIDE, box
from tests.fix_s3 import MakeBucket, bucket_maker
from tests.fix_wait import eventually
from tests.integration.backup.base_world import World, fill, world
from tests.integration.backup.test_wal import SEGMENT, A, Site
from tests.integration.backup.wal_lab import Lab, lab


class Door:
    """A port that leads to a server, or to nothing: what comes to it while it is shut is refused."""

    def __init__(self, endpoint: str) -> None:
        host, port = endpoint.removeprefix("http://").split(":")
        self._target = (host, int(port))
        self._listener: socket.socket | None = None
        self._open: set[socket.socket] = set()
        self.port = 0

    def open(self) -> None:
        """Let connections through."""
        self._listener = socket.create_server(("127.0.0.1", self.port))
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._serve, args=(self._listener,), daemon=True).start()

    def shut(self) -> None:
        """Refuse new connections and break those there are."""
        assert self._listener is not None
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for each in list(self._open):
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)

    def _serve(self, listener: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = listener.accept()
                server = socket.create_connection(self._target)
                for source, sink in ((client, server), (server, client)):
                    self._open.add(source)
                    threading.Thread(target=self._pump, args=(source, sink), daemon=True).start()

    def _pump(self, source: socket.socket, sink: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(1 << 16):
                sink.sendall(data)
        with contextlib.suppress(OSError):
            sink.shutdown(socket.SHUT_RDWR)
        self._open.discard(source)
        source.close()


@pytest.fixture
def door(moto: str) -> Iterator[Door]:
    """An open one before moto's server."""
    made = Door(moto)
    made.open()
    yield made
    with contextlib.suppress(OSError):
        made.shut()


@pytest.fixture
def store(moto: str, door: Door) -> S3Store:
    """A bucket behind the door."""
    make: MakeBucket = bucket_maker(f"http://127.0.0.1:{door.port}")
    return S3Store(make())


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory, engine: None) -> Iterator[Lab]:
    """A container with a primary."""
    with lab(tmp_path_factory.mktemp("lab")) as made:
        made.initdb(A, wal_keep_size="2GB")
        yield made
        made.sh(f"{INSIDE}/pg_ctl -D /pg/{A} -m immediate stop >/dev/null")


def test_wal_waits_in_the_spool_and_arrives_when_the_server_is_back(
    servers: Lab, tmp_path: Path, store: S3Store, door: Door
) -> None:
    site = Site(tmp_path, servers)
    with site.running(stores=[store]) as archive:
        eventually(lambda: archive.pipeline.status().streaming)
        servers.write(A, 1)
        site.wait_archived(archive, A)
        door.shut()
        servers.write(A, 4)
        eventually(lambda: archive.state().spool_bytes >= 4 * SEGMENT, what="a spool that grows")
        eventually(lambda: archive.state().stores[0].error, 60, "an error in the state")
        state = archive.state()
        assert state.streaming
        assert state.error == "", "receiving goes on"
        assert len(state.stores[0].error.splitlines()) == 1
        assert "s3" in state.stores[0].error.lower()
        assert state.stores[0].behind
        assert state.stores[0].lag > 0
        door.open()
        site.wait_archived(archive, A)
        eventually(lambda: archive.state().spool_bytes <= SEGMENT, what="an empty spool")
        assert archive.state().stores[0].error == ""


def test_a_start_without_the_server_receives_at_once_and_ships_later(
    servers: Lab, tmp_path: Path, store: S3Store, door: Door
) -> None:
    site = Site(tmp_path, servers)
    door.shut()
    with site.running(stores=[store]) as archive:
        eventually(lambda: archive.pipeline.status().streaming, 60, "a stream")
        servers.write(A, 2)
        eventually(lambda: archive.state().spool_bytes >= 2 * SEGMENT, what="a spool that grows")
        door.open()
        site.wait_archived(archive, A)


@pytest.fixture(scope="module")
def here(engine: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    tmp = tmp_path_factory.mktemp("gone")
    with box(tmp / "box", image()) as made:
        found = world(made, tmp)
        fill(found.server, made.directory("aside"))
        yield found


def test_a_backup_into_a_bucket_that_refuses_fails_in_one_line_and_lists_nothing(
    here: World, store: S3Store, door: Door
) -> None:
    door.shut()
    with pytest.raises(PodsError) as caught:
        take(here.site(stores=[store]), BackupOptions(wal_timeout=30))
    assert len(str(caught.value).splitlines()) == 1
    with pytest.raises(StoreError):
        read_catalog(store, here.system)
    door.open()
    assert read_catalog(store, here.system) == ()
    assert list(store.list(backups_prefix(here.system))) == []


def test_a_backup_whose_bucket_goes_away_in_the_middle_lists_nothing_and_the_next_one_succeeds(
    here: World, store: S3Store, door: Door
) -> None:
    def shut_soon(line: str) -> None:
        here.told.append(line)
        if not shut.is_set():
            shut.set()
            threading.Timer(0.3, door.shut).start()

    shut = threading.Event()
    site = here.site(stores=[store], progress=shut_soon)
    with pytest.raises(PodsError) as caught:
        take(site, BackupOptions(wal_timeout=30, rate=8192))
    assert shut.is_set()
    assert len(str(caught.value).splitlines()) == 1
    time.sleep(0.5)
    door.open()
    assert read_catalog(store, here.system) == ()
    taken = take(here.site(stores=[store]), BackupOptions(wal_timeout=30))
    assert [backup.name for backup in read_catalog(store, here.system)] == [taken.backup.name]
