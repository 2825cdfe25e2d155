"""From what the user asked for to a store: a directory, a bucket, both; sealed where there is a key file."""

from collections.abc import Iterator
from pathlib import Path

from backup.store import Place
from backup.store.bucket import Bucket
from cluster.errors import UsageError


def open_store(directory: Path | None, bucket: Bucket | None, key_file: Path | None = None) -> Place:
    """The store that is configured; `probe` it before use.

    Args:
        directory: of a local store; it must exist.
        bucket: of an S3 store.
        key_file: seals everything in each of them (`backup.store.sealing.load_keys`).

    Raises:
        UsageError: neither is named, or the key file is no good.
    """
    places = list(_places(directory, bucket))
    if not places:
        raise UsageError("there is no place for backups", "name a directory, or AWS_S3_BUCKET")
    if key_file is not None:
        from backup.store.sealed import SealedStore
        from backup.store.sealing import load_keys

        keys = load_keys(key_file)
        places = [SealedStore(place, keys) for place in places]
    if len(places) == 1:
        return places[0]
    from backup.store.several import SeveralStores

    return SeveralStores(places)


def _places(directory: Path | None, bucket: Bucket | None) -> Iterator[Place]:
    if directory is not None:
        from backup.store.local import LocalStore

        yield LocalStore(directory)
    if bucket is not None:
        from backup.store.s3 import S3Store

        yield S3Store(bucket)
