"""Patroni's REST API as the control machine uses it: what members say of themselves, and orders.

An order's answer is no result: a switchover may go on behind a 503, and a 200 of /primary comes before the server takes
writes. Whoever gives one waits for the state.

Source: Patroni documentation, "Patroni REST API" (4.1).
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, TypeVar

from cluster.documents import parse_json
from cluster.errors import MachineError, RefusedError
from cluster.hosts.patroni_documents import AgentFacts, ListedMember, parse_agent, parse_listing
from cluster.hosts.patroni_history import Succession, parse_successions
from cluster.http.mutual_tls import Answer, Peer, call

_Document = TypeVar("_Document")
_ORDER_SECONDS = 30.0
"""For an order: Patroni answers when it is done, or when it has given up waiting."""


class PatroniApi:
    """One member's API."""

    def __init__(self, peer: Peer) -> None:
        self._peer = peer

    def members(self) -> tuple[ListedMember, ...]:
        """All members, as the store lists them."""
        return self._read("/cluster", parse_listing).members

    def status(self) -> AgentFacts:
        """This one's server."""
        return self._read("/patroni", parse_agent)

    def history(self) -> tuple[Succession, ...]:
        """Who led since when, by timelines."""
        return self._read("/history", parse_successions)

    def config(self) -> dict[str, Any]:
        """The dynamic configuration, as it is in the store."""
        found: dict[str, Any] = self._read("/config", parse_json)
        return found

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

    def _read(self, path: str, parse: Callable[[bytes], _Document]) -> _Document:
        answer = call(self._peer, "GET", path)
        if not answer.text.startswith((b"{", b"[")):  # such as /config while the store has none
            raise self._refusal(f"it has no answer to {path}", answer)
        try:
            return parse(answer.text)
        except ValueError as error:
            raise self._refusal(f"its answer to {path} cannot be read ({error})", answer) from None

    def _refusal(self, what: str, answer: Answer) -> MachineError:
        return MachineError(f"{self._peer.title}: {what}: {answer.status} {answer.words}", "see inv status")


def leader_of(members: tuple[ListedMember, ...]) -> ListedMember:
    """Whom the others follow.

    Raises:
        RefusedError: nobody is.
    """
    for member in members:
        if member.leads:
            return member
    names = ", ".join(f"{each.name} ({each.role}, {each.state})" for each in members) or "none"
    raise RefusedError(f"no member leads; there are: {names}", "see inv status")
