"""Buckets of servers that are not ours, as stores."""

import random
from typing import Any

import pytest

from backup.store import StoreError
from backup.store.s3 import S3Store
from backup.store.s3_client import Bucket
from tests.fix_s3 import MakeBucket
from tests.unit.backup.store.contract import BIG, StoreContract, keys, whole


@pytest.fixture
def store(s3: MakeBucket) -> S3Store:
    return S3Store(s3())


class TestS3Store(StoreContract):
    pass


def test_what_a_server_does_not_honour_is_found_out_and_told(s3: MakeBucket, request: pytest.FixtureRequest) -> None:
    store = S3Store(s3())
    told = store.probe()
    honest = request.node.callspec.params["s3"] == "moto"
    assert (store.conditional, store.multipart, store.ranges) == (honest, honest, honest)
    expected = () if honest else ("conditional writes", "multipart uploads", "ranges")
    assert len(told) == len(expected)
    assert all(words in line for words, line in zip(expected, told, strict=True))


def test_a_store_sees_only_what_is_below_its_prefix(s3: MakeBucket) -> None:
    bucket = s3(prefix="one")
    mine, other = S3Store(bucket), S3Store(_moved(bucket, "one-more"))
    mine.create("a", b"x")
    other.create("b", b"y")
    assert (keys(mine), keys(other), keys(S3Store(_moved(bucket, "")))) == (["a"], ["b"], ["one-more/b", "one/a"])


def _moved(bucket: Bucket, prefix: str) -> Bucket:
    import dataclasses

    return dataclasses.replace(bucket, prefix=prefix)


def test_a_bucket_that_is_not_there_is_not_an_empty_one(s3: MakeBucket) -> None:
    import dataclasses

    store = S3Store(dataclasses.replace(s3(), name="no-such-bucket-anywhere"))
    for ask in (
        lambda: store.get("a"),
        lambda: store.head("a"),
        lambda: whole(store, "a"),
        lambda: keys(store),
        lambda: store.create("a", b""),
        lambda: store.sweep(0),
        store.probe,
    ):
        with pytest.raises(StoreError, match="no-such-bucket-anywhere"):
            ask()


def test_an_endpoint_that_is_not_there_is_said(s3_moto: MakeBucket) -> None:
    import dataclasses

    store = S3Store(dataclasses.replace(s3_moto(), endpoint="http://127.0.0.1:9", timeout=2))
    with pytest.raises(StoreError, match=r"127\.0\.0\.1:9"):
        store.head("a")


def test_a_wrong_secret_is_said(radosgw: str) -> None:
    store = S3Store(Bucket(name="any", endpoint=radosgw, access_key="test-access", secret_key="wrong", attempts=1))
    with pytest.raises(StoreError, match=r"SignatureDoesNotMatch|403|AccessDenied") as error:
        store.probe()
    assert error.value.hint
    assert "wrong" not in str(error.value)


def test_secrets_are_not_shown(s3_moto: MakeBucket) -> None:
    bucket = s3_moto()
    assert "test-secret" not in repr(bucket) + repr(S3Store(bucket))


def test_unfinished_uploads_are_swept(s3_moto: MakeBucket) -> None:
    """Ceph's SQLite store lists none. moto says that all began in 2010."""
    bucket = s3_moto()
    store = S3Store(bucket)
    client: Any = store._client
    client.create_multipart_upload(Bucket=bucket.name, Key=bucket.full("left"))
    client.create_multipart_upload(Bucket=bucket.name, Key="someone/elses")
    assert store.sweep(-60) == 1
    left = client.list_multipart_uploads(Bucket=bucket.name).get("Uploads", [])
    assert [upload["Key"] for upload in left] == ["someone/elses"]


def test_parts_that_do_not_suffice_are_an_error_and_leave_nothing(s3_moto: MakeBucket) -> None:
    store = S3Store(s3_moto(most_parts=2, equal_parts=True))
    with pytest.raises(StoreError, match="does not fit into 2 parts"), store.upload("a") as upload:
        upload.write(BIG)
    assert keys(store) == []
    assert store.sweep(-60) == 0


@pytest.mark.parametrize("more", [-1, 0, 1])
def test_the_size_of_a_part_is_no_edge(s3_moto: MakeBucket, more: int) -> None:
    store = S3Store(s3_moto(part_size=5 << 20))
    body = BIG[: (10 << 20) + more]
    with store.upload("a") as upload:
        upload.write(body)
    assert whole(store, "a") == body


def test_parts_grow(s3_moto: MakeBucket) -> None:
    """With 10 parts at most: one of 5 MiB, three of 20, the rest of 80."""
    store = S3Store(s3_moto(most_parts=10, part_size=5 << 20))
    body = random.Random(2).randbytes(30 << 20)
    with store.upload("a") as upload:
        upload.write(body)
    client: Any = store._client
    answer = client.head_object(Bucket=store.bucket.name, Key=store.bucket.full("a"))
    assert answer["ETag"].strip('"').endswith("-3")
    assert whole(store, "a") == body


def test_encryption_is_asked_for(s3_moto: MakeBucket) -> None:
    store = S3Store(s3_moto(encryption="AES256"))
    store.create("small", b"x")
    with store.upload("big") as upload:
        upload.write(BIG)
    client: Any = store._client
    for key in ("small", "big"):
        answer = client.head_object(Bucket=store.bucket.name, Key=store.bucket.full(key))
        assert answer["ServerSideEncryption"] == "AES256"
