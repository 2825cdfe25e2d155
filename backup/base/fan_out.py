"""One stream into several stores at once.

A store that fails is given up and the others go on: a backup in one place is better than none in two. Whoever asked is
told which failed; only when none is left is the backup lost.
"""

import hashlib
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field

from backup.catalog import File
from backup.layout import backup_key
from backup.store import Store, Upload
from cluster.errors import MachineError, PodsError


@dataclass(slots=True)
class _Target:
    """Into one store: what is open there."""

    store: Store
    stack: ExitStack = field(default_factory=ExitStack)
    upload: Upload | None = None

    def write(self, data: bytes) -> None:
        assert self.upload is not None
        self.upload.write(data)


class FanOut:
    """Writes the files of one attempt into every store that still takes them; closed, it leaves nothing half done."""

    def __init__(self, stores: Sequence[Store], system: str, name: str) -> None:
        self._system = system
        self._name = name
        self._ways = [_Target(store) for store in stores]
        self._open = ""
        self._size = 0
        self._hash = hashlib.sha256()
        self.files: list[File] = []
        self.failures: dict[str, PodsError] = {}

    @property
    def stores(self) -> tuple[Store, ...]:
        """Those that have everything so far."""
        return tuple(way.store for way in self._ways)

    def begin(self, file: str) -> None:
        """Begin a file; the one before is complete."""
        self.end()
        self._open, self._size, self._hash = file, 0, hashlib.sha256()
        self._each(self._start)

    def write(self, data: bytes) -> None:
        """More of the file, into every store."""
        self._hash.update(data)
        self._size += len(data)
        self._each(lambda way: way.write(data))

    def end(self) -> None:
        """The file is complete: from here on it is there."""
        if self._open:
            self._each(lambda way: way.stack.close())
            self.files.append(File(name=self._open, size=self._size, sha256=self._hash.hexdigest()))
            self._open = ""

    def put(self, file: str, body: bytes) -> None:
        """A small file at once."""
        self.end()
        digest = hashlib.sha256(body).hexdigest()
        key = backup_key(self._system, self._name, file)
        self._each(lambda way: way.store.create(key, body, {"sha256": digest}))
        self.files.append(File(name=file, size=len(body), sha256=digest))

    def each(self, action: Callable[[Store], object]) -> None:
        """Do something with every store that has everything; one that fails is given up."""
        self._each(lambda way: action(way.store))

    def abandon(self, error: BaseException) -> None:
        """Leave the open file out of every store."""
        for way in self._ways:
            _break_off(way, error)
        self._open = ""

    def _start(self, way: _Target) -> None:
        key = backup_key(self._system, self._name, self._open)
        way.upload = way.stack.enter_context(way.store.upload(key))

    def _each(self, action: Callable[[_Target], object]) -> None:
        for way in tuple(self._ways):
            try:
                action(way)
            except PodsError as error:
                self._give_up(way, error)
        if not self._ways:
            raise MachineError(f"no store takes the backup: {_told(self.failures)}", "see the stores, then try again")

    def _give_up(self, way: _Target, error: PodsError) -> None:
        self._ways.remove(way)
        self.failures[way.store.name] = error
        _break_off(way, error)


def _break_off(way: _Target, error: BaseException) -> None:
    """End an upload as failed. That its own end fails too says nothing new."""
    try:
        way.stack.__exit__(type(error), error, error.__traceback__)
    except BaseException as again:
        if again is not error and not isinstance(again, PodsError):
            raise


def _told(failures: dict[str, PodsError]) -> str:
    return "; ".join(f"{name}: {error.message}" for name, error in failures.items())
