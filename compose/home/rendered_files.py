"""Generated files and the user's own on disk: reading them, comparing, and writing those that differ."""

import os
from collections.abc import Mapping
from pathlib import Path

from cluster.errors import UsageError
from cluster.files import write_atomically
from compose.home import alert_secrets
from compose.home.paths import Home, service_user
from compose.render.alertmanager_yml import RECEIVERS
from compose.render.config_files import UserFiles
from compose.render.postgresql_conf import USER_HBA, without_additions
from compose.render.server_parameters import USER_PARAMETERS


def read_user_files(home: Home) -> UserFiles:
    """Read ``config/postgresql.conf``, ``config/pg_hba.conf`` and ``config/alertmanager.yml``; of tokens the names."""
    parameters, hba, receivers = (
        _users_text(home.user_config / name) for name in ("postgresql.conf", "pg_hba.conf", RECEIVERS)
    )
    return UserFiles(parameters, hba, receivers, alert_secrets.names(home))


def _users_text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8") if path.exists() else ""
    except UnicodeDecodeError:
        raise UsageError(f"{path} is not a text in UTF-8", "save it as UTF-8; nothing was changed") from None


def accepted_user_files(home: Home, node: str) -> UserFiles:
    """The user's files as the last `up` tried and accepted them."""
    directory = home.rendered / "nodes" / node
    receivers = text_on_disk(home.rendered / "alertmanager" / RECEIVERS)
    parameters = without_additions(text_on_disk(directory / USER_PARAMETERS))
    return UserFiles(parameters, text_on_disk(directory / USER_HBA), receivers)


def changes(home: Home, files: Mapping[str, str]) -> dict[str, tuple[str, str]]:
    """Files whose text differs from what is on disk: path → (on disk, wanted)."""
    pairs = {name: (text_on_disk(home.path / name), text) for name, text in files.items()}
    missing = {name for name in files if not (home.path / name).exists()}
    return {name: pair for name, pair in pairs.items() if pair[0] != pair[1] or name in missing}


def write(home: Home, changed: Mapping[str, tuple[str, str]]) -> None:
    """Write each changed file whole; containers read them as another user."""
    for name, (_, text) in changed.items():
        path = home.path / name
        _readable_directories(home.path, path.parent)
        closed = path.name == RECEIVERS  # also while it is being tried
        owner = service_user() if closed and os.geteuid() == 0 else None
        write_atomically(path, text, 0o600 if closed else 0o644, owner)


def _readable_directories(root: Path, directory: Path) -> None:
    for part in reversed([p for p in (directory, *directory.parents) if p.is_relative_to(root) and p != root]):
        part.mkdir(exist_ok=True)
        part.chmod(0o755)


def text_on_disk(path: Path) -> str:
    """What is in a file; a generated one that is not text is damaged and will be written anew."""
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        return ""
