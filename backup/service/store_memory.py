"""What the service remembers of its stores, beside its status: the archives it saw there, so that no other is used."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from backup.layout import archive_key
from backup.service.status_file import StatusFile
from backup.store import ProbedStore, StoreError
from backup.store.guarded import GuardedStore
from cluster.documents import dump
from cluster.files import write_atomically
from cluster.known_stores import KNOWN_STORES, KnownStores, parse_known_stores, remedy
from cluster.lock import FileLock


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreMemory:
    """Of cluster ``system``, in the service's own ``directory``."""

    directory: Path
    system: str

    def read(self) -> KnownStores:
        """What is known; nothing where that was of another cluster, or cannot be read."""
        try:
            return parse_known_stores((self.directory / KNOWN_STORES).read_text()).of(self.system)
        except (FileNotFoundError, ValueError):
            return KnownStores(system_identifier=self.system)

    def note(self, address: str, archive: str) -> None:
        """Remember an archive as the right one."""
        with self._locked():
            self._write(self.read().with_archive(address, archive))

    def forget(self, address: str) -> None:
        """Take what is there next as the right one."""
        with self._locked():
            self._write(self.read().without(address))

    def _write(self, known: KnownStores) -> None:
        write_atomically(self.directory / KNOWN_STORES, dump(known), mode=0o600)

    @contextmanager
    def _locked(self) -> Iterator[None]:
        with FileLock.of_file(self.directory / "stores.lock") as lock:
            lock.wait()
            yield

    def guard(self, store: ProbedStore, address: str, shown: str) -> ProbedStore:
        """``store`` at ``address``, which people call ``shown``, as long as it is the one it was."""
        if not self.system:
            return store  # on an empty host everything is to be seen for the first time

        def check(archive: str | None) -> bool:
            known = self.read()
            if objection := known.objection(address, archive) or self._lost_before(known, store.name, archive):
                raise StoreError(f"{shown} {objection}", remedy(store.name))
            if archive is not None and address not in known.archives:
                with suppress(OSError):  # a full disk: the next look notes it
                    self.note(address, archive)
            return archive is not None

        return GuardedStore(store, archive_key(self.system), check)

    def _lost_before(self, known: KnownStores, name: str, archive: str | None) -> str:
        """As an objection: a version before this one noted no archives, and the status may tell of backups there."""
        if archive is not None or known.archives:
            return ""
        status = StatusFile(memory=self.directory, shared=self.directory).read()
        return "is empty, and was not" if status.had_backups(name) else ""
