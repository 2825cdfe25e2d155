"""Where one cluster keeps its things: a home directory, by default the project's own folder."""

import os
import stat
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from cluster import history
from cluster.errors import RefusedError
from cluster.files import Directory
from cluster.services import GUIDE, SUPERVISOR
from cluster.supervisor_status import STATUS_FILE, SupervisorStatus, parse_status

ASIDE = ".aside"
"""Name of a directory in which replaced data waits."""
MOUNT = "/var/lib/postgresql"
"""Where a node's directory is in its container."""
SERVICE_UID = 999
"""User of the official image; containers run as it when root starts them."""


@dataclass(frozen=True, slots=True)
class Home:
    """Paths of one cluster. Only ``.env`` and ``config/`` are the user's to write; the rest is PODS'."""

    path: Path

    @property
    def compose_file(self) -> Path:
        """The rendered Compose file, where plain `docker compose` finds it."""
        return self.path / "compose.yaml"

    @property
    def data(self) -> Path:
        """One directory per node, the topology, the lock."""
        return self.path / "data"

    @property
    def topology(self) -> Path:
        """The desired cluster."""
        return self.data / "topology.json"

    @property
    def topology_copy(self) -> Path:
        """What services read, and what the topology is restored from when it is damaged."""
        return self.rendered / "services" / "topology.json"

    @property
    def journal(self) -> Path:
        """Who became the primary when: a line per change."""
        return self.data / history.NAME

    @property
    def journal_copy(self) -> Path:
        """The latest changes, for services."""
        return self.rendered / "services" / history.NAME

    @property
    def lock(self) -> Path:
        """Lock file, held while an operation runs."""
        return self.data / ".lock"

    @property
    def aside(self) -> Path:
        """Where data that is replaced waits until its owner deletes it."""
        return self.data / ASIDE

    @property
    def logs(self) -> Path:
        """What is kept of the services' logs: one directory per service."""
        return self.data / "logs"

    @property
    def copies(self) -> Path:
        """One directory per copy beside the cluster; one whose name begins with a dot is not finished."""
        return self.data / "copies"

    @property
    def secrets(self) -> Path:
        """Passwords and keys, mode 0700."""
        return self.path / "secrets"

    @property
    def tls(self) -> Path:
        """The CA, and one directory with key and certificate per service."""
        return self.secrets / "tls"

    @property
    def role_secrets(self) -> Path:
        """Passwords of the declared roles, mode 0700."""
        return self.secrets / "roles"

    @property
    def alert_secrets(self) -> Path:
        """Tokens of who gets alerts, mode 0700; Alertmanager alone sees it."""
        return self.secrets / "alerts"

    @property
    def host_secrets(self) -> Path:
        """Keys of etcd and Patroni: one directory per Docker host, mode 0700, and the authority's, which stays here."""
        return self.secrets / "hosts"

    @property
    def hosts_state(self) -> Path:
        """What was made on other Docker hosts, and how far a move to them is."""
        return self.data / "hosts.json"

    @property
    def hosts_state_copy(self) -> Path:
        """The same for services, and for the day the first is damaged."""
        return self.rendered / "services" / "hosts_state.json"

    @property
    def ca(self) -> Path:
        """The certificate every client checks with."""
        return self.tls / "ca.crt"

    @property
    def rendered(self) -> Path:
        """Configuration made from settings and topology."""
        return self.path / "rendered"

    @property
    def pooled_defaults(self) -> Path:
        """Digest of what sessions began with when PgBouncer opened its connections last."""
        return self.rendered / ".pooled-defaults"

    @property
    def user_config(self) -> Path:
        """PostgreSQL parameters and pg_hba lines of the user's own."""
        return self.path / "config"

    def is_at(self, directory: str) -> bool:
        """Whether ``directory`` is this home, be it by another name; "" is nobody's in particular."""
        try:
            return directory in ("", str(self.path)) or self.path.samefile(directory)
        except OSError:
            return False

    def node(self, name: str) -> Path:
        """What is mounted as /var/lib/postgresql in ``name``."""
        return self.data / name

    def copy(self, name: str) -> Path:
        """What is mounted as /var/lib/postgresql in the copy ``name``."""
        return self.copies / name

    def unfinished_copy(self, name: str) -> Path:
        """Where the data of the copy ``name`` is made: it becomes a copy's by one rename."""
        return self.copies / f".{name}"


def make_private_directory(directory: Path) -> None:
    """The directory of a node or of another service with data, closed to all but the containers' user."""
    directory.parent.mkdir(parents=True, exist_ok=True)
    with Directory.open(directory.parent) as parent:
        if directory.is_symlink():
            _check_link(directory)
        else:
            parent.make(directory.name, 0o700, containers_owner()).close()


def _check_link(directory: Path) -> None:
    """A link that the user put there leads to another disk, say; what it leads to is nobody's but the containers'.

    Raises:
        RefusedError: it is not, and nothing is given away through a link.
    """
    uid, _ = service_user()
    if not directory.is_dir() or directory.stat().st_uid != uid:
        raise RefusedError(
            f"{directory} is a link to {directory.readlink()}, which is no directory of uid {uid}",
            f"remove the link; if you want the data there: chown {uid} {directory.resolve()}",
        )


