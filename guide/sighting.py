"""Which node is the primary, from what all of them answered at one moment. Pure.

Patroni's 200 says that a node holds the lease, which it does before it takes writes; a server that takes writes may be
one that lost the lease and does not know yet. So both are wanted, and where no agent answers the servers alone count.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum


class AgentReading(StrEnum):
    """What a node's Patroni answers: it leads and its server runs, anything else, nothing; or there is none."""

    LEADS = "leads"
    OTHER = "other"
    SILENT = "silent"
    ABSENT = "absent"


class ServerReading(StrEnum):
    """What a node's PostgreSQL answers.

    It takes writes; is a standby, starts or ends; is up and does not let us in; nobody listens; nothing comes.
    """

    WRITES = "writes"
    STANDBY = "standby"
    CLOSED = "closed"
    GONE = "gone"
    SILENT = "silent"


@dataclass(frozen=True, slots=True, kw_only=True)
class MemberReading:
    """One node at one moment."""

    name: str
    agent: AgentReading = AgentReading.ABSENT
    server: ServerReading = ServerReading.SILENT


@dataclass(frozen=True, slots=True, kw_only=True)
class Sighting:
    """The primary, "" where there is none; ``several``: more than one node claims to be it.

    ``certain``: that there is none is what they answered; without it, it is only that answers are missing.
    """

    leader: str = ""
    several: bool = False
    certain: bool = False
    reason: str = ""


_NOT_THE_PRIMARY = (ServerReading.STANDBY, ServerReading.GONE)


def find_leader(readings: Iterable[MemberReading], last: str) -> Sighting:
    """The primary; ``last`` is the one that it was."""
    seen = list(readings)
    claims = [each for each in seen if each.agent is AgentReading.LEADS]
    if claims:
        return _of_claims(claims)
    if any(each.agent is AgentReading.OTHER for each in seen):
        return _without_claim(seen, last)
    return _of_servers(seen, last)


def _of_claims(claims: list[MemberReading]) -> Sighting:
    """A server that is up and lets us not in is still one that its own agent says runs as the primary."""
    serving = [each for each in claims if each.server in (ServerReading.WRITES, ServerReading.CLOSED)]
    if len(serving) == 1:
        return Sighting(leader=serving[0].name)
    names = ", ".join(each.name for each in (serving or claims))
    if serving:
        return Sighting(several=True, certain=True, reason=f"more than one node is the primary: {names}")
    certain = all(each.server in _NOT_THE_PRIMARY for each in claims)
    return Sighting(certain=certain, reason=f"{names} leads and does not take writes")


def _without_claim(seen: list[MemberReading], last: str) -> Sighting:
    """An agent that is dead takes no server with it: the last primary stays as long as no other one claims to be it."""
    former = next((each for each in seen if each.name == last), None)
    mute = former is not None and former.agent in (AgentReading.SILENT, AgentReading.ABSENT)
    if former is not None and mute and former.server is ServerReading.WRITES:
        return Sighting(leader=last)
    certain = former is not None and (not mute or former.server in _NOT_THE_PRIMARY)
    return Sighting(certain=certain, reason="no node leads")


def _of_servers(seen: list[MemberReading], last: str) -> Sighting:
    writing = [each.name for each in seen if each.server is ServerReading.WRITES]
    if len(writing) == 1:
        return Sighting(leader=writing[0])
    if writing:
        return Sighting(several=True, certain=True, reason=f"more than one node takes writes: {', '.join(writing)}")
    certain = any(each.name == last and each.server in _NOT_THE_PRIMARY for each in seen)
    return Sighting(certain=certain, reason="no node takes writes")
