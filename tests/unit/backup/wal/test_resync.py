"""WAL that one store lacks is brought from another: the same content, in order, again after any interruption."""

import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest

from backup import catalog
from backup.annotations import Hold, hold
from backup.catalog import Backup
from backup.delete import delete as remove
from backup.layout import wal_key
from backup.service.context import ServiceContext
from backup.service.inventory import survey
from backup.service.resync_worker import ResyncWorker
from backup.store import StoreError
from backup.store.encrypted import SealedStore
from backup.store.encryption import EncryptionKey
from backup.wal.codec import pack
from backup.wal.read import read_segment
from backup.wal.resync import resync
from cluster.config.mounted import ClusterConfig
from cluster.postgres.lsn import Lsn
from cluster.topology import Topology
from tests.fix_settings import SIZING, settings_of
from tests.unit.backup.samples import a_backup
from tests.unit.backup.wal.wal_made import SIZE, SYSTEM, Moody, local, name, put, segment, wal


def always() -> bool:
    return True


def test_a_store_gets_what_another_has(tmp_path: Path) -> None:
    lacking, whole = local(tmp_path / "lacking"), local(tmp_path / "whole")
    put(whole, name(1), name(2), name(3))
    put(lacking, name(2))
    done = resync(lacking, [whole], SYSTEM, [name(3), name(1), name(7)], always)
    assert done.copied == (name(1), name(3))
    assert done.troubles == ()
    assert [read_segment(lacking, SYSTEM, name(number)) for number in (1, 2, 3)] == [
        wal(segment(number)) for number in (1, 2, 3)
    ]


def test_sealed_stores_get_the_content_and_not_what_another_key_sealed(tmp_path: Path) -> None:
    first = SealedStore(local(tmp_path / "first"), [EncryptionKey(bytes(32))])
    second = SealedStore(local(tmp_path / "second"), [EncryptionKey(bytes(31) + b"x")])
    put(first, name(1))
    assert resync(second, [first], SYSTEM, [name(1)], always).copied == (name(1),)
    assert read_segment(second, SYSTEM, name(1)) == wal(segment(1))


def test_interrupted_it_leaves_nothing_half_and_goes_on(tmp_path: Path) -> None:
    lacking, whole = Moody(local(tmp_path / "lacking")), Moody(local(tmp_path / "whole"))
    put(whole, *(name(number) for number in range(5)))
    put(lacking)
    names = [name(number) for number in range(5)]
    steps = iter([True, True, False])
    assert resync(lacking, [whole], SYSTEM, names, lambda: next(steps)).copied == (name(0), name(1))
    lacking.down = True
    with pytest.raises(StoreError, match="503"):
        resync(lacking, [whole], SYSTEM, names[2:], always)
    lacking.down, whole.down = False, True
    done = resync(lacking, [whole], SYSTEM, names[2:], always)
    assert done.copied == ()
    assert "moody answers 503" in done.troubles[0]
    whole.down = False
    assert resync(lacking, [whole], SYSTEM, names, always).copied == tuple(names), "what is there already is success"


def test_another_content_that_is_there_is_never_replaced(tmp_path: Path) -> None:
    lacking, whole = local(tmp_path / "lacking"), local(tmp_path / "whole")
    put(whole, name(1), name(2))
    theirs = pack(wal(segment(1))[:-1] + b"?")
    lacking.create(wal_key(SYSTEM, name(1)), theirs)
    done = resync(lacking, [whole], SYSTEM, [name(1), name(2)], always)
    assert done.copied == (name(2),)
    assert "another content" in done.troubles[0]
    assert lacking.get(wal_key(SYSTEM, name(1))) == theirs


