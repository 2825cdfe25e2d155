"""Retention as it is done, in stores that do not let everything go; and what a survey remembers."""

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import pytest

from backup.catalog import read_catalog, write
from backup.layout import tail_key, wal_key
from backup.service.context import ServiceContext
from backup.service.inventory import survey
from backup.service.prune import prune
from backup.store import Store, StoreError
from backup.store.local import LocalStore
from backup.wal.identity import ArchiveIdentity, claim
from cluster.config.mounted import ClusterConfig
from cluster.errors import MachineError
from cluster.topology import Topology
from tests.fix_settings import SIZING, settings_of
from tests.unit.backup.samples import SEGMENT, SYSTEM, a_backup, an_increment, segments
from tests.unit.backup.store.contract import keys

OLD, ON_OLD, NEW = a_backup(1), an_increment(2, a_backup(1)), a_backup(20)


class Locked(LocalStore):
    """A store that keeps what has one of some words in its name, as a lock does what is young."""

    kept: tuple[str, ...] = ()

    def delete(self, keys: Iterable[str]) -> None:
        named = list(keys)
        super().delete([key for key in named if not any(word in key for word in self.kept)])
        if refused := [key for key in named if any(word in key for word in self.kept)]:
            raise StoreError(f"{len(refused)} objects would not go: AccessDenied", "let the key delete")


def filled(root: Path, name: str) -> Locked:
    """Two old backups, a new one, and the WAL of all."""
    root.mkdir()
    store = Locked(root, name)
    claim(store, ArchiveIdentity(system_identifier=SYSTEM, wal_segment_size=SEGMENT))
    for backup in (OLD, ON_OLD, NEW):
        write(store, backup)
        for segment in backup.segments:
            store.create(wal_key(SYSTEM, segment), b"")
    return store


@pytest.fixture
def context(tmp_path: Path) -> ServiceContext:
    settings = settings_of(
        backup_retention_days="0", backup_retention_count="1", backup_stores="local,s3", s3_bucket="b"
    )
    topology = replace(Topology.first(settings, SIZING), system_identifier=SYSTEM)
    for name in ("home", "state"):
        (tmp_path / name).mkdir()
    return ServiceContext(
        inside=ClusterConfig(settings=settings, topology=topology),
        stores=(filled(tmp_path / "local", "local"), filled(tmp_path / "s3", "s3")),
        home=tmp_path / "home",
        state=tmp_path / "state",
    )


def names(store: Store) -> list[str]:
    return [backup.name for backup in read_catalog(store, SYSTEM)]


def locked(context: ServiceContext, *kept: str) -> LocalStore:
    store = context.stores[0]
    assert isinstance(store, Locked)
    store.kept = kept
    return store


def test_what_is_old_goes_with_its_wal(context: ServiceContext) -> None:
    prune(context, lambda _: None, dry_run=False)
    for store in context.stores:
        assert names(store) == [NEW.name]
        assert [key for key in keys(store) if "/wal/" in key] == [wal_key(SYSTEM, each) for each in NEW.segments]


def test_a_backup_that_would_not_go_keeps_its_wal_and_holds_up_neither_the_rest_nor_another_store(
    context: ServiceContext,
) -> None:
    store = locked(context, ON_OLD.name)
    with pytest.raises(MachineError, match=r"local keeps what retention does not: .*AccessDenied") as error:
        prune(context, lambda _: None, dry_run=False)
    assert error.value.hint == "let the key delete"
    assert names(store) == [OLD.name, ON_OLD.name, NEW.name]
    for backup in (OLD, ON_OLD, NEW):
        assert all(store.head(wal_key(SYSTEM, each)) for each in backup.segments)
    assert names(context.stores[1]) == [NEW.name]
    locked(context)
    prune(context, lambda _: None, dry_run=False)
    assert names(store) == [NEW.name]


def test_pieces_of_segments_that_are_whole_go_with_the_next_prune(context: ServiceContext) -> None:
    store = locked(context)
    whole, unfinished = NEW.segments[0], segments(1, 250, 250)[0]
    for segment in (whole, unfinished):
        store.create(tail_key(SYSTEM, segment, 0, 100), b"")
    prune(context, lambda _: None, dry_run=False)
    assert [key for key in keys(store) if ".tail/" in key] == [tail_key(SYSTEM, unfinished, 0, 100)]


def test_the_last_backup_is_the_newest_in_the_stores_whoever_took_it(context: ServiceContext) -> None:
    """After a rebuild the service remembers none, and the stores have some."""
    survey(context)
    found = context.status_file.read()
    assert (found.last_backup, found.last_success) == (NEW.name, NEW.stopped)
    assert found.stores["local"].address == "local data/backups"


def test_a_last_backup_that_is_gone_is_the_last_no_more_unless_a_store_cannot_be_read(context: ServiceContext) -> None:
    context.status_file.change(lambda status: replace(status, last_backup="another", last_success=NEW.stopped + 5))
    (context.stores[1].root / SYSTEM / "backups").rename(context.home / "backups")  # type: ignore[attr-defined]
    (context.stores[1].root).rename(context.home / "away")  # type: ignore[attr-defined]
    survey(context)
    found = context.status_file.read()
    assert found.last_backup == "another"
    assert "does not exist" in found.stores["s3"].error
    (context.home / "away").rename(context.stores[1].root)  # type: ignore[attr-defined]
    survey(context)
    assert context.status_file.read().last_backup == NEW.name
    for store in context.stores:
        store.delete([key for key in keys(store) if "/backups/" in key])
    survey(context)
    assert context.status_file.read().last_backup is None


def test_what_is_remembered_of_a_store_ends_with_its_address(context: ServiceContext) -> None:
    survey(context)
    moved = replace(context.inside, settings=replace(context.inside.settings, backup_directory="/mnt/other"))
    (context.stores[0].root / SYSTEM / "archive.json").write_text("{")  # type: ignore[attr-defined]
    survey(replace(context, inside=moved))
    found = context.status_file.read().stores["local"]
    assert (found.address, found.last_started) == ("local /mnt/other", None)
    assert found.error
