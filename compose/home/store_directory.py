"""The directory of the local backup store: the user's own, or data/backups.

One that is not there may be a disk that is not mounted: only data/backups is made. One that is empty and was not is
refused, by what the backup service noted of it (`cluster.known_stores`).
"""

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

from cluster.backup_status import parse_status
from cluster.config.settings import Settings
from cluster.errors import MachineError, PodsError, RefusedError
from cluster.files import Directory
from cluster.known_stores import KNOWN_STORES, KnownStores, parse_known_stores, remedy, store_address
from cluster.services import store_names
from compose.home.paths import Home, make_private_directory, service_user

_MEMORY = "memory.json"
"""Of the backup service; a version before this one noted no stores, but what it found in them."""
_DISKS_OWN = frozenset({"lost+found"})
"""What a new file system has in it."""


def local_store(home: Home, settings: Settings) -> Path:
    """The directory of the local backup store."""
    return Path(settings.backup_directory) if settings.backup_directory else home.data / "backups"


def has_local_store(settings: Settings) -> bool:
    """Whether backups go to a directory."""
    return settings.backup == "on" and "local" in store_names(settings)


def make_store_directory(home: Home, settings: Settings) -> None:
    """Make data/backups; a directory of the user's is taken as it is, and given to the containers' user.

    Raises:
        RefusedError, MachineError: as `check_directory`.
    """
    if has_local_store(settings):
        check_directory(home, settings)
        make_private_directory(local_store(home, settings))


def check_store(home: Home, settings: Settings, system: str) -> None:
    """See that backups can go to the directory; ``system``: the cluster's identifier, "" where it has none yet.

    Raises:
        RefusedError, MachineError: as `check_directory` and `check_known`.
    """
    if has_local_store(settings):
        check_directory(home, settings)
        if system:
            check_known(home, settings, system)


def examine_store(home: Home, settings: Settings, system: str) -> Iterator[tuple[bool, str, str]]:
    """For `inv doctor`: whether something is wrong with the local store, what, and what to do."""
    if not has_local_store(settings):
        return
    directory = local_store(home, settings)
    try:
        check_store(home, settings, system)
        apart = directory.is_dir() and directory.stat().st_dev != home.data.stat().st_dev
    except PodsError as error:
        yield True, error.message, error.hint
    except OSError as error:
        yield True, f"{error.filename or directory}: {error.strerror}", ""
    else:
        where = "another disk than the data" if apart else "the disk of the data, and are gone when it is"
        yield False, f"backups in {directory} are on {where}", "BACKUP_DIRECTORY names another disk"


def check_directory(home: Home, settings: Settings) -> None:
    """See that the user's directory is one that backups can be in.

    Raises:
        MachineError: it is not there.
        RefusedError: it is among the cluster's own files, or others' files are in it.
    """
    if not settings.backup_directory:
        return
    directory = Path(settings.backup_directory)
    if not directory.is_dir():
        raise MachineError(
            f"BACKUP_DIRECTORY={directory} {'is no directory' if directory.exists() else 'does not exist'}",
            f"mount its disk; a new one you make yourself, since a mistyped path must not be filled: mkdir {directory}",
        )
    _refuse_own_files(home, directory.resolve())
    _refuse_others_files(directory)


def _refuse_own_files(home: Home, directory: Path) -> None:
    """Below data/ each directory is a node's or a service's, who would meet backups there, or delete them."""
    top = home.path.resolve()
    allowed = (home.data / "backups").resolve()
    inside = [top / name for name in ("data", "secrets", "rendered", "config")]
    taken = any(directory.is_relative_to(each) for each in inside) and not directory.is_relative_to(allowed)
    if taken or top.is_relative_to(directory):
        raise RefusedError(
            f"BACKUP_DIRECTORY={directory} is {'in' if taken else 'around'} what belongs to the cluster in {top}",
            "name a directory elsewhere, better on another disk; or none, for data/backups",
        )


def _refuse_others_files(directory: Path) -> None:
    """A directory becomes the containers' alone: never one that others have something in."""
    uid, gid = service_user()
    found = directory.stat()
    if found.st_uid == uid:
        return
    if others := sorted(set(os.listdir(directory)) - _DISKS_OWN):  # noqa: PTH208 - names are all that is wanted
        raise RefusedError(
            f"BACKUP_DIRECTORY={directory} belongs to uid {found.st_uid} and is not empty: {', '.join(others[:3])}",
            f"name a directory of its own; if these are backups: chown -R {uid}:{gid} {directory}",
        )


def check_known(home: Home, settings: Settings, system: str) -> None:
    """See that the directory holds the archive of cluster ``system`` that it held, where it held one.

    Raises:
        MachineError: it does not; most likely its disk is not mounted.
    """
    directory = local_store(home, settings)
    known = _read_known(home, system)
    archive = _archive(directory, system)
    objection = known.objection(store_address(settings, "local"), archive)
    if not objection and not archive and not known.archives and _had_backups(home):
        objection = "is empty, and was not"
    if objection:
        raise MachineError(f"the backup directory {directory} {objection}", remedy("local"))


def _archive(directory: Path, system: str) -> str | None:
    """SHA-256 of the description of the cluster's archive; None where there is none."""
    try:
        with Directory.open(directory) as store:
            return hashlib.sha256(store.read(f"{system}/archive.json")).hexdigest()
    except (FileNotFoundError, NotADirectoryError):
        return None


_SEAL = b"PODSEAL1"
"""What a sealed object begins with; the name of its key follows (docs/reference/backup-layout.md)."""


def sealing_key(directory: Path) -> str:
    """The name of the key that sealed the archive of some cluster in the directory; "" where none is sealed."""
    try:
        with Directory.open(directory) as store:
            for name in store.names():
                if name.isdigit() and (found := _beginning(store, f"{name}/archive.json")).startswith(_SEAL):
                    return found[len(_SEAL) : 2 * len(_SEAL)].hex()
    except FileNotFoundError:
        pass
    return ""


def _beginning(store: Directory, name: str) -> bytes:
    try:
        return store.read(name)
    except (OSError, RefusedError):
        return b""


def _read_known(home: Home, system: str) -> KnownStores:
    try:
        return parse_known_stores(_read(home, KNOWN_STORES)).of(system)
    except (FileNotFoundError, ValueError):
        return KnownStores(system_identifier=system)


def _had_backups(home: Home) -> bool:
    try:
        return parse_status(_read(home, _MEMORY)).had_backups("local")
    except (FileNotFoundError, ValueError):
        return False


def _read(home: Home, name: str) -> bytes:
    with Directory.open(home.data) as data:
        return data.read(f"backup/{name}")
