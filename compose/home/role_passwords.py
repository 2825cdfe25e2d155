"""Passwords of the roles that log in: the application's, and those that config/databases.toml declares. Never printed.

A password is made where there is none; changing its file changes the role. Which of a role's two logins lets programs
in (cluster/second_login.py) is what its service file says, which holds name and password together.
"""

import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from cluster.config.settings import Settings
from cluster.documents import dump, load
from cluster.errors import RefusedError
from cluster.files import Directory, write_atomically
from cluster.roles import APP
from cluster.second_login import second_login
from compose.home.passwords import password_file, read_password
from compose.home.paths import Home
from compose.home.permissions import check_secrets

_KINDS = ("pgpass", "service", "jdbc", "former")
"""Of files that stand beside a password, as their names end."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RoleFiles:
    """What there is of a role in ``secrets/``: its password, the same for libpq (two) and JDBC, its former login."""

    password: Path
    pgpass: Path
    service: Path
    jdbc: Path
    former: Path


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class FormerLogin:
    """The login that goes on beside the one in use, until the rotation is finished; ``began`` in Unix seconds."""

    login: str
    password: str
    began: float


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class RoleCredentials:
    """How programs log in as ``role``: which of its logins, the password, and the login of before, if that goes on."""

    role: str
    login: str
    password: str
    former: FormerLogin | None = None

    @property
    def half_done(self) -> bool:
        """A rotation was interrupted before anybody was given the new login."""
        return self.former is not None and self.former.login == self.login

    @property
    def logins(self) -> Mapping[str, str]:
        """Each name that may be in use, and its password; the one for new clients first."""
        before = {self.former.login: self.former.password} if self.former and not self.half_done else {}
        return {self.login: self.password} | before


def role_password_file(home: Home, role: str) -> Path:
    """Where the password of a declared role is, but for the application's; no role's name has a dot."""
    return home.role_secrets / role


def role_files(home: Home, settings: Settings, role: str) -> RoleFiles:
    """Where they are. The application's lie where they always did."""
    if role == settings.user:
        password, stem = password_file(home, APP), home.secrets / APP
    else:
        password = stem = role_password_file(home, role)
    return RoleFiles(password=password, **{kind: stem.with_name(f"{stem.name}.{kind}") for kind in _KINDS})


def logins(settings: Settings) -> list[str]:
    """The declared roles that log in; the application's first."""
    return [each.name for each in settings.declared.roles if each.login]


def ensure(home: Home, settings: Settings) -> Mapping[str, str]:
    """Generate what is missing, finish what was interrupted, and read all.

    One that is lost is made anew, and the role follows it; nobody can read it out of the server.

    Raises:
        RefusedError: one is open to others, or cannot be used.
    """
    check_secrets(home)
    others = [role for role in logins(settings) if role != settings.user]
    missing = [path for role in others if not (path := role_files(home, settings, role).password).exists()]
    if missing:
        _make_directory(home)
    for path in missing:
        write_password(path, secrets.token_urlsafe(32))
    for each in read_all(home, settings):
        path = role_files(home, settings, each.role).password
        if read_password(path) != each.password:
            write_password(path, each.password)
    return read(home, settings)


def read(home: Home, settings: Settings) -> Mapping[str, str]:
    """The passwords that there are of declared roles, by the name that each logs in with; not the application's own.

    Raises:
        RefusedError: one is open to others, empty, or has a character that its users cannot carry.
    """
    return {each.login: each.password for each in read_all(home, settings) if each.login != settings.user}


def read_all(home: Home, settings: Settings) -> list[RoleCredentials]:
    """How each declared role logs in, the application's too, where it has a password.

    Raises:
        RefusedError: a file is open to others, or cannot be used.
    """
    check_secrets(home)
    roles = [role for role in logins(settings) if role_files(home, settings, role).password.exists()]
    return [_read(role_files(home, settings, role), role) for role in roles]


def read_one(home: Home, settings: Settings, role: str) -> RoleCredentials:
    """How ``role`` logs in.

    Raises:
        RefusedError: it has no password, or a file of it cannot be used.
    """
    check_secrets(home)
    return _read(role_files(home, settings, role), role)


def login_of(home: Home, settings: Settings, role: str) -> str:
    """The name that programs log in with as ``role``."""
    return _served(role_files(home, settings, role).service, role)[0]


def note_former(files: RoleFiles, former: FormerLogin) -> None:
    """A rotation begins."""
    write_atomically(files.former, dump(former), 0o600)


def forget_former(files: RoleFiles) -> None:
    """A rotation is finished."""
    files.former.unlink(missing_ok=True)


def write_password(path: Path, password: str) -> None:
    """Write the password of a role; no container reads it."""
    write_atomically(path, password + "\n", 0o600)


def _read(files: RoleFiles, role: str) -> RoleCredentials:
    password, (login, served) = read_password(files.password), _served(files.service, role)
    former = _read_former(files.former, role)
    if former and former.login != login and password == former.password and served:
        password = served  # interrupted between these two files; the service file is written first
    return RoleCredentials(role=role, login=login, password=password, former=former)


def _served(path: Path, role: str) -> tuple[str, str]:
    """Login and password as the service file has them."""
    text = path.read_text(encoding="utf-8", errors="replace") if path.exists() else ""
    found = dict(line.split("=", 1) for line in text.splitlines() if line.startswith(("user=", "password=")))
    login = found.get("user", "")
    return (login, found.get("password", "")) if login in (role, second_login(role)) else (role, "")


def _read_former(path: Path, role: str) -> FormerLogin | None:
    if not path.exists():
        return None
    try:
        former = load(FormerLogin, path.read_text(encoding="utf-8", errors="replace"), path.name)
    except ValueError as error:
        raise RefusedError(
            f"{path} cannot be used: {error}", f"remove it, and run inv role.rotate {role} --finish"
        ) from None
    return former if former.login in (role, second_login(role)) else None


def _make_directory(home: Home) -> None:
    home.secrets.mkdir(mode=0o700, parents=True, exist_ok=True)
    with Directory.open(home.secrets) as directory:
        directory.make(home.role_secrets.name, 0o700, (os.geteuid(), os.getegid())).close()


def set_aside(home: Home, role: str) -> Path | None:
    """Put the password of a role that was dropped aside, where it is nobody's; None where there is none.

    A restored copy may still have the role, and a role of that name that is made again gets a password of its own.
    """
    path = role_password_file(home, role)
    if "/" in role or not path.is_file():  # a name that no declaration has
        return None
    for kind in _KINDS:
        path.with_name(f"{role}.{kind}").unlink(missing_ok=True)
    kept = path.with_name(f".{role}-{datetime.now(UTC):%Y%m%dT%H%M%SZ}")
    path.rename(kept)
    return kept
