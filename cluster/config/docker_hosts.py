"""The Docker hosts that `config/hosts.toml` names: where each is, and what it shall run. Pure.

Without the file there is one host, the one on which `inv` runs, and nothing here is of any consequence.
"""

from dataclasses import dataclass
from typing import Literal, get_args

HOSTS_FILE = "hosts.toml"
"""Name of the file, in ``config/``."""
HostRole = Literal["etcd", "node", "pooler"]
"""What a host may run: a vote of the consensus store, a PostgreSQL server, a PgBouncer."""
HOST_ROLES: tuple[HostRole, ...] = get_args(HostRole)
NODE_PORT, POOLER_PORT, PATRONI_PORT, ETCD_PORT, ETCD_PEER_PORT = 5432, 6432, 8008, 2379, 2380
"""On a host's cluster address; the same number inside the container and outside, so that names work from both sides."""
VOTES = 3
"""The least that can lose one and go on."""
LOCAL = "local"
"""Value of ``ssh`` for the host on which `inv` runs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Host:
    """One Docker host. Its node, the TLS name of that and its label in metrics are the host's name.

    ``ssh`` is ``user@name`` or what else ssh takes, or ``local``; ``address`` is the cluster address: all traffic
    between hosts, and what ports bind to. ``zone`` is what fails together. ``home`` is a directory there.
    """

    name: str
    address: str
    ssh: str = LOCAL
    roles: tuple[HostRole, ...] = HOST_ROLES
    zone: str = ""
    home: str = ""

    @property
    def local(self) -> bool:
        """Whether it is the one on which `inv` runs."""
        return self.ssh in ("", LOCAL)

    @property
    def etcd(self) -> str:
        """Its member of the consensus store."""
        return f"etcd-{self.name}"


@dataclass(frozen=True, slots=True, kw_only=True)
class DockerHosts:
    """All of them, in the order of the file."""

    hosts: tuple[Host, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """Every host's name."""
        return tuple(host.name for host in self.hosts)

    @property
    def local(self) -> Host | None:
        """The one on which `inv` runs, where it is among them."""
        return next((host for host in self.hosts if host.local), None)

    def find(self, name: str) -> Host | None:
        """The host called ``name``."""
        return next((host for host in self.hosts if host.name == name), None)

    @property
    def to_add(self) -> tuple[Host, ...]:
        """Those that `hosts.add` is for: where nobody votes, this machine stands for itself."""
        together = bool(self.with_role("etcd"))
        return tuple(host for host in self.hosts if together or not host.local)

    def with_role(self, role: HostRole) -> tuple[Host, ...]:
        """Those that shall run ``role``."""
        return tuple(host for host in self.hosts if role in host.roles)
