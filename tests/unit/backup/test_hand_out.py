"""WAL that the archive gives a standby: the most there is of each segment, of spool and stores."""

from dataclasses import replace
from pathlib import Path

import pytest

from backup.layout import wal_key
from backup.service.context import ServiceContext
from backup.service.hand_out import FOLDER, hand_out
from backup.wal.codec import pack
from backup.wal.identity import ArchiveIdentity, remember
from backup.wal.spool import PARTIAL
from cluster.config.mounted import ClusterConfig
from cluster.errors import RefusedError
from cluster.postgres.lsn import Lsn
from cluster.topology import Topology
from tests.fix_settings import SIZING, settings_of
from tests.unit.backup.wal.wal_made import SIZE, SYSTEM, Moody, local, name, put, segment, spool, spooled, wal

TOPOLOGY = replace(Topology.first(settings_of(), SIZING), system_identifier=SYSTEM)
INSIDE = ClusterConfig(settings=settings_of(), topology=TOPOLOGY)


def _context(home: Path, *stores: Moody) -> ServiceContext:
    return ServiceContext(inside=INSIDE, stores=stores, home=home, state=home)  # type: ignore[arg-type]


def _begun(home: Path) -> None:
    spool(home / "spool")
    remember(home / "spool", ArchiveIdentity(system_identifier=SYSTEM, wal_segment_size=SIZE))


def _handed(home: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in (home / FOLDER).iterdir()}


def test_segments_follow_each_other_from_stores_and_spool_to_the_unfinished_one(tmp_path: Path) -> None:
    home, store, dead = tmp_path / "home", Moody(local(tmp_path / "store")), Moody(local(tmp_path / "dead"))
    _begun(home)
    put(store, name(1), name(2), name(3))
    dead.down = True
    here = spool(home / "spool")
    spooled(here, 4)
    (here.path / f"{name(5)}{PARTIAL}").write_bytes(wal(segment(5), written=30_000)[:30_000])
    (home / FOLDER).mkdir()
    (home / FOLDER / "left").write_bytes(b"of a run that was killed")
    done = hand_out(_context(home, dead, store), 1, Lsn(2 * SIZE + 100), print)
    assert done.segments == (name(2), name(3), name(4), name(5))
    assert _handed(home) == {
        **{name(n): wal(segment(n)) for n in (2, 3, 4)},
        name(5): wal(segment(5), written=30_000),
    }


def test_of_two_who_have_it_the_one_with_more_counts(tmp_path: Path) -> None:
    home, store = tmp_path / "home", Moody(local(tmp_path / "store"))
    _begun(home)
    put(store)
    store.create(wal_key(SYSTEM, name(1)), pack(wal(segment(1))))
    (spool(home / "spool").path / f"{name(1)}{PARTIAL}").write_bytes(wal(segment(1), written=9_000)[:9_000])
    hand_out(_context(home, store), 1, Lsn(SIZE), print)
    assert _handed(home) == {name(1): wal(segment(1))}


def test_where_there_is_nothing_nothing_is_given(tmp_path: Path) -> None:
    _begun(tmp_path)
    assert hand_out(_context(tmp_path), 1, Lsn(SIZE), print).segments == ()


def test_an_archive_that_has_not_begun_says_so(tmp_path: Path) -> None:
    with pytest.raises(RefusedError, match="not begun"):
        hand_out(_context(tmp_path), 1, Lsn(SIZE), print)
