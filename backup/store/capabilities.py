"""What a bucket can do, found out by trying, since servers that speak S3 differ and some say yes and do otherwise.

Seen: Ceph's gateway on its SQLite store (20.2.4) ignores ``IfNoneMatch``, answers every read of a multipart upload with
its last part over and over, and asked for a range sends other bytes; each time with success.
"""

import os
import secrets
from contextlib import suppress
from typing import Any

from backup.store import StoreError
from backup.store.s3_client import AnswerError, Bucket, s3_errors

TAKEN = frozenset({412, 304})
"""Answers to a conditional write where the name is taken: the standard's, and an old MinIO's."""
_FORBIDDEN = 403
_UNKNOWN = frozenset({"NotImplemented", "InvalidArgument"})
_PART = 5 << 20
"""The smallest part that S3 takes."""
PROBE = "probe-"
"""What names of objects made on trial begin with."""


def honours_conditions(client: Any, bucket: Bucket) -> bool:
    """Whether the second of two conditional writes to one name is refused."""
    key = f"{PROBE}{secrets.token_hex(8)}"
    try:
        return any(_is_refused(client, bucket, key) for _ in range(2))
    finally:
        _remove(client, bucket, key)


def _is_refused(client: Any, bucket: Bucket, key: str) -> bool:
    try:
        with s3_errors(bucket, key):
            client.put_object(
                Bucket=bucket.name, Key=bucket.full(key), Body=b"probe", IfNoneMatch="*", **bucket.making()
            )
    except AnswerError as error:
        if error.status not in TAKEN and error.code not in _UNKNOWN:
            raise
        return error.status in TAKEN
    return False


def keeps_ranges(client: Any, bucket: Bucket) -> bool:
    """Whether a range of an object is that range."""
    key, body = f"{PROBE}{secrets.token_hex(8)}", os.urandom(5000)
    target = {"Bucket": bucket.name, "Key": bucket.full(key)}
    try:
        with s3_errors(bucket, key):
            client.put_object(**target, Body=body, **bucket.making())
            answer = client.get_object(**target, Range="bytes=3000-3999")
            return bool(answer["Body"].read() == body[3000:4000])
    finally:
        _remove(client, bucket, key)


def keeps_parts(client: Any, bucket: Bucket) -> bool:
    """Whether an object sent in two parts reads as it was sent."""
    key = f"{PROBE}{secrets.token_hex(8)}"
    target = {"Bucket": bucket.name, "Key": bucket.full(key)}
    bodies = [os.urandom(64) + bytes(_PART - 64) for _ in range(2)]
    try:
        with s3_errors(bucket, key):
            upload = {**target, "UploadId": client.create_multipart_upload(**target, **bucket.making())["UploadId"]}
            sent = [client.upload_part(**upload, PartNumber=n, Body=body) for n, body in enumerate(bodies, 1)]
            parts = [{"PartNumber": n, "ETag": part["ETag"]} for n, part in enumerate(sent, 1)]
            client.complete_multipart_upload(**upload, MultipartUpload={"Parts": parts})
            starts = [
                client.get_object(**target, Range=f"bytes={first}-{first + 63}")["Body"].read() for first in (0, _PART)
            ]
        return starts == [body[:64] for body in bodies]
    finally:
        _remove(client, bucket, key)


def lets_delete(client: Any, bucket: Bucket) -> bool:
    """Whether an object that is deleted goes; with versions it is hidden, which is as good."""
    key = f"{PROBE}{secrets.token_hex(8)}"
    target = {"Bucket": bucket.name, "Key": bucket.full(key)}
    with s3_errors(bucket, key):
        client.put_object(**target, Body=b"probe", **bucket.making())
    try:
        with s3_errors(bucket, key):
            client.delete_object(**target)
    except AnswerError as error:
        if error.status != _FORBIDDEN:
            raise
        return False
    return True


def _remove(client: Any, bucket: Bucket, key: str) -> None:
    with suppress(StoreError), s3_errors(bucket, key):
        client.delete_object(Bucket=bucket.name, Key=bucket.full(key))
