"""Which member may take over from the one that leads, or led. Pure."""

from collections.abc import Sequence

from cluster.errors import RefusedError
from cluster.hosts.patroni_documents import ListedMember

SYNCHRONOUS = ("sync_standby", "quorum_standby")
"""Roles of members that commits wait for."""


def choose_member(members: Sequence[ListedMember], leader: str, to: str | None) -> ListedMember:
    """The member that may take over: ``to``, or of those that stream the one that lacks least.

    Raises:
        RefusedError: there is none, or ``to`` is not one; says why.
    """
    names = ", ".join(each.name for each in members)
    if to is not None:
        found = next((each for each in members if each.name == to), None)
        if found is None:
            raise RefusedError(f"there is no member {to!r}", f"the members are: {names}")
        if found.name == leader:
            raise RefusedError(f"{to} is the primary already", "nothing was changed")
        if not found.runs:
            raise RefusedError(f"{to} does not stream ({found.state})", "see inv hosts.status")
        return found
    fit = [each for each in members if each.runs and not each.leads and each.name != leader]
    if not fit:
        raise RefusedError("no other member streams", "see inv hosts.status")
    return min(fit, key=lambda each: (each.role not in SYNCHRONOUS, each.lag if each.lag is not None else 1 << 62))


def check_loss(members: Sequence[ListedMember], target: ListedMember) -> None:
    """Refuse where commits may be lost: Patroni elects by itself whoever is known to have them all.

    Raises:
        RefusedError: they may be; one that every commit waited for lacks none.
    """
    if target.role == "sync_standby":
        return
    gone = ", ".join(each.name for each in members if not each.runs)
    raise RefusedError(
        f"{target.name} may lack commits that clients were told of: Patroni elects by itself whoever has them all",
        f"bring back {gone or 'a host that is away'}, or give up what is missing: inv failover --accept-data-loss",
    )
