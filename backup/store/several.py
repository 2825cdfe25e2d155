"""Several stores as one: everything is written to each, and read from the first that has it.

A write succeeds when every store has taken it: whoever asked for two copies has two. One that fails keeps none of the
others from taking it, and doing it again completes the one that failed, since what is there already is success.
"""

import heapq
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from itertools import groupby
from operator import attrgetter
from typing import TypeVar

from backup.store import MissingError, Place, Stored, StoreError, Upload
from cluster.errors import PodsError

Answer = TypeVar("Answer")


class SeveralUploads:
    """One stream into each of several stores."""

    def __init__(self, uploads: Sequence[Upload]) -> None:
        self._uploads = uploads

    def write(self, data: bytes | memoryview) -> None:
        """Append ``data`` everywhere."""
        for upload in self._uploads:
            upload.write(data)


class SeveralStores:
    """``places`` as one; the first is asked first."""

    def __init__(self, places: Sequence[Place]) -> None:
        self.places = tuple(places)
        self.name = "+".join(place.name for place in self.places)

    def __repr__(self) -> str:
        return f"SeveralStores({', '.join(map(repr, self.places))})"

    def probe(self) -> tuple[str, ...]:
        """All that is to be known of each; fails when one of them does."""
        return tuple(line for told in self._each(lambda place: place.probe()) for line in told)

    def reachable(self, on_failure: Callable[[Place, StoreError], None]) -> "SeveralStores":
        """Those that answer now, for a restore or a backup that must not wait for the others.

        Raises:
            StoreError: none answers.
        """
        answering = []
        for place in self.places:
            try:
                place.probe()
                answering.append(place)
            except StoreError as error:
                on_failure(place, error)
        if not answering:
            raise StoreError(f"none of the stores {self.name} answers", "see the messages above")
        return SeveralStores(answering)

    def create(self, key: str, body: bytes, metadata: Mapping[str, str] | None = None) -> bool:
        """See `Store.create`. True where any store did not have it yet."""
        return any(self._each(lambda place: place.create(key, body, metadata)))

    def replace(self, key: str, body: bytes, metadata: Mapping[str, str] | None = None) -> None:
        """See `Store.replace`."""
        self._each(lambda place: place.replace(key, body, metadata))

    @contextmanager
    def upload(self, key: str, metadata: Mapping[str, str] | None = None) -> Iterator[SeveralUploads]:
        """See `Store.upload`. When one fails, the object is in none of the stores whose turn had not come."""
        with ExitStack() as stack:
            yield SeveralUploads([stack.enter_context(place.upload(key, metadata)) for place in self.places])

    def get(self, key: str) -> bytes:
        """See `Store.get`. One that fails, or whose object is damaged, is passed over while another has it."""
        return self._first(key, lambda place: place.get(key))

    def read(self, key: str, start: int = 0, end: int | None = None) -> Iterator[bytes]:
        """See `Store.read`. When a store fails midway, the next one goes on where it stopped."""
        done = start
        failure: StoreError | None = None
        for place in self.places:
            try:
                for piece in place.read(key, done, end):
                    done += len(piece)
                    yield piece
            except MissingError:
                continue
            except StoreError as error:
                failure = error
            else:
                return
        raise failure or MissingError(f"there is no {key} in {self.name}")

    def head(self, key: str) -> Stored | None:
        """See `Store.head`."""
        try:
            return self._first(key, lambda place: _need(place.head(key), key))
        except MissingError:
            return None

    def list(self, prefix: str = "", after: str = "") -> Iterator[Stored]:
        """See `Store.list`: what any of them has. Fails when one of them does, for it would not be all."""
        merged = heapq.merge(*(place.list(prefix, after) for place in self.places), key=attrgetter("key"))
        for _, alike in groupby(merged, key=attrgetter("key")):
            yield next(alike)

    def delete(self, keys: Iterable[str]) -> None:
        """See `Store.delete`."""
        named = tuple(keys)
        self._each(lambda place: place.delete(named))

    def sweep(self, older_than: float) -> int:
        """See `Store.sweep`."""
        return sum(self._each(lambda place: place.sweep(older_than)))

    def _each(self, do: Callable[[Place], Answer]) -> Sequence[Answer]:
        """Do it in every store, then raise the first failure, if any."""
        answers: list[Answer] = []
        failures: list[PodsError] = []
        for place in self.places:
            try:
                answers.append(do(place))
            except PodsError as error:
                failures.append(error)
        if failures:
            raise failures[0]
        return answers

    def _first(self, key: str, ask: Callable[[Place], Answer]) -> Answer:
        """The first answer. Missing only where every store said so; a store that could not be asked may have it."""
        failure: StoreError | None = None
        for place in self.places:
            try:
                return ask(place)
            except MissingError:
                continue
            except StoreError as error:
                failure = failure or error
        raise failure or MissingError(f"there is no {key} in {self.name}")


def _need(found: Stored | None, key: str) -> Stored:
    if found is None:
        raise MissingError(f"there is no {key}")
    return found
