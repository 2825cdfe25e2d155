"""The data of one server on this host: whether it is there, put aside, put back, removed.

``directory`` is always what is mounted into the server's container, such as ``data/replica1``. That path is ours; all
that is below it is the container's, and is reached without following a link (`cluster.files.Directory`).
"""

import errno
import secrets
import stat
from contextlib import suppress
from pathlib import Path, PurePath

from cluster.errors import RefusedError
from cluster.files import Directory, Name
from cluster.postgres.data_directory import MAJOR, PGDATA
from compose.home.paths import ASIDE, Home, containers_owner

UNFINISHED = PGDATA.parent / ".new"
"""Where a clone and a first data directory are made."""
STAGING = ".restored"
"""Where a restore in place makes its data; nothing that could be mistaken for a node's."""
_OURS = (MAJOR, ASIDE, STAGING)
_TABLESPACE = f"PG_{MAJOR}_"
"""So begins what PostgreSQL makes in the directory of a tablespace.

Source: PostgreSQL 18, src/include/common/relpath.h, TABLESPACE_VERSION_DIRECTORY.
"""


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


def beside(home: Home, directory: Path, name: str) -> Path:
    """Where ``name`` has to be, so that data moves between there and the server's directory by a rename.

    In data/, or in the directory itself where that is a file system of its own; no path tells, so it is tried.

    Raises:
        RefusedError: the data itself is mounted, and stays where it is whatever is done.
    """
    if not directory.exists():
        return home.data / name
    with Directory.open(directory) as opened, Directory.open(home.data) as data:
        folder = MAJOR if opened.holds(MAJOR) else "."
        if folder == MAJOR and opened.holds(PGDATA):
            _check_movable(opened)
        if _renames(opened, folder, data, name):
            return home.data / name
        return directory / name if _renames(opened, folder, opened, name) else directory / MAJOR / name


def _check_movable(directory: Directory) -> None:
    with directory.enter(PGDATA) as data:
        if data.is_mount_point():
            raise RefusedError(
                f"{data.path} is a mount point, and data that is replaced is moved as a whole",
                f"stop the cluster and mount that disk at {directory.path}, with the data in {PGDATA} of it",
            )


def _renames(source: Directory, folder: str, target: Directory, name: str) -> bool:
    """Whether a directory moves from ``folder`` of ``source`` into ``name`` of ``target``, if that is there."""
    probe = f".{secrets.token_hex(8)}"
    before = PurePath(folder, probe)
    found = target.stat(name)
    if found is not None and not stat.S_ISDIR(found.st_mode):
        return False
    source.make(before).close()
    try:
        after = PurePath(name if found is not None else ".", probe)
        source.move(before, target, after)
    except OSError as error:
        source.remove_empty(before)
        if error.errno != errno.EXDEV:
            raise
        return False
    target.remove_empty(after)
    return True


def set_aside(home: Home, directory: Path, kept: Path) -> None:
    """Move the data of a stopped server to ``kept``, which is in .aside `beside` it."""
    base = _base(directory, kept, home.data)
    with Directory.open(directory) as source, Directory.open(base) as target:
        target.make(kept.parent.relative_to(base), 0o700).close()
        source.move(PGDATA, target, kept.relative_to(base))


def keep_file(directory: Path, data: Path, kept: Path, content: str | bytes) -> None:
    """Write a file into a directory of .aside that is `beside` a server's ``directory``; ``data`` is the home's."""
    base = _base(directory, kept, data)
    with Directory.open(base) as target:
        target.make(kept.parent.relative_to(base), 0o700).close()
        target.write(kept.relative_to(base), content, 0o600)


def put_back(kept: Path, directory: Path) -> None:
    """Make what was set aside the server's data again, unless it has other data meanwhile."""
    base = _base(directory, kept, kept.parent)
    if _holds(base, kept.relative_to(base)) and not present(directory):
        _move(base, kept.relative_to(base), directory, PGDATA)


def _base(directory: Path, kept: Path, otherwise: Path) -> Path:
    """What a container may write is reached from the directory that is mounted into it."""
    return directory if kept.is_relative_to(directory) else otherwise


def put_in(source: Path, directory: Path) -> None:
    """Make the data below ``source`` the server's. One rename: it is there whole, or not at all."""
    with Directory.open(directory) as opened:
        opened.make(MAJOR, 0o700, containers_owner()).close()
    _move(source, PGDATA, directory, PGDATA)


def make_standby(directory: Path) -> None:
    """Let the data of a stopped server start as a standby's."""
    with Directory.open(directory) as opened:
        opened.write(PGDATA / "standby.signal", "", 0o600, containers_owner())


def make_primary(directory: Path) -> None:
    """Let the data of a stopped server, which was a primary's, start as that again."""
    with Directory.open(directory) as opened, suppress(FileNotFoundError):
        opened.unlink(PGDATA / "standby.signal")


def is_standby(directory: Path) -> bool:
    """Whether the data would start as a standby's."""
    with Directory.open(directory) as opened:
        return opened.stat(PGDATA / "standby.signal") is not None


def request_promotion(directory: Path) -> None:
    """What the server looks for when SIGUSR1 reaches it.

    Source: PostgreSQL 18, src/include/access/xlog.h, PROMOTE_SIGNAL_FILE; pg_ctl writes the same.
    """
    with Directory.open(directory) as opened:
        opened.write(PGDATA / "promote", "", 0o600, containers_owner())


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


def remove(directory: Path) -> list[Path]:
    """Delete the directory, if it is there, with all that is in it; of a link only the link.

    Returns:
        The mount points that are left, each empty.
    """
    with suppress(FileNotFoundError), Directory.open(directory.parent) as parent:
        return parent.remove_tree(directory.name)
    return []


def remove_server(directory: Path) -> list[Path]:
    """Delete a server's directory with its data. What the user mounted or linked there is emptied and stays.

    Behind a link only what PODS and PostgreSQL put there is deleted.

    Returns:
        What stays.
    """
    if not directory.is_symlink():
        return remove(directory)
    with suppress(FileNotFoundError), Directory.open(directory) as opened:
        for name in opened.names():
            if name in _OURS or _is_tablespace(opened, name):
                opened.remove_tree(name)
    return [directory]


def _is_tablespace(directory: Directory, name: str) -> bool:
    found = directory.stat(name)
    if found is None or not stat.S_ISDIR(found.st_mode):
        return False
    with directory.enter(name) as inner:
        return any(each.startswith(_TABLESPACE) for each in inner.names())


def remove_empty(directory: Path) -> None:
    """Remove the directory and what a broken clone left in it; what somebody else put there stays."""
    with suppress(FileNotFoundError), Directory.open(directory) as opened:
        opened.remove_tree(UNFINISHED)
        if opened.remove_empty(MAJOR) and not opened.names():
            remove_server(directory)
