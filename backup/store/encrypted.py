"""A store that encrypts on our side, in front of another: what is stored tells its name and about its size, no more.

Sizes are those of the contents. The format is that of `backup.store.encryption`.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace as changed

from backup.store import MOST_WHOLE, ConflictError, ProbedStore, Stored, Upload, refuse_larger
from backup.store.encryption import CHUNK, HEADER, TAG, EncryptionKey, ObjectCipher, opened_size
from backup.store.keys import SHA256


class SealedUpload:
    """Seals what is written, chunk by chunk. One chunk is held back, since the last one is sealed as such."""

    def __init__(self, upload: Upload, seal: ObjectCipher) -> None:
        self._upload, self._seal = upload, seal
        self._buffer = bytearray()
        self._number = 0
        upload.write(seal.header)

    def write(self, data: bytes | memoryview) -> None:
        """Append ``data``."""
        view = memoryview(data)
        while len(view):
            if len(self._buffer) == self._seal.chunk:
                self._send(last=False)
            taken = view[: self._seal.chunk - len(self._buffer)]
            self._buffer += taken
            view = view[len(taken) :]

    def _send(self, *, last: bool) -> None:
        self._upload.write(self._seal.seal(self._number, self._buffer, last=last))
        self._number += 1
        self._buffer = bytearray()

    def finish(self) -> None:
        """Seal the last chunk, which may be empty."""
        self._send(last=True)


class _Collected:
    """An upload into memory."""

    def __init__(self) -> None:
        self.body = bytearray()

    def write(self, data: bytes | memoryview) -> None:
        """Append ``data``."""
        self.body += data


class SealedStore:
    """``inner`` with everything sealed by the first of ``keys``; the others open what was sealed before."""

    def __init__(self, inner: ProbedStore, keys: Sequence[EncryptionKey], chunk: int = CHUNK) -> None:
        self.inner, self.keys, self.chunk = inner, keys, chunk
        self.name = inner.name

    def __repr__(self) -> str:
        return f"SealedStore({self.inner!r})"

    def probe(self) -> tuple[str, ...]:
        """That of the store behind."""
        return self.inner.probe()

    def create(self, key: str, body: bytes, metadata: Mapping[str, str] | None = None) -> bool:
        """See `Store.create`. No two sealed objects are alike, so an existing one is opened and compared."""
        try:
            return self.inner.create(key, self._seal(key, body), _fit(metadata))
        except ConflictError:
            if self.get(key) != body:
                raise
            return False

    def replace(self, key: str, body: bytes, metadata: Mapping[str, str] | None = None) -> None:
        """See `Store.replace`."""
        self.inner.replace(key, self._seal(key, body), _fit(metadata))

    def _seal(self, key: str, body: bytes) -> bytes:
        collected = _Collected()
        sealing = SealedUpload(collected, ObjectCipher.new(self.keys, key, self.chunk))
        sealing.write(body)
        sealing.finish()
        return bytes(collected.body)

    @contextmanager
    def upload(self, key: str, metadata: Mapping[str, str] | None = None) -> Iterator[SealedUpload]:
        """See `Store.upload`."""
        with self.inner.upload(key, _fit(metadata)) as upload:
            sealing = SealedUpload(upload, ObjectCipher.new(self.keys, key, self.chunk))
            yield sealing
            sealing.finish()

    def get(self, key: str, most: int = MOST_WHOLE) -> bytes:
        """See `Store.get`."""
        body = memoryview(self.inner.get(key, most + most // 16 + (1 << 16)))
        seal = ObjectCipher.of(bytes(body[:HEADER]), self.keys, key)
        refuse_larger(key, opened_size(len(body), seal.chunk), most)
        step = seal.chunk + TAG
        chunks = range(HEADER, max(len(body), HEADER + 1), step)
        opened = (
            seal.open(number, body[first : first + step], last=first == chunks[-1], name=key)
            for number, first in enumerate(chunks)
        )
        return b"".join(opened)

    def read(self, key: str) -> Iterator[bytes]:
        """See `Store.read`. Header and chunks come of one reading of what is stored."""
        stored = _Stored(self.inner.read(key))
        seal = ObjectCipher.of(stored.take(HEADER), self.keys, key)
        for number, (chunk, last) in enumerate(stored.chunks(seal.chunk + TAG)):
            if opened := seal.open(number, chunk, last=last, name=key):
                yield opened

    def head(self, key: str) -> Stored | None:
        """See `Store.head`."""
        found = self.inner.head(key)
        return None if found is None else changed(found, size=opened_size(found.size, self.chunk))

    def list(self, prefix: str = "", after: str = "") -> Iterator[Stored]:
        """See `Store.list`."""
        for stored in self.inner.list(prefix, after):
            yield changed(stored, size=opened_size(stored.size, self.chunk))

    def delete(self, keys: Iterable[str]) -> None:
        """See `Store.delete`."""
        self.inner.delete(keys)

    def sweep(self, older_than: float) -> int:
        """See `Store.sweep`."""
        return self.inner.sweep(older_than)


def _fit(metadata: Mapping[str, str] | None) -> dict[str, str]:
    """Metadata is not sealed; a hash of the contents would tell whether they are known ones."""
    return {name: value for name, value in (metadata or {}).items() if name != SHA256}


class _Stored:
    """Pieces of any size, taken in any other."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces = pieces
        self._buffer = bytearray()

    def take(self, size: int) -> bytes:
        """``size`` bytes; fewer only at the end."""
        while len(self._buffer) < size and (piece := next(self._pieces, b"")):
            self._buffer += piece
        with memoryview(self._buffer) as all_of_it, all_of_it[:size] as part:
            taken = bytes(part)
        del self._buffer[: len(taken)]
        return taken

    def chunks(self, size: int) -> Iterator[tuple[bytes, bool]]:
        """All that is left in chunks of ``size``, and whether each is the last; that may be shorter, or empty."""
        chunk = self.take(size)
        while following := self.take(size):
            yield chunk, False
            chunk = following
        yield chunk, True
