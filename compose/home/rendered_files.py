"""Every generated file of a cluster, as text, and writing those that differ."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from cluster.config.env_file import Settings, services_env
from cluster.errors import UsageError
from cluster.files import write_atomically
from cluster.sizing import derive
from cluster.topology import Topology
from compose.home.paths import Home, service_user
from compose.render.compose_file import compose_stack, compose_text, passwd_text
from compose.render.copy_services import copy_files
from compose.render.host_facts import HostFacts
from compose.render.monitoring import RECEIVERS, watching
from compose.render.pgbouncer_ini import pgbouncer_ini
from compose.render.postgresql_conf import NO_MAPS, USER_HBA, USER_PARAMETERS, pg_hba_conf, postgresql_conf


@dataclass(frozen=True, slots=True)
class UserFiles:
    """What the user wrote into ``config/``: PostgreSQL parameters, pg_hba lines, whom alerts go to; or nothing."""

    parameters: str = ""
    hba: str = ""
    receivers: str = ""


def read_user_files(home: Home) -> UserFiles:
    """Read ``config/postgresql.conf``, ``config/pg_hba.conf`` and ``config/alertmanager.yml``."""
    return UserFiles(*(_users_text(home.user_config / name) for name in ("postgresql.conf", "pg_hba.conf", RECEIVERS)))


def _users_text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8") if path.exists() else ""
    except UnicodeDecodeError:
        raise UsageError(f"{path} is not a text in UTF-8", "save it as UTF-8; nothing was changed") from None


def accepted_user_files(home: Home, node: str) -> UserFiles:
    """The user's files as the last `up` tried and accepted them."""
    directory = home.rendered / "nodes" / node
    receivers = _text(home.rendered / "alertmanager" / RECEIVERS)
    return UserFiles(_text(directory / USER_PARAMETERS), _text(directory / USER_HBA), receivers)


def render(settings: Settings, topology: Topology, facts: HostFacts, user: UserFiles) -> dict[str, str]:
    """All generated files, by path below the cluster's home. Pure."""
    derived = derive(settings, topology.sizing)
    files = {
        "compose.yaml": compose_text(compose_stack(settings, topology, derived, facts)),
        "rendered/passwd": passwd_text(facts.user),
        "rendered/pgbouncer/pgbouncer.ini": pgbouncer_ini(settings, topology, derived),
        "rendered/services/.env": services_env(settings),
        **watching(settings, topology, user.receivers),
    }
    for node in topology.names:
        directory = f"rendered/nodes/{node}"
        files |= {
            f"{directory}/postgresql.conf": postgresql_conf(settings, topology, derived, node),
            f"{directory}/pg_hba.conf": pg_hba_conf(settings),
            f"{directory}/pg_ident.conf": NO_MAPS,
            f"{directory}/{USER_PARAMETERS}": user.parameters,
            f"{directory}/{USER_HBA}": user.hba,
            f"{directory}/role": topology.role(node) + "\n",
        }
    for copy in topology.copies:
        files |= copy_files(settings, derived, copy, user.hba)
    return files


def changes(home: Home, files: Mapping[str, str]) -> dict[str, tuple[str, str]]:
    """Files whose text differs from what is on disk: path → (on disk, wanted)."""
    pairs = {name: (_text(home.path / name), text) for name, text in files.items()}
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


def _text(path: Path) -> str:
    """What is in a file; a generated one that is not text is damaged and will be written anew."""
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        return ""
