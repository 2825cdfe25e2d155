"""Passwords: generated once, kept in files of mode 0600, never printed, never in an environment.

Files that a container reads belong to the containers' user; the directory above them is closed to everyone else.
"""

import base64
import os
import secrets
from dataclasses import dataclass
from pathlib import Path

from cluster.config.env_file import load_settings, secrets_in_file
from cluster.config.settings import Settings
from cluster.errors import RefusedError
from cluster.files import write_atomically
from cluster.http.pages import web_over_tls
from compose.home import web_passwords
from compose.home.paths import Home, service_user
from compose.home.permissions import check_secrets
from compose.home.store_directory import has_local_store, local_store, sealing_key

SUPERUSER, REPLICATION, MONITOR, AUTH_QUERY, ADMIN, APP = (
    "superuser",
    "replication",
    "monitor",
    "pooler",
    "admin",
    "app",
)
ALL = (SUPERUSER, REPLICATION, MONITOR, AUTH_QUERY, ADMIN, APP)
ARCHIVE, HEALTH, GRAFANA = "archive", "health", "grafana"
EXPORTER, PROMETHEUS, ALERTMANAGER = "exporter", "prometheus", "alertmanager"
LATER = (ARCHIVE, HEALTH, GRAFANA, EXPORTER, PROMETHEUS, ALERTMANAGER)
"""Came after the first version: where one is missing it is made at any time, and the role's password follows it."""
_HOST_ONLY = frozenset({SUPERUSER, APP})
"""Never mounted into a container as a file of its own."""
_MINIMUM = 12


@dataclass(frozen=True, slots=True, repr=False)
class Passwords:
    """Every password of the cluster, by secret name. Has no repr that shows them."""

    by_name: dict[str, str]

    def __getitem__(self, name: str) -> str:
        return self.by_name[name]


def password_file(home: Home, name: str) -> Path:
    """Where the password called ``name`` lives."""
    return home.secrets / f"{name}_password"


def ensure(home: Home, settings: Settings, *, first: bool) -> Passwords:
    """Generate what is missing at the first `up`; afterwards read, and check that nobody else can.

    Raises:
        RefusedError: a secret is missing from a cluster that has data, is open to others, or cannot be used.
    """
    check_secrets(home)
    home.secrets.mkdir(mode=0o700, parents=True, exist_ok=True)
    if first:
        for name in ALL:
            if not password_file(home, name).exists():
                _write(password_file(home, name), secrets.token_urlsafe(32))
    for name in LATER:
        if not password_file(home, name).exists():
            _write(password_file(home, name), secrets.token_urlsafe(32))
    _keys_of_stores(home, settings, first=first)
    passwords = read(home)
    for name in (PROMETHEUS, ALERTMANAGER):
        web_passwords.ensure(
            home.secrets / f"{name}_web.yml", passwords[name], secure=web_over_tls(settings), owner=_owner()
        )
    return passwords


def read(home: Home) -> Passwords:
    """Every password.

    Raises:
        RefusedError: one is missing, open to others, empty, or has a character that its users cannot carry.
    """
    check_secrets(home)
    later = [name for name in LATER if password_file(home, name).exists()]
    return Passwords({name: read_password(password_file(home, name)) for name in (*ALL, *later)})


def _keys_of_stores(home: Home, settings: Settings, *, first: bool) -> None:
    """The S3 keys of .env as files that only the backup service reads, and the key that seals backups.

    Raises:
        RefusedError: backups shall be sealed with a key that is gone.
    """
    for name, text in (("s3_access_key", settings.s3_access_key), ("s3_secret_key", settings.s3_secret_key)):
        path = home.secrets / name
        if not path.exists() or path.read_text() != text or path.stat().st_mode & 0o077:
            write_atomically(path, text, 0o600, _owner())
    if settings.s3_ca:
        _write_ca(home.secrets / "s3_ca", Path(settings.s3_ca))
    key = home.secrets / "backup_key"
    if settings.backup_encryption == "on" and not key.exists():
        _refuse_lost_key(home, settings, key, first=first)
        write_atomically(key, make_key(), 0o600, _owner())
    _give_to_service(key)


