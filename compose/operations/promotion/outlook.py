"""What a failover would do now: who takes over, what WAL that node is given, and what is lost."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from cluster.errors import RefusedError
from cluster.pools import synchronous_count
from cluster.postgres.data_directory import holds_data
from cluster.postgres.lsn import Lsn
from cluster.postgres.wal_records import WalTail
from compose.operations.promotion.archived_wal import archived_wal
from compose.operations.promotion.common_wal import goes_on
from compose.operations.promotion.loss import Loss, Successor, expected_loss, furthest
from compose.operations.promotion.successors import successors
from compose.operations.promotion.wal_files import WalFiles
from compose.stack import Stack


@dataclass(frozen=True, slots=True, kw_only=True)
class FailoverOrder:
    """Who shall take over (None: who lacks least), and how many bytes may be lost (None: whatever it is).

    ``known`` is how far the primary is known to have written, from whoever watched it. ``by`` is for the journal.
    """

    to: str | None = None
    allowed: int | None = 0
    known: Lsn | None = None
    by: str = "inv failover"


@dataclass(frozen=True, slots=True, kw_only=True)
class Outlook:
    """Who takes over, where WAL is that this node lacks and how far it goes (None: there is none), and the loss."""

    chosen: Successor
    files: WalFiles | None
    tail: WalTail | None
    loss: Loss

    @property
    def end(self) -> Lsn:
        """How far the chosen one has, or is given, what the old primary wrote."""
        return self.chosen.received if self.tail is None else max(self.tail.end, self.chosen.received)


def read_outlook(stack: Stack, order: FailoverOrder) -> Outlook:
    """What there is now.

    Raises:
        RefusedError: nobody can take over, or more would be lost than may be.
    """
    source = stack.topology.primary
    # the primary is known not to answer, which would take its time
    without = stack.with_topology(replace(stack.topology, nodes=stack.topology.replicas))
    found = successors(stack, without.snapshot())
    here = [each for each in found if each.name in stack.topology.local_names]
    chosen = furthest([each for each in here if order.to in (None, each.name)])
    own_wal = goes_on(stack.home, stack.topology, chosen.name)
    files = WalFiles.of(stack.home.node(source), chosen.timeline) if own_wal else None
    tail = own = None if files is None else files.tail(chosen.received)
    if own is None:
        files, tail = _elsewhere(stack, chosen, found)
        chosen = chosen if tail is None else replace(chosen, given=tail.end)
    loss = expected_loss(chosen, found, own, order.known, synchronous_count(stack.settings))
    if not loss.permitted(order.allowed):
        raise RefusedError(
            f"{_unreadable(stack, source)}, and with {chosen.name} {loss.text}",
            f"put the disk of {source} back if you can; else give --accept-data-loss",
        )
    return Outlook(chosen=chosen, files=files, tail=tail, loss=loss)


def _unreadable(stack: Stack, source: str) -> str:
    directory = stack.home.node(source)
    return f"what {source} wrote last cannot be read" if holds_data(directory) else f"there is no data in {directory}"


def _elsewhere(stack: Stack, chosen: Successor, found: Sequence[Successor]) -> tuple[WalFiles | None, WalTail | None]:
    """Who else has most of what the chosen one lacks: another replica, or the archive."""
    ahead = [each.name for each in found if each.timeline == chosen.timeline and each.received > chosen.received]
    here = stack.topology.local_names
    sources = [WalFiles.of(stack.home.node(name), chosen.timeline) for name in ahead if name in here]
    sources.append(archived_wal(stack, chosen.timeline, chosen.received))
    tails = [(files, files.tail(chosen.received)) for files in sources if files is not None]
    better = [(files, tail) for files, tail in tails if tail is not None and tail.end > chosen.received]
    return max(better, key=lambda each: each[1].end, default=(None, None))
