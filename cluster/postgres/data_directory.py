"""What a data directory says about itself, read from its files without starting anything.

Source of the layout: PostgreSQL 18, src/include/catalog/pg_control.h, ``ControlFileData``: system_identifier (uint64),
pg_control_version (uint32), catalog_version_no (uint32), state (uint32), padding, time (int64), checkPoint (uint64),
then the checkpoint record: redo (uint64), ThisTimeLineID (uint32) and 76 bytes more; unloggedLSN (uint64),
minRecoveryPoint (uint64), minRecoveryPointTLI (uint32). Native byte order.
"""

import stat
import struct
from dataclasses import dataclass
from pathlib import Path

from cluster.files import LOST_AND_FOUND, Directory
from cluster.postgres.lsn import Lsn

MAJOR = "18"
PGDATA = Path(MAJOR) / "docker"
"""Where the data is below a node's directory: the official image's layout."""
_LAYOUT = struct.Struct("=QIII4xqQQI84xQI")
_CONTROL_VERSION = 1800
"""PG_CONTROL_VERSION of PostgreSQL 18."""
_MINIMUMS = {
    "max_connections setting": "max_connections",
    "max_worker_processes setting": "max_worker_processes",
    "max_wal_senders setting": "max_wal_senders",
    "max_prepared_xacts setting": "max_prepared_transactions",
    "max_locks_per_xact setting": "max_locks_per_transaction",
}
"""pg_controldata's words for the parameters that must not be smaller than on the primary while recovering.

Source: PostgreSQL documentation, "Hot Standby", Administrator's Overview.
"""
_STATES = (
    "starting up",
    "shut down",
    "shut down in recovery",
    "shutting down",
    "in crash recovery",
    "in archive recovery",
    "in production",
)
_NOWHERE = Lsn(0)
_PRIMARY_STATES = ("shut down", "shutting down", "in crash recovery", "in production")


@dataclass(frozen=True, slots=True)
class DataDirectory:
    """One node's data: major version, identity, state at the last write of pg_control, last checkpoint, timeline.

    ``redo`` is where recovery begins, ``replayed`` how far a standby has certainly come; ``recovering`` is whether it
    was put there to be recovered from an archive, which ends on a timeline of its own.
    """

    major: str
    system_identifier: str
    state: str
    checkpoint: Lsn
    timeline: int
    standby: bool
    redo: Lsn = _NOWHERE
    replayed: Lsn = _NOWHERE
    recovering: bool = False

    @property
    def was_primary(self) -> bool:
        """Whether it would start as a primary, and did so before: a standby whose signal file is gone did not."""
        return not self.standby and self.state in _PRIMARY_STATES


def read_data_directory(node_directory: Path) -> DataDirectory | None:
    """Read the data below ``node_directory``; None where there is none.

    Raises:
        ValueError: there is something, but it is not whole.
        RefusedError: there is a link where data should be.
    """
    try:
        with Directory.open(node_directory) as directory:
            if directory.holds(PGDATA):
                return _read(directory)
            foreign = _foreign(directory)
    except FileNotFoundError:
        return None
    return DataDirectory(foreign[0], "", "", Lsn(0), 0, standby=False) if foreign else None


def holds_data(node_directory: Path) -> bool:
    """Whether something below ``node_directory`` may be data of this major version, be it whole or not."""
    try:
        with Directory.open(node_directory) as directory:
            return directory.stat(MAJOR) is not None
    except (FileNotFoundError, NotADirectoryError):
        return False
    except PermissionError:  # another user's; nobody but a server closes its directory
        return True


def _read(directory: Directory) -> DataDirectory:
    pgdata = directory.path / PGDATA
    try:
        major = directory.read(PGDATA / "PG_VERSION").decode(errors="replace").strip()
        control = directory.read(PGDATA / "global" / "pg_control")
        system, version, _, state, _, checkpoint, redo, timeline, replayed, reached = _LAYOUT.unpack_from(control)
        if major == MAJOR and version != _CONTROL_VERSION:
            raise ValueError(f"{pgdata}/global/pg_control is damaged")
        known = _STATES[state]
    except FileNotFoundError as error:
        raise ValueError(f"{error.filename} is missing") from None
    except (struct.error, IndexError):
        raise ValueError(f"{pgdata}/global/pg_control is damaged") from None
    if not major:
        raise ValueError(f"{pgdata}/PG_VERSION is empty")
    standby, recovering = (directory.stat(PGDATA / f"{name}.signal") is not None for name in ("standby", "recovery"))
    newest = max(timeline, reached)  # until the first checkpoint after a promotion only the latter is the new one
    return DataDirectory(
        *(major, str(system), known, Lsn(checkpoint), newest, standby),
        redo=Lsn(redo),
        replayed=Lsn(replayed),
        recovering=recovering,
    )


def _foreign(directory: Directory) -> list[str]:
    """Other major versions that there is data of; links among the names are none."""
    others = [name for name in directory.names() if name not in (MAJOR, LOST_AND_FOUND) and not name.startswith(".")]
    folders = [name for name in others if _is_directory(directory, name)]
    inner = [(major, each) for major in folders for each in _names(directory, major)]
    return [
        major
        for major, each in inner
        if _is_directory(directory, f"{major}/{each}") and directory.stat(f"{major}/{each}/PG_VERSION") is not None
    ]


def _names(directory: Directory, name: str) -> list[str]:
    with directory.enter(name) as inner:
        return inner.names()


def _is_directory(directory: Directory, name: str) -> bool:
    found = directory.stat(name)
    return found is not None and stat.S_ISDIR(found.st_mode)


def standby_minimums(controldata: str) -> dict[str, str]:
    """The primary's values of what must not be smaller while its WAL is replayed."""
    found = dict(line.split(":", 1) for line in controldata.splitlines() if ":" in line)
    return {parameter: found[words].strip() for words, parameter in _MINIMUMS.items() if words in found}
