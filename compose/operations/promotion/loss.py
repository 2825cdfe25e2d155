"""Who takes over from a primary that is gone, and what of its commits would be lost with it. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

from cluster.errors import RefusedError
from cluster.postgres.lsn import Lsn
from cluster.postgres.wal_records import WalTail
from cluster.units import human_seconds, human_size


@dataclass(frozen=True, slots=True, kw_only=True)
class Successor:
    """A replica: how far it has received WAL on which timeline, or why it cannot take over."""

    name: str
    timeline: int
    received: Lsn
    given: Lsn | None = None
    """How far it comes with WAL that others than the old primary have."""
    silent_for: float | None = None
    """Seconds since it last heard of the primary, where it knows."""
    unfit: str = ""


def furthest(replicas: Sequence[Successor]) -> Successor:
    """The replica that lacks least, on the newest timeline; of equals the first.

    Raises:
        RefusedError: there is none; says why of each.
    """
    fit = [each for each in replicas if not each.unfit]
    if not fit:
        why = "; ".join(f"{each.name} {each.unfit}" for each in replicas) or "there is no replica"
        raise RefusedError(f"nobody can take over: {why}", "see inv status; inv up starts what does not run")
    return max(fit, key=lambda each: (each.timeline, each.received))


@dataclass(frozen=True, slots=True, kw_only=True)
class Loss:
    """What is lost if a replica is promoted as it is.

    ``none`` is why nothing can be; ``size`` is in bytes, None where nobody knows; ``seconds`` how long ago the
    replica heard of the primary last.
    """

    none: str = ""
    size: int | None = None
    seconds: float | None = None

    def permitted(self, allowed: int | None) -> bool:
        """Whether it may be lost: ``allowed`` are bytes, None is whatever it is."""
        if self.none or allowed is None:
            return True
        return self.size is not None and allowed > 0 and self.size <= allowed

    @property
    def text(self) -> str:
        """In words."""
        if self.none:
            return f"nothing is lost: {self.none}"
        size = "an unknown part" if self.size is None else f"at least {human_size(self.size)}"
        since = "" if self.seconds is None else f", from the last {human_seconds(self.seconds)} before now at most"
        return f"{size} of the WAL may be lost{since}"


def expected_loss(
    chosen: Successor, replicas: Sequence[Successor], tail: WalTail | None, known: Lsn | None, synchronous: int
) -> Loss:
    """What would be lost with ``chosen``, which is given all WAL there is.

    Args:
        chosen: takes over.
        replicas: all of them.
        tail: the WAL in the old primary's own data; None where that cannot be read.
        known: how far it is known to have written, from whoever watched it.
        synchronous: how many replicas every commit waited for.
    """
    if tail is not None:
        lacking = max(0, tail.end - chosen.received)
        more = f", of which {chosen.name} is given the last {human_size(lacking)}" if lacking else ""
        return Loss(none=f"all WAL of the old primary is on this disk{more}")
    absent = sum(bool(each.unfit) for each in replicas)
    reached = chosen.given or chosen.received
    most = max(each.received for each in replicas if not each.unfit and each.timeline == chosen.timeline)
    if absent < synchronous and reached >= most:
        return Loss(none=f"every commit was on {synchronous} synchronous replicas, and all but {absent} answer")
    size = None if known is None else max(0, known - reached)
    return Loss(size=size, seconds=chosen.silent_for)
