"""A store: a flat space of objects with path-like names, on a disk or in a bucket. One protocol, several kinds.

Everything the archive keeps is immutable, so a store has `create`, which never overwrites, and very few things use
`replace`. An object is there whole or not at all.
"""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Protocol

from cluster.errors import MachineError, RefusedError


class StoreError(MachineError):
    """The store cannot be asked or does not answer as it should; trying again later may help."""


class MissingError(RefusedError):
    """There is no such object: the store was asked and said so."""


class ConflictError(RefusedError):
    """Another object has that name and a different content; nothing was overwritten."""


class DamagedError(StoreError):
    """The object is there and is not what was stored: cut short, changed, or not readable with the keys at hand."""


MOST_WHOLE = 17 << 26
"""Bytes of the largest object that is held in memory whole: a segment of 1 GiB that does not compress, and its seal."""
MOST_DOCUMENT = 16 << 20
"""Bytes of a document of ours: a description of a backup with 100,000 tablespaces has less."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """One object: its name, its size in bytes as stored, Unix time of its making, small texts kept beside it."""

    key: str
    size: int
    made: float
    metadata: Mapping[str, str] = field(default_factory=dict)


class Upload(Protocol):
    """An object on its way in; it appears when its `with` block ends well and leaves nothing when it does not."""

    def write(self, data: bytes | memoryview) -> None:
        """Take more of the body. May block: what is held in memory is bounded, whatever the object's size."""


class Store(Protocol):
    """One place. Safe to use from several threads at once."""

    name: str
    """`local` or `s3`; the label of metrics and of lists."""

    def create(self, key: str, body: bytes, metadata: Mapping[str, str] | None = None) -> bool:
        """Make an object. True: made; False: the identical one was there already.

        The store adds `sha256` of the body to the metadata by itself, and checks it in `get`.

        Raises:
            ConflictError: a different one is there.
            StoreError: it cannot be known whether it was made; doing it again is safe.
        """

    def replace(self, key: str, body: bytes, metadata: Mapping[str, str] | None = None) -> None:
        """Make an object or put a new one in its place, atomically; for the few things that change."""

    def upload(self, key: str, metadata: Mapping[str, str] | None = None) -> AbstractContextManager[Upload]:
        """Stream an object of unknown size in; fails with ConflictError where the name is taken."""

    def get(self, key: str, most: int = MOST_WHOLE) -> bytes:
        """A whole object of at most ``most`` bytes.

        Raises:
            MissingError: there is none; the store is sure of it.
            DamagedError: its bytes are not those of its `sha256`, or are more; then they are not read.
            StoreError: it could not be asked, or the answer was cut short.
        """

    def read(self, key: str) -> Iterator[bytes]:
        """The bytes of an object, in order, in pieces of about 1 MiB; errors as `get`, while iterating.

        Each byte is requested once, ahead of the reader and by several requests at once where that pays. No hash of the
        whole is compared.
        """

    def head(self, key: str) -> Stored | None:
        """What is known of an object, or None where there is none."""

    def list(self, prefix: str = "", after: str = "") -> Iterator[Stored]:
        """Every object whose name begins so, sorted by name (metadata left out), however many there are.

        Args:
            prefix: what the name begins with; need not end at a ``/``.
            after: only names that sort after this one (which need not exist).
        """

    def delete(self, keys: Iterable[str]) -> None:
        """Remove objects; one that is not there is no error. Raises StoreError naming those that would not go."""

    def sweep(self, older_than: float) -> int:
        """Remove unfinished uploads under this store that began more than ``older_than`` seconds ago; their number."""


class ProbedStore(Store, Protocol):
    """A store that can be asked, at the start, whether it will do."""

    def probe(self) -> tuple[str, ...]:
        """Try it out; what the user should know about it, one line each.

        Raises:
            StoreError: it cannot be used; says why.
        """


MOST_LISTED = 100_000
"""Objects of one kind, WAL aside, that a list is read to: backups of every hour for eleven years."""
MOST_WAL_LISTED = 5_000_000
"""Segments: 80 TB of the usual size."""


def at_most(listed: Iterable[Stored], most: int, what: str) -> Iterator[Stored]:
    """The same, of a list that has an end.

    Raises:
        DamagedError: there are more than ``most``; nobody of ours put them there.
    """
    for number, stored in enumerate(listed):
        if number == most:
            raise DamagedError(f"there are more than {most} {what} in the store", "look who else writes to it")
        yield stored


def refuse_larger(what: str, size: int, most: int) -> None:
    """Stop before an object fills the memory.

    Raises:
        DamagedError: ``size`` is beyond ``most``.
    """
    if size > most:
        raise DamagedError(f"{what} has {size} bytes; at most {most} can be right")


def read_text(store: Store, key: str) -> str:
    """A document of ours.

    Raises:
        MissingError, StoreError: as `Store.get`.
        DamagedError: it is no text, or larger than any document.
    """
    try:
        return store.get(key, MOST_DOCUMENT).decode()
    except UnicodeDecodeError as error:
        raise DamagedError(f"{key} in store {store.name} is no text: {error}") from None