def _give_to_service(key: Path) -> None:
    """A key that root put there from a copy is still to be read by the backup service, which is not root."""
    owner = _owner()
    if owner is not None and key.is_file() and key.stat().st_uid != owner[0]:
        os.chown(key, *owner, follow_symlinks=False)


def _write_ca(path: Path, source: Path) -> None:
    """A copy of the user's CA file: the service may not be able to read where that lies."""
    try:
        text = source.read_text(encoding="ascii")
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not text"
        raise RefusedError(f"AWS_CA_BUNDLE={source} cannot be read: {reason}", "name a file in PEM") from None
    if "BEGIN CERTIFICATE" not in text:
        raise RefusedError(f"AWS_CA_BUNDLE={source} holds no certificate", "name a file in PEM")
    if not path.exists() or path.read_text() != text:
        write_atomically(path, text, 0o600, _owner())


def _refuse_lost_key(home: Home, settings: Settings, key: Path, *, first: bool) -> None:
    """Settings in force that sealed already, or a sealed store: there was a key, and a new one would open nothing."""
    in_force = home.rendered / "services"
    if not first and (in_force / ".env").exists() and load_settings(in_force, {}).backup_encryption == "on":
        raise RefusedError(
            f"the key {key}, without which no backup can be read, is gone",
            "put it back from your copy; to begin anew: BACKUP_ENCRYPTION=off, another store, inv up, then on",
        )
    if has_local_store(settings) and (sealed := sealing_key(local_store(home, settings))):
        raise RefusedError(
            f"the backups in {local_store(home, settings)} are sealed with key {sealed}, and there is no {key}",
            "put the key there that sealed them, from your copy; for a new cluster name another BACKUP_DIRECTORY",
        )


def require_backup_key(home: Home, settings: Settings) -> None:
    """For a restore on a host that has nothing: a key that is made there would open nothing.

    Raises:
        RefusedError: backups are sealed, and there is no key.
    """
    key = home.secrets / "backup_key"
    if settings.backup_encryption == "on" and not key.exists():
        raise RefusedError(
            f"BACKUP_ENCRYPTION is on, and there is no {key}",
            "put the key there that sealed the backups, from your copy; if they are not sealed: BACKUP_ENCRYPTION=off",
        )
    _give_to_service(key)


def check_env(home: Home) -> None:
    """Refuse a .env that others can read while it holds a secret."""
    path, held = home.path / ".env", secrets_in_file(home.path)
    if held:
        _refuse_open(path, f"{path}, which holds {' and '.join(held)},")


def read_password(path: Path) -> str:
    """The password in a file that is nobody else's.

    Raises:
        RefusedError: it is missing, open to others, empty, or has a character that its users cannot carry.
    """
    try:
        _refuse_open(path, f"the secret {path}")
        text = path.read_text(errors="replace").strip()
    except FileNotFoundError:
        raise RefusedError(
            f"the secret {path} is missing",
            "put it back from your copy, or write a new password into it and run inv up",
        ) from None
    except PermissionError:
        raise RefusedError(
            f"the secret {path} cannot be read by this user", "run as the user who made the cluster"
        ) from None
    if len(text) < _MINIMUM or not all("!" <= c <= "~" and c not in "\"'\\:" for c in text):
        raise RefusedError(
            f"the secret {path} cannot be used",
            f"write at least {_MINIMUM} printable characters without spaces, quotes, \\ or :",
        )
    return text


def _refuse_open(path: Path, subject: str) -> None:
    mode = path.stat().st_mode & 0o777
    if mode & 0o077:
        raise RefusedError(
            f"{subject} is open to other users (mode {mode:04o})",
            f"chmod 600 {path}, and change the secret if others may have read it",
        )


def _write(path: Path, password: str) -> None:
    name = path.name.removesuffix("_password")
    write_atomically(path, password + "\n", 0o600, None if name in _HOST_ONLY else _owner())


def _owner() -> tuple[int, int] | None:
    """Containers run as another user only under root; otherwise files already belong to the right one."""
    return service_user() if os.geteuid() == 0 else None


def make_key() -> str:
    """A new line for a key file of client-side encryption: 32 random bytes in base64."""
    return base64.b64encode(secrets.token_bytes(32)).decode()
