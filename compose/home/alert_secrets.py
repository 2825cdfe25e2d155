"""Tokens of who gets alerts: files in ``secrets/alerts/``, which the user puts there and only Alertmanager sees.

The directory is mounted, and not each file: one that is replaced is read at the next message, without a restart.
"""

import os
import re
from pathlib import Path

from cluster.config.settings import Settings
from cluster.config.validators import web_url
from cluster.errors import RefusedError
from cluster.files import Directory
from compose.home.paths import Home, containers_owner
from compose.home.permissions import check_secrets

_LARGEST = 64 << 10
_MEANINGS = (
    (re.compile(r"slack\w*_url"), "the address of Slack's incoming webhook"),
    (re.compile(r"discord\w*_url"), "the address of the channel's webhook (Discord: Integrations)"),
    (re.compile(r"teams\w*_url"), "the address of the Teams workflow"),
    (re.compile(r"watchdog_url"), "the address that is to be called"),
    (re.compile(r"webhook\w*_url"), "the webhook's address"),
    (re.compile(r"telegram_token"), "the bot's token, as @BotFather gave it"),
    (re.compile(r"smtp_password"), "the password at the mail server"),
)


def names(home: Home) -> frozenset[str]:
    """The files that are there."""
    try:
        with Directory.open(home.alert_secrets) as directory:
            return frozenset(name for name in directory.names() if not name.startswith("."))
    except FileNotFoundError:
        return frozenset()
    except PermissionError:
        raise RefusedError(
            f"{home.alert_secrets} cannot be read by this user", "run as the user who made the cluster"
        ) from None


def check(home: Home, settings: Settings) -> None:
    """Refuse what Alertmanager could not send with.

    Raises:
        RefusedError: a file is missing, open to others, or holds something else; says how to make it.
    """
    check_secrets(home)
    there = names(home)
    for name in settings.alert_secrets:
        if name not in there:
            raise RefusedError(f"{home.alert_secrets / name} is missing: {_meaning(name)}", _how_to(home, name))
    for name in sorted(there):
        if problem := _problem(name, _read(home, name)):
            raise RefusedError(f"{home.alert_secrets / name} {problem}", _how_to(home, name))


def _meaning(name: str) -> str:
    return next((meaning for pattern, meaning in _MEANINGS if pattern.fullmatch(name.replace("-", "_"))), "a secret")


def _how_to(home: Home, name: str) -> str:
    """A command that reads from the terminal: what is typed stands in no history."""
    where = home.alert_secrets
    return f"(umask 077; mkdir -p {where}; cat > {where / name}), paste it, Enter, Ctrl-D; nothing was changed"


def _read(home: Home, name: str) -> bytes:
    try:
        with Directory.open(home.alert_secrets) as directory:
            return directory.read(name, _LARGEST)
    except OSError as error:
        raise RefusedError(f"{home.alert_secrets / name} cannot be read: {error.strerror}", "remove it") from None


def _problem(name: str, held: bytes) -> str:
    """What is wrong with a file's contents; never what stands there."""
    text = held.decode("utf-8", errors="replace").strip()
    if name.endswith(".crt"):
        return "" if "BEGIN CERTIFICATE" in text else "holds no certificate in PEM"
    if not text:
        return "is empty"
    if not text.isprintable() or ("password" not in name and " " in text):
        return "wants one line without spaces"
    if name.endswith("_url"):
        return "" if _is_address(text) else "holds no address that begins with https:// or http://"
    return ""


def _is_address(text: str) -> bool:
    try:
        return bool(web_url(text))
    except ValueError:
        return False


def ensure(home: Home) -> None:
    """The directory, which Alertmanager mounts, and its files as its user's own: root may have put them there."""
    owner = containers_owner()
    with Directory.open(home.secrets) as directory:
        directory.make(home.alert_secrets.name, 0o700, owner).close()
    for name in names(home) if owner is not None else ():
        _give(home.alert_secrets / name, owner)


def _give(path: Path, owner: tuple[int, int] | None) -> None:
    if owner is not None and path.lstat().st_uid != owner[0]:
        os.chown(path, *owner, follow_symlinks=False)