def test_what_is_damaged_is_taken_from_elsewhere_or_left(tmp_path: Path) -> None:
    lacking, bad, good = (local(tmp_path / each, each) for each in ("lacking", "bad", "good"))
    put(good, name(1))
    bad.create(wal_key(SYSTEM, name(1)), pack(wal(segment(2))))
    bad.create(wal_key(SYSTEM, name(2)), pack(wal(segment(2)))[:-9])
    done = resync(lacking, [bad, good], SYSTEM, [name(1), name(2)], always)
    assert done.copied == (name(1),)
    assert [trouble[:31] for trouble in done.troubles] == [f"{name(2)} in bad"]


def _backup(day: float, number: int) -> Backup:
    """One that began in the segment of that number."""
    start, stop = str(Lsn(number * SIZE + 40)), str(Lsn((number + 1) * SIZE))
    return a_backup(day, system_identifier=SYSTEM, wal_segment_size=SIZE, start_lsn=start, stop_lsn=stop)


def _context(home: Path, *stores: Moody) -> ServiceContext:
    """A service whose stores each have a backup that needs WAL from segment 1 on."""
    (home / "state").mkdir()
    settings = settings_of()
    topology = replace(Topology.first(settings, SIZING), system_identifier=SYSTEM)
    days = time.time() / 86_400
    for store in stores:
        catalog.write(store, _backup(days, 1))
    inside = ClusterConfig(settings=settings, topology=topology)
    return ServiceContext(inside=inside, stores=stores, home=home, state=home)  # type: ignore[arg-type]


def test_the_service_mends_what_its_survey_found_missing_and_says_so(tmp_path: Path) -> None:
    first, second = (Moody(local(tmp_path / each), each) for each in ("first", "second"))
    put(first, *(name(number) for number in range(1, 8)))
    put(second, name(1), name(4), name(7))
    context, told = _context(tmp_path, first, second), list[str]()
    mender = ResyncWorker(threading.Event(), told.append)
    mender.run(context)
    assert told == [], "before any survey nobody knows"
    survey(context)
    assert time.time() - context.status_file.read().updated < 60
    assert context.status_file.read().stores["second"].missing == 4
    mender.run(context)
    assert told == [f"second got 4 segments of WAL that it lacked, up to {name(6)}"]
    entry = context.status_file.read().stores["second"]
    assert (entry.lost, entry.mended) == (0, 4)
    assert read_segment(second, SYSTEM, name(5)) == wal(segment(5))
    mender.run(context)
    assert len(told) == 1


def test_what_no_store_has_is_not_looked_for_again_and_again(tmp_path: Path) -> None:
    first, second = (Moody(local(tmp_path / each), each) for each in ("first", "second"))
    for store in (first, second):
        put(store, name(1), name(3))
    context, told = _context(tmp_path, first, second), list[str]()
    mender = ResyncWorker(threading.Event(), told.append)
    survey(context)
    first.down = True
    for _ in range(3):
        mender.run(context)
    assert len(told) == 2, told
    assert "first does not get the WAL that it lacks: first answers 503" in told[0]
    assert "second lacks WAL" in told[1]
    assert [entry.mended for entry in context.status_file.read().stores.values()] == [0, 0]


def test_wal_that_retention_removed_is_neither_missing_nor_brought_back(tmp_path: Path) -> None:
    """A backup that is held keeps only the WAL it needs itself; the way from it to the next one is gone on purpose."""
    first, second = (Moody(local(tmp_path / each), each) for each in ("first", "second"))
    put(first, *(name(number) for number in range(1, 30)))
    put(second, name(1), *(name(number) for number in range(20, 30)))
    context = _context(tmp_path, first, second)
    today = time.time() / 86_400
    for store in (first, second):
        remove(store, catalog.read_catalog(store, SYSTEM)[0])
        for day, number in ((300.0, 1), (today - 10, 20), (today - 1, 22), (today, 24)):
            made = _backup(day, number)
            catalog.write(store, made)
            if number == 1:
                hold(store, made, Hold(name=made.name, made=0.0, why="for ever"))
    survey(context)
    stores = context.status_file.read().stores
    assert [stores[each].lost for each in ("first", "second")] == [0, 0]
