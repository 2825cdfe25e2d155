"""The data of one server on this host: whether it is there, put aside, put back, removed.

``directory`` is always what is mounted into the server's container, such as ``data/replica1``. That path is ours; all
that is below it is the container's, and is reached without following a link (`cluster.files.Directory`).
"""

from contextlib import suppress
from pathlib import Path

from cluster.files import Directory, Name
from cluster.postgres.data_directory import MAJOR, PGDATA
from compose.home.paths import Home, containers_owner

UNFINISHED = PGDATA.parent / ".new"
"""Where a clone and a first data directory are made."""


def present(directory: Path) -> bool:
    """Whether there is data.

    Raises:
        RefusedError: there is something else in its place.
    """
    return _holds(directory, PGDATA)


def _holds(directory: Path, name: Name) -> bool:
    try:
        with Directory.open(directory) as opened:
            return opened.holds(name)
    except FileNotFoundError:
        return False


def set_aside(home: Home, directory: Path, kept: Path) -> None:
    """Move the data of a stopped server to ``kept`` in data/.aside."""
    with Directory.open(home.data) as data:
        data.make(home.aside.name, 0o700).close()
    _move(directory, PGDATA, kept.parent, kept.name)


def put_back(kept: Path, directory: Path) -> None:
    """Make what was set aside the server's data again, unless it has other data meanwhile."""
    if _holds(kept.parent, kept.name) and not present(directory):
        _move(kept.parent, kept.name, directory, PGDATA)


def put_in(source: Path, directory: Path) -> None:
    """Make the data below ``source`` the server's. One rename: it is there whole, or not at all."""
    with Directory.open(directory) as opened:
        opened.make(MAJOR, 0o700, containers_owner()).close()
    _move(source, PGDATA, directory, PGDATA)


def put_out(directory: Path, target: Path, name: str) -> None:
    """Move the server's data, if there is any, to ``name`` in ``target``."""
    if present(directory):
        _move(directory, PGDATA, target, name)


def _move(source: Path, name: Name, target: Path, new: Name) -> None:
    with Directory.open(source) as there, Directory.open(target) as here:
        there.move(name, here, new)


def remove_contents(directory: Path) -> None:
    """Delete the server's data, and what an interrupted clone of it left."""
    with Directory.open(directory) as opened:
        for name in (PGDATA, UNFINISHED):
            opened.remove_tree(name)


def remove(directory: Path) -> None:
    """Delete the directory, if it is there, with all that is in it; of a link of the user's only the link."""
    with suppress(FileNotFoundError), Directory.open(directory.parent) as parent:
        parent.remove_tree(directory.name)


def remove_empty(directory: Path) -> None:
    """Remove the directory and what a broken clone left in it; what somebody else put there stays."""
    with suppress(FileNotFoundError), Directory.open(directory) as opened:
        opened.remove_tree(UNFINISHED)
        if opened.remove_empty(MAJOR) and not opened.names():
            remove(directory)
