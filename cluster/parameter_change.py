"""What it takes for a changed parameter of PostgreSQL to hold: a reload, a restart, and whose restart first. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

Need = Literal["reload", "restart", "nothing"]
NOT_LOWER = frozenset(
    (
        "max_connections",
        "max_worker_processes",
        "max_wal_senders",
        "max_prepared_transactions",
        "max_locks_per_transaction",
    )
)
"""What a replica must not have less of than its primary had (PostgreSQL documentation, "Hot Standby")."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerParameter:
    """A parameter as a running server knows it: when it can change, its default, whether ALTER SYSTEM set it there."""

    name: str
    context: str
    standard: str
    altered: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ParameterChange:
    """One parameter that is to change; "" is PostgreSQL's own default. ``why`` says what its need alone does not."""

    name: str
    old: str
    new: str
    need: Need
    why: str = ""


def changes(
    old: Mapping[str, str], new: Mapping[str, str], known: Mapping[str, ServerParameter]
) -> tuple[ParameterChange, ...]:
    """What differs from ``old`` to ``new``, in alphabetical order; ``known`` is what the server says of each."""
    names = sorted(name for name in {*old, *new} if old.get(name) != new.get(name))
    return tuple(_change(name, old.get(name, ""), new.get(name, ""), known.get(name)) for name in names)


def _change(name: str, old: str, new: str, known: ServerParameter | None) -> ParameterChange:
    need, why = _need(name, old, new, known)
    return ParameterChange(name=name, old=old, new=new, need=need, why=why)


def _need(name: str, old: str, new: str, known: ServerParameter | None) -> tuple[Need, str]:
    if known is None:
        return "reload", "PostgreSQL knows it once its library is loaded"
    if known.altered:
        return "nothing", "what ALTER SYSTEM set on this node wins"
    if known.context == "internal":
        return "nothing", "it cannot be set"
    if known.context == "postmaster":
        return "restart", order(name, old or known.standard, new or known.standard)
    return "reload", "new connections have it" if "backend" in known.context else ""


def order(name: str, old: str, new: str) -> str:
    """Whose restart comes first, where that matters: a replica must never have less than its primary."""
    if name not in NOT_LOWER or not (old.isdecimal() and new.isdecimal()):
        return ""
    return "the primary first: it gets lower" if int(new) < int(old) else "replicas first: it gets higher"
