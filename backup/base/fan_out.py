"""One backup stream written into several stores at once.

A store that fails is dropped and the others continue: a backup in one store is better than none in two. The result
names the stores that failed; the backup fails only when none is left.
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
    """One store and the upload that is open there."""

    store: Store
    stack: ExitStack = field(default_factory=ExitStack)
    upload: Upload | None = None

    def write(self, data: bytes) -> None:
        assert self.upload is not None
        self.upload.write(data)


class FanOut:
    """Writes the files of one backup into every store that has not failed; no upload stays half done."""

    def __init__(self, stores: Sequence[Store], system: str, name: str) -> None:
        self._system = system
        self._name = name
        self._targets = [_Target(store) for store in stores]
        self._open = ""
        self._size = 0
        self._hash = hashlib.sha256()
        self.files: list[File] = []
        self.failures: dict[str, PodsError] = {}

    @property
    def stores(self) -> tuple[Store, ...]:
        """Stores that hold every file so far."""
        return tuple(target.store for target in self._targets)

    def begin(self, file: str) -> None:
        """Begin a file; the one before is complete."""
        self.end()
        self._open, self._size, self._hash = file, 0, hashlib.sha256()
        self._each(self._start)

    def write(self, data: bytes) -> None:
        """More of the file, into every store."""
        self._hash.update(data)
        self._size += len(data)
        self._each(lambda target: target.write(data))

    def end(self) -> None:
        """The file is complete: its uploads are committed."""
        if self._open:
            self._each(lambda target: target.stack.close())
            self.files.append(File(name=self._open, size=self._size, sha256=self._hash.hexdigest()))
            self._open = ""

    def put(self, file: str, body: bytes) -> None:
        """A small file at once."""
        self.end()
        digest = hashlib.sha256(body).hexdigest()
        key = backup_key(self._system, self._name, file)
        self._each(lambda target: target.store.create(key, body, {"sha256": digest}))
        self.files.append(File(name=file, size=len(body), sha256=digest))

    def each(self, action: Callable[[Store], object]) -> None:
        """Call ``action`` with every store that holds every file; one that fails is dropped."""
        self._each(lambda target: action(target.store))

    def abandon(self, error: BaseException) -> None:
        """Abort the open upload in every store."""
        for target in self._targets:
            _break_off(target, error)
        self._open = ""

    def _start(self, target: _Target) -> None:
        key = backup_key(self._system, self._name, self._open)
        target.upload = target.stack.enter_context(target.store.upload(key))

    def _each(self, action: Callable[[_Target], object]) -> None:
        for target in tuple(self._targets):
            try:
                action(target)
            except PodsError as error:
                self._give_up(target, error)
        if not self._targets:
            reasons = _failure_text(self.failures)
            raise MachineError(f"no store takes the backup: {reasons}", "see the stores, then try again")

    def _give_up(self, target: _Target, error: PodsError) -> None:
        self._targets.remove(target)
        self.failures[target.store.name] = error
        _break_off(target, error)


def _break_off(target: _Target, error: BaseException) -> None:
    """Abort an upload; an error of the abort itself is dropped."""
    try:
        target.stack.__exit__(type(error), error, error.__traceback__)
    except BaseException as again:
        if again is not error and not isinstance(again, PodsError):
            raise


def _failure_text(failures: dict[str, PodsError]) -> str:
    return "; ".join(f"{name}: {error.message}" for name, error in failures.items())