BACKUP_STATE = ".state"
"""What the backup service says of itself, for others to read: beside its own directory, not in it, since what it may
write can lead anywhere, and this is mounted into others."""

_STATE_BEFORE = "state"
_READERS = ".readers"
"""Who is out of the pool of all readers: the health service writes it, PgBouncer's container reads it."""
SUPERVISOR_STATE = ".supervisor"
"""What the supervisor saw and did last: it writes, health service and exporter read."""
_DIRECTORIES: Mapping[str, tuple[str, ...]] = {
    "gate": (".gate", ".disk"),
    "health": (".insight", ".findings"),
    "backup": ("backup", BACKUP_STATE),
    "sandbox": ("sandbox", ".sandbox", ".sandbox/drill"),
    "prometheus": ("prometheus",),
    "alertmanager": ("alertmanager",),
    "grafana": ("grafana",),
    SUPERVISOR: (SUPERVISOR_STATE,),
    GUIDE: (".guide",),
}
"""Directories below data/ of the services that have some, each closed to all but the containers' user."""


def make_log_directories(home: Home, services: Iterable[str]) -> None:
    """What each of ``services`` keeps of its log in.

    Raises:
        RefusedError: a replica of before has its data there.
    """
    services = list(services)
    if home.logs.name in services:
        raise RefusedError(
            f"a replica is called {home.logs.name}, and its data lies where logs are kept",
            "with the version before: add another, remove this one, then update",
        )
    make_private_directory(home.logs)
    for name in services:
        make_private_directory(home.logs / name)


def make_service_directories(home: Home, services: Iterable[str]) -> None:
    """Make what PgBouncer and ``services`` keep their data in."""
    if "backup" in services:
        _move_state(home)
    for directory in (_READERS, *(each for name in services for each in _DIRECTORIES.get(name, ()))):
        make_private_directory(home.data / directory)
    if "backup" in services:
        (home.user_config / "drill").mkdir(parents=True, exist_ok=True)


def make_copies_directory(home: Home) -> None:
    """The directory of the copies: not a container's, only what lies in it is."""
    home.data.mkdir(parents=True, exist_ok=True)
    with Directory.open(home.data) as data:
        data.make(home.copies.name, 0o700, (os.geteuid(), os.getegid())).close()


def _move_state(home: Home) -> None:
    """Up to the version that mounted data/backup/state itself into others, the state lay there."""
    with suppress(FileNotFoundError), Directory.open(home.data / "backup") as before, Directory.open(home.data) as data:
        found = before.stat(_STATE_BEFORE)
        if found is not None and stat.S_ISDIR(found.st_mode) and data.stat(BACKUP_STATE) is None:
            before.move(_STATE_BEFORE, data, BACKUP_STATE)
        else:  # a link; or the service of before was still running when it was moved
            before.remove_tree(_STATE_BEFORE)


def read_backup_state(home: Home, name: str) -> str:
    """One of the files in which the backup service says how it is.

    Raises:
        OSError, RefusedError: there is none, or something else in its place.
    """
    with Directory.open(home.data) as data:
        return data.read(f"{BACKUP_STATE}/{name}").decode(errors="replace")


def read_supervisor(home: Home) -> SupervisorStatus | None:
    """What the supervisor said last; None where it said nothing."""
    try:
        with Directory.open(home.data) as data:
            return parse_status(data.read(f"{SUPERVISOR_STATE}/{STATUS_FILE}"))
    except (OSError, ValueError, RefusedError):
        return None


def own_disks(home: Home) -> tuple[str, ...]:
    """Directories of data/ that are on another disk, by a mount or by a link of the user's."""
    if not home.data.is_dir():
        return ()
    disk = home.data.stat().st_dev
    found = [path for path in home.data.iterdir() if not path.name.startswith(".") and path.is_dir()]
    return tuple(sorted(path.name for path in found if path.stat().st_dev != disk))


def linked_directories(home: Home) -> tuple[str, ...]:
    """Directories outside the home that links in data/ lead to: a user's node on another disk, say."""
    if not home.data.is_dir():
        return ()
    found = {path.resolve() for path in home.data.iterdir() if path.is_symlink() and path.is_dir()}
    return tuple(sorted(str(path) for path in found if not path.is_relative_to(home.path)))


def service_directories(home: Home) -> list[Path]:
    """All of these directories; backups are not in them."""
    return [home.data / name for names in ((_READERS,), *_DIRECTORIES.values()) for name in names]


def containers_owner() -> tuple[int, int] | None:
    """Whom files that a container reads must be given to: under root the containers' user, else nobody."""
    return service_user() if os.geteuid() == 0 else None


def service_user() -> tuple[int, int]:
    """uid and gid the containers run as: the official image's under root, else whoever runs PODS."""
    return (SERVICE_UID, SERVICE_UID) if os.geteuid() == 0 else (os.geteuid(), os.getegid())
