"""Folders of a local store: made and removed as they are needed, durably; walked in the order of names."""

import errno
import os
import re
from collections.abc import Iterator
from pathlib import Path

from cluster.files import sync_directory

_CLUSTER = re.compile(r"[0-9]{19,20}/\Z")
"""Folders at the top that may be clusters': a system identifier begins with the seconds of its making."""


def make_folders(root: Path, folder: Path) -> None:
    """Make ``folder`` and those between it and ``root``, which must exist, durably."""
    between = [each for each in (folder, *folder.parents) if root in each.parents]
    for each in reversed([each for each in between if not each.exists()]):
        each.mkdir(mode=0o700, exist_ok=True)
        sync_directory(each.parent, missing_ok=True)


def remove_empty(root: Path, folder: Path) -> None:
    """Remove ``folder`` and those above it as long as they are empty; ``root`` stays."""
    while folder != root and folder.is_relative_to(root):
        try:
            folder.rmdir()
        except FileNotFoundError:
            pass
        except OSError as error:
            if error.errno in (errno.ENOTEMPTY, errno.EEXIST, errno.EBUSY):
                return
            raise
        folder = folder.parent


def walk(root: Path, prefix: str, after: str, below: str = "") -> Iterator[tuple[str, os.stat_result]]:
    """(key, status) of every file whose key begins with ``prefix`` and sorts after ``after``, in the order of keys.

    A folder sorts as its name with a ``/``, so that this is the order of whole keys, not of their parts. Hidden entries
    and links are not objects. At the top, where a disk has ``lost+found``, what nobody but its owner may enter and no
    cluster is called is not ours either.
    """
    for name, entry in sorted(_entries(root, below, prefix)):
        key = below + name
        if entry.is_dir(follow_symlinks=False):
            if _may_hold(key, prefix, after):
                yield from walk(root, prefix, after, key)
        elif key.startswith(prefix) and key > after and entry.is_file(follow_symlinks=False):
            try:
                yield key, entry.stat(follow_symlinks=False)
            except FileNotFoundError:
                continue  # deleted since the folder was read


def _entries(root: Path, below: str, prefix: str) -> list[tuple[str, "os.DirEntry[str]"]]:
    try:
        with os.scandir(root / below) as entries:
            named = [(e.name + ("/" if e.is_dir(follow_symlinks=False) else ""), e) for e in entries]
    except FileNotFoundError:
        if not below:
            raise
        return []
    except OSError:
        if _is_strange(below) and not prefix.startswith(below):
            return []
        raise
    return [(name, entry) for name, entry in named if not name.startswith(".")]


def _is_strange(folder: str) -> bool:
    """Whether a folder is at the top, and its name no cluster's."""
    return folder.count("/") == 1 and not _CLUSTER.match(folder)


def _may_hold(folder: str, prefix: str, after: str) -> bool:
    """Whether below ``folder`` (with its ``/``) there may be a key that is asked for."""
    begins = folder.startswith(prefix) or prefix.startswith(folder)
    return begins and (after < folder or after.startswith(folder))
