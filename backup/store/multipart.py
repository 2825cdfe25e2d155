"""Multipart uploads: parts that grow, sent by a few threads, with a bound on what is in memory."""

import tempfile
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from typing import IO, Any

from backup.store import MissingError, StoreError
from backup.store.s3_client import Bucket, s3_errors

_LARGEST = 5 << 30
"""Bytes of the largest object that S3 takes in one request."""
_BUDGET = 256 << 20
"""Bytes of parts under way, unless two parts alone are more."""


def part_sizes(bucket: Bucket) -> Iterator[int]:
    """Bytes of each part, first to last.

    S3 takes 10,000 parts of at most 5 GiB. A tenth of them have ``part_size`` bytes, three tenths four times that, the
    rest 16 times: from 16 MiB on that is 1.7 TB. In memory are 80 MiB up to 16 GB, then 320 MiB, then 512 MiB.
    """
    for number in range(bucket.most_parts):
        share = number / bucket.most_parts
        yield bucket.part_size * (1 if bucket.equal_parts or share < 0.1 else 4 if share < 0.4 else 16)


class S3Upload:
    """An object on its way: held back until it is more than one part, then sent part by part.

    Where the store does not keep parts it goes to a temporary file instead, to be sent as one.
    """

    def __init__(
        self, client: Any, bucket: Bucket, key: str, making: Mapping[str, Any], keeps_parts: Callable[[], bool]
    ) -> None:
        self._keeps_parts = keeps_parts
        self._file: IO[bytes] | None = None
        self._client, self._bucket, self._key = client, bucket, key
        self._making = making
        self._sizes = part_sizes(bucket)
        self._wanted = next(self._sizes)
        self._buffer = bytearray()
        self._id = ""
        self.size = self._number = 0
        self._sent: list[Future[dict[str, Any]]] = []
        self._pending: dict[Future[dict[str, Any]], int] = {}
        self._pool = ThreadPoolExecutor(bucket.threads, thread_name_prefix="s3-part")

    def write(self, data: bytes | memoryview) -> None:
        """Append ``data``; waits while too much is under way; raises what a part failed with."""
        view = memoryview(data)
        while len(view):
            if self._file is not None:
                self._spool(view)
                return
            if len(self._buffer) == self._wanted:
                self._send_or_spool()
                continue
            taken = view[: self._wanted - len(self._buffer)]
            self._buffer += taken
            view = view[len(taken) :]

    def _send_or_spool(self) -> None:
        if self._id or self._keeps_parts():
            self._send()
            return
        self._file = tempfile.TemporaryFile()  # noqa: SIM115 - closed by close()
        self._spool(self._buffer)
        self._buffer = bytearray()

    def _spool(self, data: bytearray | memoryview) -> None:
        assert self._file is not None
        self.size += len(data)
        if self.size > _LARGEST:
            raise StoreError(
                f"{self._key} is larger than 5 GiB, and {self._bucket.where} does not keep multipart uploads",
                "use another store",
            )
        self._file.write(data)

    def _send(self) -> None:
        """Hand the buffer over as the next part; there is more to come after it, or it is the last."""
        if not self._id:
            with s3_errors(self._bucket, self._key):
                begun = self._client.create_multipart_upload(
                    Bucket=self._bucket.name, Key=self._bucket.full(self._key), **self._making
                )
            self._id = begun["UploadId"]
        body, self._buffer = self._buffer, bytearray()
        self._number += 1
        self.size += len(body)
        self._wait_for_room(len(body))
        part = self._pool.submit(self._send_part, self._number, body)
        self._pending[part] = len(body)
        self._sent.append(part)
        self._wanted = next(self._sizes, 0)
        if not self._wanted:
            raise StoreError(
                f"{self._key} does not fit into {self._bucket.most_parts} parts ({self.size} bytes sent)",
                "set a larger part size",
            )

    def _wait_for_room(self, size: int) -> None:
        """Let parts finish until this one fits: ``threads`` parts, or the budget, but always one beside the buffer."""
        for part in [part for part in self._pending if part.done()]:
            self._pending.pop(part)
            part.result()
        while self._pending and (
            len(self._pending) >= self._bucket.threads or sum(self._pending.values()) + size > _BUDGET
        ):
            oldest = next(iter(self._pending))
            self._pending.pop(oldest)
            oldest.result()

    def _send_part(self, number: int, body: bytearray) -> dict[str, Any]:
        with s3_errors(self._bucket, self._key):
            sent = self._client.upload_part(
                Bucket=self._bucket.name,
                Key=self._bucket.full(self._key),
                UploadId=self._id,
                PartNumber=number,
                Body=body,
                ContentLength=len(body),
            )
        return {"ETag": sent["ETag"], "PartNumber": number}

    @property
    def single(self) -> bytearray | IO[bytes] | None:
        """The whole object, where nothing of it was sent yet and one request shall do it."""
        return None if self._id else self._file or self._buffer

    def finish(self, condition: Mapping[str, Any]) -> None:
        """Send the last part and make the parts an object.

        Raises:
            AnswerError: refused; an answer that was lost and asked for again looks like that too.
        """
        self._send()
        parts = [part.result() for part in self._sent]
        with s3_errors(self._bucket, self._key):
            self._client.complete_multipart_upload(
                Bucket=self._bucket.name,
                Key=self._bucket.full(self._key),
                UploadId=self._id,
                MultipartUpload={"Parts": parts},
                **condition,
            )
        self._id = ""

    def close(self) -> None:
        """Stop the threads and abort what was not finished. An abort that fails is left to the sweep."""
        self._pool.shutdown(wait=True, cancel_futures=True)
        if self._file is not None:
            self._file.close()
        if not self._id:
            return
        with suppress(StoreError, MissingError), s3_errors(self._bucket, self._key):
            self._client.abort_multipart_upload(
                Bucket=self._bucket.name, Key=self._bucket.full(self._key), UploadId=self._id
            )
