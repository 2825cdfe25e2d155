"""Reading an S3 object: in order, by ranges that several threads fetch ahead, resumed where an answer breaks."""

from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from typing import Any

from backup.store import MissingError, StoreError
from backup.store.s3_client import Bucket, s3_errors

PIECE = 1 << 20
_RANGE = 8 << 20
"""Bytes of one request; in memory are at most ``threads`` + 1 of them."""
_TRIES = 5


def read_by_ranges(client: Any, bucket: Bucket, key: str, size: int) -> Iterator[bytes]:
    """An object of ``size`` bytes, in pieces of at most 1 MiB."""
    pending: deque[Future[bytearray]] = deque()
    pool = ThreadPoolExecutor(bucket.threads, thread_name_prefix="s3-read")
    try:
        for start in range(0, size, _RANGE):
            pending.append(pool.submit(_fetch, client, bucket, key, start, min(start + _RANGE, size)))
            if len(pending) == bucket.threads:
                yield from _pieces(pending.popleft().result())
        while pending:
            yield from _pieces(pending.popleft().result())
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def read_whole(client: Any, bucket: Bucket, key: str, size: int) -> Iterator[bytes]:
    """The same by one request: a small object, or one of a server that does not keep to ranges."""
    received = 0
    with s3_errors(bucket, key):
        body = client.get_object(Bucket=bucket.name, Key=bucket.full(key))["Body"]
    with closing(body):
        while received < size:
            with s3_errors(bucket, key):
                piece = body.read(min(PIECE, size - received))
            if not piece:
                raise StoreError(f"{key} in {bucket.where} came cut short: {received} bytes of {size}", "try again")
            received += len(piece)
            yield piece


def _pieces(body: bytearray) -> Iterator[bytes]:
    view = memoryview(body)
    for first in range(0, len(view), PIECE):
        yield bytes(view[first : first + PIECE])


def _fetch(client: Any, bucket: Bucket, key: str, start: int, stop: int) -> bytearray:
    """Exactly the bytes from ``start`` to before ``stop``: what an answer lacks is requested again."""
    body = bytearray()
    for attempt in range(_TRIES):
        try:
            with s3_errors(bucket, key):
                _append(client, bucket, key, start + len(body), stop, body)
        except MissingError:
            raise
        except StoreError:
            if attempt == _TRIES - 1:
                raise
        if len(body) == stop - start:
            return body
    raise StoreError(f"{key} in {bucket.where} came cut short: {len(body)} bytes of {stop - start}", "try again")


def _append(client: Any, bucket: Bucket, key: str, start: int, stop: int, body: bytearray) -> None:
    answer: Any = client.get_object(Bucket=bucket.name, Key=bucket.full(key), Range=f"bytes={start}-{stop - 1}")
    answered = str(answer.get("ContentRange", "")).split("/")[0]
    if answered != f"bytes {start}-{stop - 1}":
        raise StoreError(f"{key} in {bucket.where}: asked for bytes {start}-{stop - 1}, was sent {answered or 'all'}")
    for piece in answer["Body"].iter_chunks(PIECE):
        body += piece
