"""A bucket, and one with everything sealed: the same backups, verified and restored from there."""

from collections.abc import Iterator

import pytest

from backup.base import BackupOptions, take
from backup.catalog import read_catalog
from backup.restore import Plan, RecoveryTarget, plan, restore
from backup.restore.pg_programs import PgPrograms
from backup.restore.wal_coverage import Run, WalCoverage
from backup.store import Store
from backup.store.encrypted import SealedStore
from backup.store.encryption import EncryptionKey
from backup.store.s3 import S3Store
from backup.verify import verify
from cluster.postgres.lsn import Lsn
from tests.fix_images import image
from tests.fix_postgres import box
from tests.fix_s3 import MakeBucket
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
    store: Store = SealedStore(bucket, [EncryptionKey(b"k" * 32)]) if sealed else bucket
    site = here.site(stores=[store])
    take(site, BackupOptions())
    here.server.sql(
        "UPDATE large SET note = note || 'x' WHERE id % 7 = 0", f"INSERT INTO ledger VALUES ({sealed:d}, '')"
    )
    take(site, BackupOptions(kind="incremental", trusted_since=0))
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
            PgPrograms(here.box.bin),
        )
    )
    assert hashes(server) == hashes(here.server)
    here.stop(server)


def to_the_end(store: Store, here: World) -> Plan:
    """Its WAL is beside, in the server's own archive."""
    whole = WalCoverage(wal_segment_size=16 << 20, runs={1: [Run(Lsn(0), Lsn(1 << 40), 0.0)]}, histories={})
    return plan(read_catalog(store, here.system), whole, RecoveryTarget(), trusted_since=0)
