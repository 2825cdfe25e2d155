"""WAL in a server's data on this host: read although the server is gone, and given to another that lacks it."""

from dataclasses import dataclass
from pathlib import Path, PurePath

from cluster.errors import MachineError, PodsError
from cluster.files import Directory
from cluster.postgres.data_directory import PGDATA
from cluster.postgres.lsn import Lsn
from cluster.postgres.wal_records import WalTail, read_tail
from compose.home import node_data
from compose.home.paths import containers_owner

WAL_FOLDER = PGDATA / "pg_wal"
"""Where a server has its own, below its directory."""
_LARGEST = 1 << 30
"""Bytes of the largest segment that PostgreSQL can be made with."""
_DIGITS = 24


def timeline_at(directory: Path, position: Lsn) -> int:
    """The newest timeline of which there is a segment with what is before ``position``; 0 where nobody knows.

    A standby does not say what it received last once it streams no more.
    """
    try:
        with Directory.open(directory) as opened, opened.enter(WAL_FOLDER) as wal:
            names = [name for name in wal.names() if len(name) == _DIGITS]
            found = wal.stat(names[0]) if names else None
        if found is None:
            return 0
        inner = WalFiles(directory, 0, found.st_size).name(max(0, position - 1) // found.st_size)[8:]
        return max((int(name[:8], 16) for name in names if name[8:] == inner), default=0)
    except (OSError, ValueError, PodsError):
        return 0


@dataclass(frozen=True, slots=True)
class WalFiles:
    """The segments of one timeline in ``folder`` below ``directory``, each of ``size`` bytes."""

    directory: Path
    timeline: int
    size: int
    folder: PurePath = WAL_FOLDER

    @classmethod
    def of(cls, directory: Path, timeline: int, folder: PurePath = WAL_FOLDER) -> "WalFiles | None":
        """Those that are there; None where there are none of that timeline, or of a newer one as well."""
        try:
            with Directory.open(directory) as opened, opened.enter(folder) as wal:
                names = [name for name in wal.names() if len(name) == _DIGITS]
                mine = [name for name in names if int(name[:8], 16) == timeline]
                found = wal.stat(mine[0]) if mine else None
        except (OSError, ValueError, PodsError):
            return None
        newer = any(int(name[:8], 16) > timeline for name in names)
        return None if found is None or newer else cls(directory, timeline, found.st_size, folder)

    def name(self, number: int) -> str:
        """The file of the segment of that number."""
        high, low = divmod(number, (1 << 32) // self.size)
        return f"{self.timeline:08X}{high:08X}{low:08X}"

    def segment(self, number: int) -> bytes | None:
        """Its bytes; None where it is not there."""
        try:
            with Directory.open(self.directory) as opened:
                return opened.read(self.folder / self.name(number), _LARGEST)
        except FileNotFoundError:
            return None

    def tail(self, start: Lsn) -> WalTail | None:
        """What there is after ``start``; None where that cannot be read."""
        try:
            return read_tail(self.segment, self.size, start)
        except (OSError, PodsError):
            return None

    def names(self, start: Lsn, end: Lsn) -> list[str]:
        """The segments that hold what is from ``start`` to ``end``."""
        return [self.name(number) for number in range(start // self.size, -(-end // self.size))]

    def give(self, target: Path, start: Lsn, end: Lsn) -> list[str]:
        """Put the segments into the data below ``target``, over what that has of them; their names.

        A standby looks there as soon as nobody streams to it. What it received of a segment is in ours too.

        Raises:
            MachineError: they cannot be read, or there is no room.
        """
        names = self.names(start, end)
        try:
            with Directory.open(self.directory) as source, Directory.open(target) as opened:
                for name in names:
                    content = source.read(self.folder / name, _LARGEST)
                    opened.write(WAL_FOLDER / name, content, 0o600, containers_owner())
        except OSError as error:
            raise MachineError(
                f"WAL of {self.directory} cannot be copied to {target}: {error.strerror}",
                "mend that, or choose another replica with --to",
            ) from None
        return names

    def keep(self, kept: Path, data: Path, start: Lsn, end: Lsn) -> list[str]:
        """Copy the segments to ``kept``, a directory in .aside `beside` the data; their names."""
        names = self.names(start, end)
        with Directory.open(self.directory) as source:
            for name in names:
                node_data.keep_file(self.directory, data, kept / name, source.read(self.folder / name, _LARGEST))
        return names
