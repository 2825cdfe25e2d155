"""Whether the WAL of two servers is one and the same as far as it goes.

An old copy of a primary's data that was put back and started has other records at positions that a replica has been at.
What it wrote is given to no replica then, and pg_rewind, which trusts in timelines alone, would miss what it changed.
"""

from pathlib import Path

from cluster.errors import RefusedError
from cluster.files import Directory
from cluster.postgres.data_directory import PGDATA
from cluster.postgres.lsn import Lsn
from cluster.postgres.wal_end import read_page
from cluster.postgres.wal_format import PAGE
from cluster.topology import Topology
from compose.home.paths import Home
from compose.operations.cold_start import read_histories


def goes_on(home: Home, topology: Topology, replica: str) -> bool:
    """Whether the primary's WAL goes on where the replica's ends; also where nobody knows."""
    history = read_histories(home, topology).get(replica)
    return history is None or history.agrees is not False


def shared_until(old: Path, timeline: int, new: Path, newest: int, fork: Lsn) -> bool:
    """Whether both have the same last page before ``fork``, where ``timeline`` was left; also where nobody knows.

    The first segment of a new timeline begins as a copy of what the one before had in it.
    """
    last = Lsn(fork - 1)
    first = _page(old, timeline, last)
    second = next((page for of in range(timeline, newest + 1) if (page := _page(new, of, last)) is not None), None)
    end = last % PAGE + 1
    return first is None or second is None or first[:end] == second[:end]


def _page(directory: Path, timeline: int, lsn: Lsn) -> bytes | None:
    try:
        with Directory.open(directory) as opened, opened.enter(PGDATA / "pg_wal") as wal:
            return read_page(wal, timeline, lsn)
    except (OSError, RefusedError):
        return None
