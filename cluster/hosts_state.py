"""``data/hosts.json``: what PODS made on other Docker hosts, and how far a move between engines is. Pure.

Only operations write it: no edit of a settings file can start a second primary. It lies on the control machine; that
who decides is Patroni says the topology, once it is so.
"""

from dataclasses import dataclass, replace
from typing import Literal, Self, get_args

from cluster import documents
from cluster.config.docker_hosts import Host

Phase = Literal["none", "preparing", "prepared", "switching", "patroni", "returning"]
"""How far a move is: nothing; a standby cluster is being made; it streams; the cut was decided and is not finished;
Patroni decides; the way back was decided and is not finished."""
PHASES: tuple[Phase, ...] = get_args(Phase)


@dataclass(frozen=True, slots=True, kw_only=True)
class HostRecord:
    """A host that was added. ``host_key`` is its pinned SSH key ("" for the control machine); ``home`` where its files
    are; ``roles`` what was made there."""

    name: str
    address: str
    home: str
    host_key: str = ""
    roles: tuple[str, ...] = ()


def has_roles(record: HostRecord | None, host: Host) -> bool:
    """Whether all that the host shall run was made there."""
    return record is not None and set(host.roles) <= set(record.roles)


@dataclass(frozen=True, slots=True, kw_only=True)
class Cut:
    """The moment at which the old primary stopped: where its WAL ended, in which timeline, and which node it was."""

    source: str
    lsn: str
    timeline: int


@dataclass(frozen=True, slots=True, kw_only=True)
class HostsState:
    """All of it. ``identity`` is the control machine's, which every host keeps; ``cut`` is that of the last move."""

    identity: str = ""
    phase: Phase = "none"
    hosts: tuple[HostRecord, ...] = ()
    cut: Cut | None = None

    def find(self, name: str) -> HostRecord | None:
        """The record of the host ``name``."""
        return next((each for each in self.hosts if each.name == name), None)

    def with_host(self, record: HostRecord) -> Self:
        """The state with ``record``, in place of one of the same name."""
        others = tuple(each for each in self.hosts if each.name != record.name)
        return replace(self, hosts=(*others, record))

    def without_host(self, name: str) -> Self:
        """The state without the host ``name``."""
        return replace(self, hosts=tuple(each for each in self.hosts if each.name != name))

    def in_phase(self, phase: Phase, cut: Cut | None = None) -> Self:
        """The state in another phase."""
        return replace(self, phase=phase, cut=cut or self.cut)


def dump_state(state: HostsState) -> str:
    """The text of ``hosts.json``."""
    return documents.dump(state)


def parse_state(text: str) -> HostsState:
    """Read what ``dump_state`` wrote.

    Raises:
        ValueError: it is not that; says what is wrong.
    """
    return documents.load(HostsState, text, "a state of hosts")
