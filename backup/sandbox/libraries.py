"""Whether a restored cluster finds its libraries: without one its types, functions and indexes lead nowhere."""

from dataclasses import dataclass

from backup.restore.temporary_server import TemporaryServer
from cluster.errors import MachineError
from cluster.extensions import word_of
from cluster.postgres.connection import fetch_all

_SECONDS = 60.0
_LONGEST = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class MissingLibrary:
    """A library that functions of a database are in; ``extension`` is "" where they belong to none."""

    library: str
    extension: str
    version: str

    @property
    def text(self) -> str:
        """In words, and what brings it."""
        word = word_of(self.extension)
        origin = f" of the extension {self.extension} {self.version}" if self.extension else ""
        cure = f": {word} in PODS_EXTENSIONS brings it" if word else ""
        return f"needs the library {self.library}{origin}, which this image lacks{cure}"


def find_missing(server: TemporaryServer) -> list[str]:
    """One problem for all of them, with the first."""
    found = []
    with server.connect("template1", timeout=_SECONDS) as connection:
        names = fetch_all(connection, "open_databases", _name)
    for name in names:
        try:
            with server.connect(name, timeout=_SECONDS) as connection:
                missing = fetch_all(connection, "missing_libraries", MissingLibrary)
        except MachineError:  # that it lets nobody in is another problem
            continue
        found += [f"the database {name} {each.text}" for each in missing]
    more = f"; and {len(found) - 1} more" if len(found) > 1 else ""
    return [f"{found[0][:_LONGEST]}{more}"] if found else []


def _name(name: str) -> str:
    return name
