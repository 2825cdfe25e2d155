"""A store in a bucket: S3 itself, or what speaks its protocol."""

import secrets
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from typing import IO, Any

from backup.store import MOST_WHOLE, ConflictError, DamagedError, MissingError, Stored, StoreError, refuse_larger
from backup.store.capabilities import PROBE, TAKEN, honours_conditions, keeps_parts, keeps_ranges, lets_delete
from backup.store.keys import SHA256, check_key, is_key, sha256
from backup.store.multipart import S3Upload
from backup.store.ranged_read import PIECE, read_by_ranges, read_whole
from backup.store.s3_client import AnswerError, Bucket, open_client, s3_errors

_RACE = 409
"""ConditionalRequestConflict: another request on the same name was under way; ask again."""
_BATCH = 1000
_NO_BATCHES = frozenset({"NotImplemented", "MissingContentMD5", "InvalidRequest", "InvalidDigest", "BadDigest"})
"""Answers of stores that cannot delete many at once, or want an MD5 that boto3 no longer sends."""
_KEPT = "let the key delete objects; what a lock keeps goes when that has ended"
_UPLOAD = "upload"
"""Metadata that tells our own multipart upload from another's, where an answer was lost and the request repeated."""


class S3Store:
    """Objects in a bucket, all below one prefix."""

    def __init__(self, bucket: Bucket, name: str = "s3") -> None:
        self.bucket = bucket
        self.name = name
        self._client = open_client(bucket)
        self._named = {"Bucket": bucket.name}
        self._lock = threading.Lock()
        self._found_out: dict[str, bool] = {}

    def __repr__(self) -> str:
        return f"S3Store({self.bucket.where}, {self.bucket.folder!r})"

    def probe(self) -> tuple[str, ...]:
        """Try out what the server honours. Each trial is made once, here or before the first write that needs it."""
        limits = []
        if not self.conditional:
            limits.append("does not honour conditional writes: two archives must not write into it at once")
        if not self.multipart:
            limits.append("does not keep multipart uploads: large objects go through a temporary file, up to 5 GiB")
        if not self.ranges:
            limits.append("does not keep to ranges: an object is read by one request, never resumed")
        if not self.deletes:
            limits.append("does not delete what it is asked to: retention frees nothing as long as that is so")
        return tuple(f"{self.bucket.where} {line}" for line in limits)

    @property
    def conditional(self) -> bool:
        """Whether the server refuses a conditional write where the name is taken; else we look first, and may race."""
        return self._try_once("conditional", honours_conditions)

    @property
    def multipart(self) -> bool:
        """Whether what is sent in parts reads as it was sent."""
        return self._try_once("multipart", keeps_parts)

    @property
    def ranges(self) -> bool:
        """Whether a range is that range."""
        return self._try_once("ranges", keeps_ranges)

    @property
    def deletes(self) -> bool:
        """Whether an object goes when it is deleted."""
        return self._try_once("deletes", lets_delete)

    def _try_once(self, what: str, trial: Callable[[Any, Bucket], bool]) -> bool:
        with self._lock:
            if what not in self._found_out:
                self._found_out[what] = trial(self._client, self.bucket)
            return self._found_out[what]

    def create(self, key: str, body: bytes, metadata: Mapping[str, str] | None = None) -> bool:
        """See `Store.create`. Existing objects are compared by size and SHA-256, or whole where there is none."""
        digest = sha256(body)
        if self._put_new(check_key(key), body, metadata or {}) is not None:
            return True
        found = self.head(key)
        if found is None:
            raise StoreError(f"{key} in {self.bucket.where} is there and then is not", "try again")
        same = found.metadata.get(SHA256) == digest if SHA256 in found.metadata else self.get(key) == body
        if found.size != len(body) or not same:
            raise _conflict(key)
        return False

    def _put_new(self, key: str, body: bytes | bytearray | IO[bytes], metadata: Mapping[str, str]) -> str | None:
        """Make an object; its ETag, or None where the name is taken."""
        if not self.conditional and self.head(key) is not None:
            return None
        condition = {"IfNoneMatch": "*"} if self.conditional else {}
        if isinstance(body, bytes | bytearray):
            metadata = {**metadata, SHA256: sha256(body)}
        for attempt in range(8):
            try:
                return self._put(key, body, metadata, **condition)
            except AnswerError as error:
                if condition and error.status in TAKEN:
                    return None
                if error.status != _RACE or attempt == 7:
                    raise
                time.sleep(0.05 * 2**attempt)
        raise AssertionError("the loop returns or raises")

    def _put(self, key: str, body: bytes | bytearray | IO[bytes], metadata: Mapping[str, str], **condition: Any) -> str:
        if not isinstance(body, bytes | bytearray):
            body.seek(0)
        with s3_errors(self.bucket, key):
            made = self._client.put_object(
                Key=self.bucket.full(key), Body=body, Metadata=metadata, **condition, **self._making()
            )
        return str(made.get("ETag", ""))

    def _making(self) -> dict[str, Any]:
        return {**self._named, **self.bucket.making()}

    def replace(self, key: str, body: bytes, metadata: Mapping[str, str] | None = None) -> None:
        """See `Store.replace`."""
        self._put(check_key(key), body, {**(metadata or {}), SHA256: sha256(body)})

    @contextmanager
    def upload(self, key: str, metadata: Mapping[str, str] | None = None) -> Iterator[S3Upload]:
        """See `Store.upload`. What fits into one part is one request."""
        if self.head(key) is not None:
            raise _conflict(key)
        marked = {**(metadata or {}), _UPLOAD: secrets.token_hex(8)}
        making = {"Metadata": marked, **self.bucket.making()}
        upload = S3Upload(self._client, self.bucket, key, making, lambda: self.multipart)
        try:
            yield upload
            if (body := upload.single) is None:
                self._finish(upload, key, marked[_UPLOAD])
            elif self._put_new(key, body, metadata or {}) is None:
                raise _conflict(key)
        finally:
            upload.close()

    def _finish(self, upload: S3Upload, key: str, mark: str) -> None:
        """Complete a multipart upload, then look whether it is there and whole, for the answer may have been lost."""
        if not self.conditional and self.head(key) is not None:
            raise _conflict(key)
        refused: StoreError | None = None
        try:
            upload.finish({"IfNoneMatch": "*"} if self.conditional else {})
        except StoreError as error:
            refused = error
        found = self.head(key)
        if found is not None and found.metadata.get(_UPLOAD) != mark:
            raise _conflict(key)
        if found is None or found.size != upload.size:
            raise refused or StoreError(f"{key} in {self.bucket.where} was acknowledged and is not whole", "try again")

    def get(self, key: str, most: int = MOST_WHOLE) -> bytes:
        """See `Store.get`."""
        with s3_errors(self.bucket, check_key(key)):
            answer = self._client.get_object(Key=self.bucket.full(key), **self._named)
            with closing(answer["Body"]) as sent:
                refuse_larger(f"{key} in {self.bucket.where}", answer.get("ContentLength", 0), most)
                body: bytes = sent.read(most + 1)
        refuse_larger(f"{key} in {self.bucket.where}", len(body), most)
        if len(body) != answer.get("ContentLength", len(body)):
            raise StoreError(f"{key} in {self.bucket.where} came cut short: {len(body)} bytes")
        expected = answer.get("Metadata", {}).get(SHA256)
        if expected and sha256(body) != expected:
            raise DamagedError(
                f"{key} in {self.bucket.where} is damaged: its SHA-256 is not the one it was stored with"
            )
        return body

    def read(self, key: str) -> Iterator[bytes]:
        """See `Store.read`: one HEAD, then ranges of it, or a GET of the whole where there is but a piece of it."""
        found = self.head(key)
        if found is None:
            raise MissingError(f"there is no {key} in {self.bucket.where}")
        fetch = read_by_ranges if found.size > PIECE and self.ranges else read_whole
        yield from fetch(self._client, self.bucket, key, found.size)

    def head(self, key: str) -> Stored | None:
        """See `Store.head`. An empty 404 may mean that the bucket is not there, so a list must confirm it."""
        try:
            with s3_errors(self.bucket, check_key(key)):
                found = self._client.head_object(Key=self.bucket.full(key), **self._named)
        except MissingError:
            return None
        except AnswerError as error:
            if error.status != 404:
                raise
            if any(stored.key == key for stored in self._list_page(key)):
                raise StoreError(f"{key} in {self.bucket.where} is listed and cannot be read", "try again") from None
            return None
        made = found["LastModified"].timestamp()
        return Stored(key=key, size=found["ContentLength"], made=made, metadata=found["Metadata"])

    def _list_page(self, key: str) -> Sequence[Stored]:
        with s3_errors(self.bucket, ""):
            answer = self._client.list_objects_v2(Prefix=self.bucket.full(key), MaxKeys=2, Bucket=self.bucket.name)
        return [self._stored(found) for found in answer.get("Contents", [])]

    def list(self, prefix: str = "", after: str = "") -> Iterator[Stored]:
        """See `Store.list`."""
        since: dict[str, Any] = {"StartAfter": self.bucket.full(after)} if after else {}
        with s3_errors(self.bucket, ""):
            pages = self._client.get_paginator("list_objects_v2").paginate(
                Bucket=self.bucket.name, Prefix=self.bucket.full(prefix), **since
            )
            for page in pages:
                found = map(self._stored, page.get("Contents", []))
                # Ceph's SQLite store lists the name to start after as well, and unfinished uploads under odd names.
                yield from (stored for stored in found if stored.key > after and is_key(stored.key))

    def _stored(self, found: Any) -> Stored:
        key = found["Key"].removeprefix(self.bucket.folder)
        return Stored(key=key, size=found["Size"], made=found["LastModified"].timestamp())

    def delete(self, keys: Iterable[str]) -> None:
        """See `Store.delete`. A request that names many objects succeeds as such and tells of each that would not."""
        named = [check_key(key) for key in keys]
        for first in range(0, len(named), _BATCH):
            errors = self._delete_batch(named[first : first + _BATCH])
            if errors:
                each = ", ".join(errors[:5])
                raise StoreError(f"{len(errors)} objects in {self.bucket.where} would not go: {each}", _KEPT)

    def _delete_batch(self, keys: Sequence[str]) -> Sequence[str]:
        """What would not go, and why."""
        objects = [{"Key": self.bucket.full(key)} for key in keys]
        try:
            with s3_errors(self.bucket, keys[0]):
                answer = self._client.delete_objects(Delete={"Objects": objects, "Quiet": True}, **self._named)
        except AnswerError as error:
            if error.code not in _NO_BATCHES:
                raise
            return self._delete_singly(keys)
        errors = [error for error in answer.get("Errors", []) if error.get("Code") != "NoSuchKey"]
        return [f"{error.get('Key')}: {error.get('Code')} {error.get('Message', '')}".strip() for error in errors]

    def _delete_singly(self, keys: Sequence[str]) -> Sequence[str]:
        refused = []
        for key in keys:
            try:
                with s3_errors(self.bucket, key):
                    self._client.delete_object(Key=self.bucket.full(key), **self._named)
            except AnswerError as error:
                refused.append(f"{key}: {error.code or error.status}")
        return refused

    def sweep(self, older_than: float) -> int:
        """See `Store.sweep`: unfinished multipart uploads, which no list of objects shows and which are billed."""
        old = time.time() - older_than
        swept = 0
        with s3_errors(self.bucket, "multipart uploads"):
            for page in self._client.get_paginator("list_multipart_uploads").paginate(
                Bucket=self.bucket.name, Prefix=self.bucket.folder
            ):
                for found in page.get("Uploads", []):
                    if found["Initiated"].timestamp() < old:
                        self._client.abort_multipart_upload(
                            Bucket=self.bucket.name, Key=found["Key"], UploadId=found["UploadId"]
                        )
                        swept += 1
        return swept + self._sweep_probes(old)

    def _sweep_probes(self, old: float) -> int:
        """Those that could not be deleted at once, because of a lock."""
        left = [stored.key for stored in self.list(PROBE) if stored.made < old]
        self.delete(left)
        return len(left)


def _conflict(key: str) -> ConflictError:
    return ConflictError(f"{key} is there already with another content", "nothing was overwritten")
