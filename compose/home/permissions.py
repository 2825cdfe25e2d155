"""Who could bend a cluster from outside: whose its home is, and who may write or read there.

Trusted are root, whoever runs PODS, and the owner of PODS' own code, which runs here anyway. What lies *above* the home
is the administrator's business, as is where a link of his own in the home leads to.
"""

import os
import stat
from collections.abc import Iterator
from pathlib import Path

from cluster.config.databases import FILE as DATABASES
from cluster.config.env_file import PROJECT_ROOT
from cluster.errors import RefusedError
from cluster.files import Directory
from compose.home.paths import Home, service_user

_OTHERS_WRITE, _GROUP_WRITES = stat.S_IWOTH, stat.S_IWGRP
_OWNERS_ONLY = ("ca.key", "superuser_password", "app_password")
"""Read by PODS alone, and by no container."""


def trusted() -> frozenset[int]:
    """The uids whose files are taken at their word."""
    return frozenset({0, os.geteuid(), PROJECT_ROOT.stat().st_uid})


def check_home(home: Home) -> None:
    """Refuse a home that somebody else owns or can write, or in which somebody else put a link.

    Raises:
        RefusedError: says which path, whose it is, and what to do.
    """
    inside = (home.data, home.user_config, home.rendered, home.secrets)
    files = (
        home.path / ".env",
        home.user_config / DATABASES,
        home.compose_file,
        home.topology,
        home.topology_copy,
        home.journal,
    )
    for path in (home.path, *inside, *files):
        try:
            _check_path(path)
        except FileNotFoundError:
            continue
        except PermissionError:
            raise RefusedError(f"{path} cannot be read by this user", "run as the user who made the cluster") from None


def _check_path(path: Path) -> None:
    """The name itself, which may be a link of somebody trusted, and what it leads to."""
    for found in (path.lstat(), path.stat()):
        if found.st_uid not in trusted():
            raise RefusedError(
                f"{path} belongs to {_user(found.st_uid)}, who could lead PODS astray there",
                f"run as {_user(found.st_uid)}, or, if it is yours: chown {os.geteuid()} {path}",
            )
    if found.st_mode & _OTHERS_WRITE or (found.st_mode & _GROUP_WRITES and not _private(found.st_gid)):
        raise RefusedError(
            f"{path} can be written by other users (mode {stat.S_IMODE(found.st_mode):04o})", f"chmod go-w {path}"
        )


def _private(group: int) -> bool:
    """Whether a group has nobody in it who is not trusted anyway: each user's own group, where umask is 0002."""
    import grp
    import pwd

    members = {user.pw_uid for user in pwd.getpwall() if user.pw_gid == group}
    try:
        names = grp.getgrgid(group).gr_mem
    except KeyError:
        names = []
    for name in names:
        try:
            members.add(pwd.getpwnam(name).pw_uid)
        except KeyError:
            continue
    return members <= trusted()


def _user(uid: int) -> str:
    import pwd

    try:
        return f"{pwd.getpwuid(uid).pw_name} (uid {uid})"
    except KeyError:
        return f"uid {uid}"


def check_secrets(home: Home) -> None:
    """Refuse secrets, keys and certificates that others can read or replace, and links among them.

    Raises:
        RefusedError: says which path, what is wrong with it, and what to do.
    """
    try:
        with Directory.open(home.secrets) as secrets:
            _check_folder(home.secrets, home.secrets.stat())
            for path, found in _tree(secrets):
                (_check_folder if stat.S_ISDIR(found.st_mode) else _check_file)(path, found)
    except FileNotFoundError:
        return
    except PermissionError as error:
        raise RefusedError(
            f"{error.filename} cannot be read by this user", "run as the user who made the cluster"
        ) from None


def _tree(directory: Directory) -> Iterator[tuple[Path, os.stat_result]]:
    """Everything below, each directory before what is in it."""
    for name in directory.names():
        found = directory.stat(name)
        if found is None:
            continue
        yield directory.path / name, found
        if stat.S_ISDIR(found.st_mode):
            with directory.enter(name) as inner:
                yield from _tree(inner)


def _check_folder(path: Path, found: os.stat_result) -> None:
    ours_alone = path.name in ("secrets", "tls", "roles", "hosts")
    _check_owner(path, found, trusted() if ours_alone else trusted() | {service_user()[0]})
    if found.st_mode & 0o077:
        raise _open(path, found, f"chmod 700 {path}")


def _check_file(path: Path, found: os.stat_result) -> None:
    if not stat.S_ISREG(found.st_mode):
        raise RefusedError(
            f"{path} is no regular file, where a secret or a certificate should be",
            "put the file itself there: nothing in secrets/ may be a link",
        )
    ours_alone = path.name in _OWNERS_ONLY or path.parent.name == "roles"
    _check_owner(path, found, trusted() if ours_alone else trusted() | {service_user()[0]})
    closed = 0o022 if path.suffix == ".crt" else 0o077
    if found.st_mode & closed:
        hint = "chmod 644" if path.suffix == ".crt" else "chmod 600"
        raise _open(path, found, f"{hint} {path}, and change the secret if others may have read or replaced it")


def _check_owner(path: Path, found: os.stat_result, owners: frozenset[int]) -> None:
    if found.st_uid not in owners:
        raise RefusedError(
            f"{path} belongs to {_user(found.st_uid)}, who could replace it",
            f"if it is what you put there: chown {min(owners & {os.geteuid()})} {path}",
        )


def _open(path: Path, found: os.stat_result, hint: str) -> RefusedError:
    return RefusedError(f"{path} is open to other users (mode {stat.S_IMODE(found.st_mode):04o})", hint)
