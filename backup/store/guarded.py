"""A store that is used only as long as it is the one it was: never an empty directory where its disk is not mounted."""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager

from backup.store import MOST_DOCUMENT, MOST_WHOLE, MissingError, ProbedStore, Stored, Upload
from backup.store.keys import sha256

_TRUSTED_SECONDS = 30.0
"""So long what was seen of a store holds; a disk does not go while it is in use, a bucket may be emptied."""


class GuardedStore:
    """``inner``, behind ``check``, which gets the SHA-256 of the object ``key`` (None: it is not there).

    ``check`` raises StoreError where it is another store, and says whether it is known to be the right one.
    """

    def __init__(self, inner: ProbedStore, key: str, check: Callable[[str | None], bool]) -> None:
        self.inner, self._key, self._check = inner, key, check
        self.name = inner.name
        self._trusted = float("-inf")

    def __repr__(self) -> str:
        return f"GuardedStore({self.inner!r})"

    def _checked(self) -> ProbedStore:
        """The store behind.

        Raises:
            StoreError: it is not the one it was, or does not answer.
        """
        now = time.monotonic()
        if now - self._trusted > _TRUSTED_SECONDS:
            try:
                found: str | None = sha256(self.inner.get(self._key, MOST_DOCUMENT))
            except MissingError:
                found = None
            if self._check(found):
                self._trusted = now
        return self.inner

    def probe(self) -> tuple[str, ...]:
        """That of the store behind."""
        return self._checked().probe()

    def create(self, key: str, body: bytes, metadata: Mapping[str, str] | None = None) -> bool:
        """See `Store.create`."""
        return self._checked().create(key, body, metadata)

    def replace(self, key: str, body: bytes, metadata: Mapping[str, str] | None = None) -> None:
        """See `Store.replace`."""
        self._checked().replace(key, body, metadata)

    def upload(self, key: str, metadata: Mapping[str, str] | None = None) -> AbstractContextManager[Upload]:
        """See `Store.upload`."""
        return self._checked().upload(key, metadata)

    def get(self, key: str, most: int = MOST_WHOLE) -> bytes:
        """See `Store.get`."""
        return self._checked().get(key, most)

    def read(self, key: str) -> Iterator[bytes]:
        """See `Store.read`."""
        yield from self._checked().read(key)

    def head(self, key: str) -> Stored | None:
        """See `Store.head`."""
        return self._checked().head(key)

    def list(self, prefix: str = "", after: str = "") -> Iterator[Stored]:
        """See `Store.list`."""
        yield from self._checked().list(prefix, after)

    def delete(self, keys: Iterable[str]) -> None:
        """See `Store.delete`."""
        self._checked().delete(keys)

    def sweep(self, older_than: float) -> int:
        """See `Store.sweep`."""
        return self._checked().sweep(older_than)
