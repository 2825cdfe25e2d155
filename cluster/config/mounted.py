"""Settings and topology as a service in a container has them: mounted files, and network names instead of host ports.

`up` renders settings and topology into one directory and mounts it into every service; a service reads the files again
for each request, so that it follows replicas as they come and go and is configured with none of them.
"""

from dataclasses import dataclass, field, replace
from pathlib import Path

from cluster.config.databases_file import SERVICES_FILE
from cluster.config.env_file import load_settings
from cluster.config.settings import Settings
from cluster.endpoints import POOLER, PROXY, Endpoint, access_to, network_endpoint
from cluster.errors import MachineError, RefusedError
from cluster.pgbouncer import CONSOLE
from cluster.postgres.connection import Access
from cluster.topology import Topology
from cluster.topology_file import parse

ROOT = Path("/etc/pods")
"""Where `up` mounts the rendered settings (.env) and topology.json."""
SECRETS = Path("/run/secrets")
CA = Path("/run/tls/ca.crt")


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterConfig:
    """Settings and topology as they are now, and how to reach a server as the role of one secret."""

    settings: Settings
    topology: Topology
    secrets: Path = SECRETS
    ca: Path = CA

    def node(self, name: str, role: str = "monitor", secret: str = "monitor") -> Access:  # noqa: S107 - names of files, not passwords
        """How to reach ``name`` as ``role``, whose password is the file ``<secret>_password``.

        Raises:
            MachineError: there is no such file, or it cannot be read.
        """
        return self._access(name, role, secret, "postgres")

    def pooler(self) -> Access:
        """How to reach PgBouncer's console."""
        return self._access(POOLER, "monitor", "monitor", CONSOLE)

    def primary_port(self) -> tuple[Endpoint, Path]:
        """Where the port of the primary is, and the certificate to check who is behind it."""
        return network_endpoint(PROXY), self.ca

    def secret(self, name: str) -> str:
        """What is in the file ``<name>_password``.

        Raises:
            MachineError: there is no such file, or it cannot be read.
        """
        return _read_secret(self.secrets / f"{name}_password")

    def _access(self, service: str, role: str, secret: str, database: str) -> Access:
        return access_to(
            service,
            network_endpoint(service),
            user=role,
            password=self.secret(secret),
            ca=self.ca,
            database=database,
            connect_timeout=2,
            statement_timeout=3.0,
        )


@dataclass(slots=True)
class MountedConfig:
    """Settings and topology from the mounted files, read again when a file's inode or mtime changed."""

    root: Path = ROOT
    secrets: Path = SECRETS
    ca: Path = CA
    _seen: ClusterConfig | None = None
    _stamp: tuple[tuple[int, int], ...] = field(default=())

    def read(self) -> ClusterConfig:
        """The cluster as its files say now.

        Raises:
            PodsError: they are missing or broken; says which.
        """
        stamp = tuple(_stamp(self.root / name) for name in (".env", SERVICES_FILE, "topology.json"))
        if self._seen is None or stamp != self._stamp:
            topology = _read_topology(self.root / "topology.json")
            settings = load_settings(self.root, {}, strict=False)
            self._seen = ClusterConfig(settings=settings, topology=topology, secrets=self.secrets, ca=self.ca)
            self._stamp = stamp
        return self._seen


def _read_topology(path: Path) -> Topology:
    """Not ``topology_file.load``, which keeps a copy of a damaged file beside it: what is mounted here is read-only.

    Copies beside the cluster are none of a service's business, which goes on undisturbed as they come and go.
    """
    try:
        return replace(parse(path.read_text(encoding="utf-8")), copies=())
    except FileNotFoundError:
        raise RefusedError(f"there is no topology in {path.parent}", "run: inv up") from None
    except (OSError, ValueError) as error:  # a UnicodeDecodeError is one
        raise MachineError(f"{path} cannot be read: {error}", "run: inv up") from None


def _read_secret(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise MachineError(f"the secret {path} cannot be read: {error}", "run: inv up") from None


def _stamp(path: Path) -> tuple[int, int]:
    try:
        found = path.stat()
    except FileNotFoundError:
        return (0, 0)
    return (found.st_ino, found.st_mtime_ns)
