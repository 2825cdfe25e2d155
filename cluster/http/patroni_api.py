"""Patroni's REST API as the control machine uses it: what members say of themselves, and orders.

An order's answer is no result: a switchover may go on behind a 503, and a 200 of /primary comes before the server takes
writes. Whoever gives one waits for the state.

Source: Patroni documentation, "Patroni REST API" (4.1).
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from cluster.errors import MachineError, RefusedError
from cluster.http.mutual_tls import Answer, Peer, call
from cluster.postgres.lsn import Lsn

LEADERS = ("leader", "master", "primary", "standby_leader")
"""Roles of whom the others follow; a standby leader follows a server outside."""
RUNNING = ("running", "streaming", "in archive recovery")
_ORDER_SECONDS = 30.0
"""For an order: Patroni answers when it is done, or when it has given up waiting."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterMember:
    """A member as the others see it (GET /cluster). ``lag`` in bytes, None where it is not known."""

    name: str
    role: str
    state: str
    timeline: int = 0
    lag: int | None = None

    @property
    def leads(self) -> bool:
        """Whether the others follow it."""
        return self.role in LEADERS

    @property
    def runs(self) -> bool:
        """Whether its server is up and does what its role is."""
        return self.state in RUNNING


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentStatus:
    """What a member says of its own server (GET /patroni). ``replayed`` and ``received`` are a standby's."""

    role: str
    state: str
    timeline: int = 0
    received: Lsn | None = None
    replayed: Lsn | None = None
    pending_restart: bool = False
    system_identifier: str = ""

    @property
    def takes_writes(self) -> bool:
        """Whether its server is up as a primary: /primary says 200 before that."""
        return self.role in ("primary", "master") and self.state == "running"


class PatroniApi:
    """One member's API."""

    def __init__(self, peer: Peer) -> None:
        self._peer = peer

    def members(self) -> tuple[ClusterMember, ...]:
        """All members, as this one knows them."""
        return read_members(self._read("/cluster"))

    def status(self) -> AgentStatus:
        """This one's server."""
        return read_status(self._read("/patroni"))

    def config(self) -> dict[str, Any]:
        """The dynamic configuration, as it is in the store."""
        found = self._read("/config")
        return found if isinstance(found, dict) else {}

    def patch(self, changes: Mapping[str, object]) -> None:
        """Merge ``changes`` into the dynamic configuration; a None takes a key away. Members take it up at once.

        Raises:
            MachineError: it was not taken.
        """
        answer = call(self._peer, "PATCH", "/config", changes)
        if not answer.good:
            raise self._refusal("its configuration was not changed", answer)

    def switchover(self, leader: str, candidate: str) -> Answer:
        """Let ``candidate`` take over from ``leader``; wait for the state, whatever is answered."""
        return self._order("/switchover", {"leader": leader, "candidate": candidate})

    def failover(self, candidate: str) -> Answer:
        """Make ``candidate`` the leader though there is none, or it does not answer."""
        return self._order("/failover", {"candidate": candidate})

    def restart(self, body: Mapping[str, object] | None = None) -> Answer:
        """Restart this one's server; ``body`` as in Patroni's documentation."""
        return self._order("/restart", dict(body or {}))

    def reload(self) -> Answer:
        """Let this one read its files again."""
        return self._order("/reload", {})

    def _order(self, path: str, body: object) -> Answer:
        answer = call(replace(self._peer, timeout=_ORDER_SECONDS), "POST", path, body)
        if answer.status in (401, 403):
            raise self._refusal("it takes no orders from here", answer)
        return answer

    def _read(self, path: str) -> Any:
        answer = call(self._peer, "GET", path)
        if not answer.text.startswith(b"{"):  # such as /config while the store has none
            raise self._refusal(f"it has no answer to {path}", answer)
        return answer.json(self._peer.title)

    def _refusal(self, what: str, answer: Answer) -> MachineError:
        return MachineError(f"{self._peer.title}: {what}: {answer.status} {answer.words}", "see inv status")


def read_members(found: Any) -> tuple[ClusterMember, ...]:
    """The members of an answer to /cluster; what it does not say is left open."""
    rows = found.get("members", []) if isinstance(found, dict) else []
    return tuple(
        ClusterMember(
            name=str(row.get("name", "")),
            role=str(row.get("role", "")),
            state=str(row.get("state", "")),
            timeline=_whole(row.get("timeline")) or 0,
            lag=_whole(row.get("lag")),
        )
        for row in rows
        if isinstance(row, dict)
    )


def read_status(found: Any) -> AgentStatus:
    """An answer to /patroni; what it does not say is left open."""
    row: dict[str, Any] = found if isinstance(found, dict) else {}
    wal = row.get("xlog")
    positions: dict[str, Any] = wal if isinstance(wal, dict) else {}
    return AgentStatus(
        role=str(row.get("role", "")),
        state=str(row.get("state", "")),
        timeline=_whole(row.get("timeline")) or 0,
        received=_position(positions.get("received_location")),
        replayed=_position(positions.get("replayed_location")),
        pending_restart=row.get("pending_restart") is True,
        system_identifier=str(row.get("database_system_identifier", "")),
    )


def leader_of(members: tuple[ClusterMember, ...]) -> ClusterMember:
    """Whom the others follow.

    Raises:
        RefusedError: nobody is.
    """
    for member in members:
        if member.leads:
            return member
    names = ", ".join(f"{each.name} ({each.role}, {each.state})" for each in members) or "none"
    raise RefusedError(f"no member leads; there are: {names}", "see inv status")


def _whole(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _position(value: object) -> Lsn | None:
    number = _whole(value)
    return None if number is None else Lsn(number)
