"""A bucket, and one with everything sealed: the same backups, verified and restored from there."""

from collections.abc import Iterator

import pytest

from backup.base import Options, take
from backup.catalog import read_catalog
from backup.restore import Plan, Target, plan, restore
from backup.restore.archive import Archive, Run
from backup.restore.programs import Programs
from backup.store import Store
from backup.store.s3 import S3Store
from backup.store.sealed import SealedStore
from backup.store.sealing import Key
from backup.verify import verify
from cluster.lsn import Lsn
from tests.fix_images import image
from tests.fix_s3 import MakeBucket
from tests.integration.backup.base_server import box
from tests.integration.backup.base_world import World, fill, hashes, world


@pytest.fixture(scope="module")
def here(engine: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    tmp = tmp_path_factory.mktemp("s3")
    with box(tmp / "box", image()) as made:
        found = world(made, tmp)
        fill(found.server, made.directory("aside"))
        yield found


@pytest.mark.parametrize("sealed", [False, True])
def test_a_chain_in_a_bucket_is_verified_and_restored(here: World, s3_moto: MakeBucket, sealed: bool) -> None:
    bucket = S3Store(s3_moto())
    store: Store = SealedStore(bucket, [Key(b"k" * 32)]) if sealed else bucket
    site = here.site(stores=[store])
    take(site, Options())
    here.server.sql(
        "UPDATE large SET note = note || 'x' WHERE id % 7 = 0", f"INSERT INTO ledger VALUES ({sealed:d}, '')"
    )
    take(site, Options(kind="incremental", trusted_since=0))
    here.flush()

    catalog = read_catalog(store, here.system)
    assert [backup.kind for backup in catalog] == ["full", "incremental"]
    assert [verify(store, backup, here.told.append).problems for backup in catalog] == [[], []]
    server = here.revive(
        restore(
            to_the_end(store, here),
            store,
            here.box.path / f"restored-{sealed:d}",
            here.recovery(),
            here.told.append,
            Programs(here.box.bin),
        )
    )
    assert hashes(server) == hashes(here.server)
    here.stop(server)


def to_the_end(store: Store, here: World) -> Plan:
    """Its WAL is beside, in the server's own archive."""
    whole = Archive(wal_segment_size=16 << 20, runs={1: [Run(Lsn(0), Lsn(1 << 40), 0.0)]}, histories={})
    return plan(read_catalog(store, here.system), whole, Target(), trusted_since=0)
