"""What a Patroni agent answers to GET /patroni and GET /cluster. Pure.

Source of keys and words: Patroni 4.1.5, "Patroni REST API", and the documents of a running one, which tests hold. A key
that is not there is nothing wrong: most are written only while they are true.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from cluster.documents import parse_json, printable

LEADERS = ("leader", "standby_leader")
"""Roles of the member that holds the lease; the second of a cluster that follows another one."""
RUNNING = frozenset({"running", "streaming", "in archive recovery"})
"""States of a member whose server is up and does what its role is."""
_MOST = 64
"""Members of a listing, and parameters of a restart, that are read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentFacts:
    """GET /patroni: one agent of itself. ``seen`` is when it reached the store last, Unix seconds.

    ``role`` is primary, replica, standby_leader, demoted or uninitialized. ``unlocked``: as far as it knows nobody
    has the lease. ``pending_restart`` are parameters that wait for one. ``failsafe``: the store is away, and the
    primary goes on because every member answers it.
    """

    state: str
    role: str
    timeline: int | None = None
    seen: float | None = None
    unlocked: bool = False
    paused: bool = False
    failsafe: bool = False
    watchdog_failed: bool = False
    restart_pending: bool = False
    pending_restart: tuple[str, ...] = ()
    system_identifier: str = ""
    version: str = ""

    @property
    def primary(self) -> bool:
        """Whether its server takes writes; the agent's 200 to /primary comes before that."""
        return self.role == "primary" and self.state == "running"


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedMember:
    """One member as the store lists it; ``lag`` in bytes, None of the leader and where nobody knows."""

    name: str
    role: str
    state: str
    timeline: int | None = None
    lag: int | None = None
    pending_restart: bool = False

    @property
    def leads(self) -> bool:
        """Whether it holds the lease."""
        return self.role in LEADERS

    @property
    def runs(self) -> bool:
        """Whether its server is up and does what its role is."""
        return self.state in RUNNING


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterListing:
    """GET /cluster: every member, as the store has them now."""

    scope: str
    members: tuple[ListedMember, ...]
    paused: bool = False

    @property
    def leader(self) -> ListedMember | None:
        """Who holds the lease."""
        return next((member for member in self.members if member.leads), None)

    def find(self, name: str) -> ListedMember | None:
        """The member called ``name``."""
        return next((member for member in self.members if member.name == name), None)


def parse_agent(text: str | bytes) -> AgentFacts:
    """GET /patroni.

    Raises:
        ValueError: it is not that.
    """
    raw = _object(parse_json(text))
    reasons = raw.get("pending_restart_reason")
    about = raw.get("patroni")
    return AgentFacts(
        state=_text(raw, "state"),
        role=_role(_text(raw, "role")),
        timeline=_count(raw, "timeline"),
        seen=_count(raw, "dcs_last_seen"),
        unlocked=raw.get("cluster_unlocked") is True,
        paused=raw.get("pause") is True,
        failsafe=raw.get("failsafe_mode_is_active") is True,
        watchdog_failed=raw.get("watchdog_failed") is True,
        restart_pending=raw.get("pending_restart") is True,
        pending_restart=tuple(map(printable, list(reasons)[:_MOST])) if isinstance(reasons, Mapping) else (),
        system_identifier=printable(str(raw.get("database_system_identifier", ""))),
        version=_text(about, "version") if isinstance(about, Mapping) else "",
    )


def parse_listing(text: str | bytes) -> ClusterListing:
    """GET /cluster.

    Raises:
        ValueError: it is not that.
    """
    raw = _object(parse_json(text))
    members = raw.get("members")
    if not isinstance(members, list):
        raise ValueError("it lists no members")  # noqa: TRY004 - as every document that is not what it should be
    return ClusterListing(
        scope=_text(raw, "scope"),
        members=tuple(_member(_object(each)) for each in members[:_MOST]),
        paused=raw.get("pause") is True,
    )


def _member(raw: Mapping[str, Any]) -> ListedMember:
    return ListedMember(
        name=_text(raw, "name"),
        role=_text(raw, "role"),
        state=_text(raw, "state"),
        timeline=_count(raw, "timeline"),
        lag=_count(raw, "lag"),
        pending_restart=raw.get("pending_restart") is True,
    )


def _role(text: str) -> str:
    """Patroni before 4 said master."""
    return "primary" if text == "master" else text


def _object(raw: object) -> Mapping[str, Any]:
    if not isinstance(raw, Mapping):
        raise ValueError("it is no JSON object")  # noqa: TRY004 - as above
    return raw


def _text(raw: Mapping[str, Any], key: str) -> str:
    found = raw.get(key)
    if not isinstance(found, str):
        raise ValueError(f"it has no {key}")  # noqa: TRY004 - as above
    return printable(found[:200])


def _count(raw: Mapping[str, Any], key: str) -> int | None:
    """None where it is not there, or the word unknown."""
    found = raw.get(key)
    return found if type(found) is int and found >= 0 else None
