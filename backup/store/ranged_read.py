"""Reading a range of an S3 object: in order, by several threads ahead of the reader, resumed where an answer breaks."""

from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from typing import Any

from backup.store import MissingError, StoreError
from backup.store.s3_client import Bucket, told

PIECE = 1 << 20
_STRETCH = 8 << 20
"""Bytes of one request; in memory are at most ``threads`` + 1 of them."""
_TRIES = 5


def read_range(client: Any, bucket: Bucket, key: str, start: int, stop: int) -> Iterator[bytes]:
    """The bytes from ``start`` to before ``stop``, which the object must have, in pieces of at most 1 MiB."""
    stretches = iter([(first, min(first + _STRETCH, stop)) for first in range(start, stop, _STRETCH)])
    under_way: deque[Future[bytearray]] = deque()
    pool = ThreadPoolExecutor(bucket.threads, thread_name_prefix="s3-read")
    try:
        for first, last in stretches:
            under_way.append(pool.submit(_fetch, client, bucket, key, first, last))
            if len(under_way) == bucket.threads:
                yield from _pieces(under_way.popleft().result())
        while under_way:
            yield from _pieces(under_way.popleft().result())
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def read_through(client: Any, bucket: Bucket, key: str, start: int, stop: int) -> Iterator[bytes]:
    """The same from a server that does not keep to ranges: all of the object up to ``stop``, less what is before."""
    at = 0
    with told(bucket, key):
        body = client.get_object(Bucket=bucket.name, Key=bucket.full(key))["Body"]
    with closing(body):
        while at < stop:
            with told(bucket, key):
                piece = body.read(min(PIECE, stop - at))
            if not piece:
                raise StoreError(f"{key} in {bucket.where} came cut short: {at} bytes of {stop}", "try again")
            if at + len(piece) > start:
                yield piece[max(0, start - at) :]
            at += len(piece)


def _pieces(body: bytearray) -> Iterator[bytes]:
    view = memoryview(body)
    for first in range(0, len(view), PIECE):
        yield bytes(view[first : first + PIECE])


def _fetch(client: Any, bucket: Bucket, key: str, start: int, stop: int) -> bytearray:
    """Exactly the bytes from ``start`` to before ``stop``: what an answer lacks is asked for again."""
    body = bytearray()
    for attempt in range(_TRIES):
        try:
            with told(bucket, key):
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
    told_range = str(answer.get("ContentRange", "")).split("/")[0]
    if told_range != f"bytes {start}-{stop - 1}":
        raise StoreError(f"{key} in {bucket.where}: asked for bytes {start}-{stop - 1}, was sent {told_range or 'all'}")
    for piece in answer["Body"].iter_chunks(PIECE):
        body += piece
