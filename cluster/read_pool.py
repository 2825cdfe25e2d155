"""Who takes part in the pool of all readers: those who answer and are not far behind, decided with hysteresis. Pure.

The topology says which replicas are members. Of these, one that is silent or lags is out for as long as it does, while
another one is better; the pool is never empty.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Literal

Condition = Literal["fresh", "lagging", "silent"]
"""Of a member: it answers and is near, answers and is far behind, or is no replica of ours that answers."""
_RANK: Mapping[Condition, int] = {"fresh": 0, "lagging": 1, "silent": 2}

OUT_AFTER = 5.0
"""Seconds for which a member is worse before it counts as worse."""
BACK_AFTER = 10.0
"""Seconds for which it is better before it counts as better: a member that comes and goes stays out."""
CUT_AFTER = 15.0
"""Seconds of silence after which clients are freed that wait for its answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolMember:
    """One member: what it counts as, what it was last, and since when it has differed, or been silent; monotonic."""

    settled: Condition = "fresh"
    latest: Condition = "fresh"
    since: float | None = None
    silent_since: float | None = None


PoolMembers = Mapping[str, PoolMember]


def advance(members: PoolMembers, observed: Mapping[str, Condition], now: float) -> dict[str, PoolMember]:
    """The members after one more observation of each; who is not in ``observed`` is no member any more.

    Where nobody in the pool answers, one outside that does counts at once: it need not prove itself.
    """
    if not observed:
        return {}
    after = {name: _advanced(members.get(name, PoolMember()), condition, now) for name, condition in observed.items()}
    present = serving(after)
    if all(after[name].latest == "silent" for name in present):
        return {name: _joining(member, after[present[0]].settled) for name, member in after.items()}
    return after


def _advanced(member: PoolMember, latest: Condition, now: float) -> PoolMember:
    silent_since = None if latest != "silent" else now if member.silent_since is None else member.silent_since
    member_now = replace(member, latest=latest, silent_since=silent_since)
    if latest == member.settled:
        return replace(member_now, since=None)
    worse = _RANK[latest] > _RANK[member.settled]
    same_side = member.since is not None and worse == (_RANK[member.latest] > _RANK[member.settled])
    since = now if member.since is None or not same_side else member.since
    if now - since >= (OUT_AFTER if worse else BACK_AFTER):
        return replace(member_now, settled=latest, since=None)
    return replace(member_now, since=since)


def _joining(member: PoolMember, settled: Condition) -> PoolMember:
    """One that answers counts as those in the pool do, and as what it is when that has lasted."""
    return (
        member
        if member.latest == "silent"
        else replace(member, settled=min(settled, member.latest, key=_RANK.__getitem__), since=None)
    )


def serving(members: PoolMembers) -> tuple[str, ...]:
    """Those in the pool: all that count as the best condition that any of them has."""
    best = min((_RANK[member.settled] for member in members.values()), default=0)
    return tuple(name for name, member in members.items() if _RANK[member.settled] == best)


@dataclass(frozen=True, slots=True, kw_only=True)
class LagLimits:
    """From when on a member lags: seconds, 0 for never, or bytes."""

    seconds: int
    bytes: int


def condition(
    member: PoolMember, *, answers: bool, behind: int | None, age: float, watched: float, limits: LagLimits
) -> Condition:
    """What a member is now.

    Args:
        member: as it was.
        answers: whether it answers as the replica that it shall be.
        behind: WAL bytes it has yet to replay, None where unknown.
        age: seconds, at least, for which it has been behind.
        watched: seconds for which ages have been measured; for one that is out an age of no less says nothing.
        limits: from when on it lags.
    """
    if not answers:
        return "silent"
    if not limits.seconds:
        return "fresh"
    unproven = member.settled != "fresh" and 0 < watched <= age
    far = behind is not None and behind > limits.bytes
    return "lagging" if far or age > limits.seconds or unproven else "fresh"


@dataclass(frozen=True, slots=True, kw_only=True)
class Absence:
    """A member that is out; ``cut`` when its silence has lasted so long that nobody shall wait for its answers."""

    node: str
    cut: bool = False


def absences(members: PoolMembers, now: float) -> tuple[Absence, ...]:
    """Who is out."""
    present = serving(members)
    return tuple(
        Absence(node=name, cut=member.silent_since is not None and now - member.silent_since >= CUT_AFTER)
        for name, member in members.items()
        if name not in present
    )


def dump(beat: int, absent: Iterable[Absence]) -> str:
    """The text that PgBouncer's container reads: a number that counts up, then a line for each node that is out.

    Who reads it believes it for as long as the number changes.
    """
    return "".join([f"{beat}\n", *(f"{each.node} {'cut' if each.cut else 'out'}\n" for each in absent)])


def resumed(text: str, names: Iterable[str]) -> dict[str, PoolMember]:
    """The members as a text of ``dump`` has them, for who begins anew: out is out until it has proven itself.

    They count as silent at worst and prove themselves from now on; a text that is none leaves everybody in.
    """
    out = {line.split(" ")[0] for line in text.splitlines()[1:] if line.endswith((" out", " cut"))}
    known = list(names)
    if set(known) <= out:
        return {name: PoolMember() for name in known}
    return {name: PoolMember(settled="silent", latest="silent") if name in out else PoolMember() for name in known}
