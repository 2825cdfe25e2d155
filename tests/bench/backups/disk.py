"""Base backups on a disk: full, incremental, and restores of both, beside pgBackRest."""

import os
import statistics
from collections.abc import Callable, Sequence

from tests.bench.backups.box import Cost
from tests.bench.backups.peers import RESTORED, Ours, Peer, Theirs
from tests.bench.backups.world import GB, World, world

PAIRS = 3
_BLOCKS = ("--repo1-bundle=y", "--repo1-block=y")
"""pgBackRest's incremental backups by blocks instead of whole files of up to 1 GB: its best."""


def full() -> None:
    """A full backup, and a restore of it."""
    made = world()
    peers = (Theirs(made.box), Ours(made.box))
    compare_full("full backup to disk", peers)
    _told("restore of a full backup", peers, _in_turn(peers, lambda peer: _restore(made, peer)))


def compare_full(what: str, peers: Sequence[Peer], pairs: int = PAIRS) -> None:
    """Full backups of both, each into an empty store."""

    def take(peer: Peer) -> Cost:
        peer.clear()
        return peer.take("full")

    _told(what, peers, _in_turn(peers, take, pairs))


def increment() -> None:
    """An incremental backup after 5 % of pages were changed, each on the one before; then a restore of the chain."""
    made = world()
    peers = (Theirs(made.box, options=_BLOCKS), Ours(made.box))
    for peer in peers:
        peer.clear()
        peer.take("full")
    before = {peer.name: peer.stored() for peer in peers}
    found = _in_turn(peers, lambda peer: peer.take("incremental"), each=made.change_pages)
    _told("incremental backup, 5 % of pages changed", peers, found)
    for peer in peers:
        print(f"{peer.name:<12} {(peer.stored() - before[peer.name]) / (PAIRS + 1):9.1f} MB stored for each increment")
    _told(f"restore of a chain of {PAIRS + 2}", peers, _in_turn(peers, lambda peer: _restore(made, peer)))


def _restore(made: World, peer: Peer) -> Cost:
    made.box.sh(f"rm -rf {RESTORED} && mkdir -m 700 {RESTORED}")
    return peer.restore()


def _in_turn(
    peers: Sequence[Peer], work: Callable[[Peer], Cost], pairs: int = PAIRS, each: Callable[[], object] = lambda: None
) -> dict[str, list[Cost]]:
    """Once unmeasured, then so many ``pairs``; who begins changes. ``each`` is done before every round."""
    found: dict[str, list[Cost]] = {peer.name: [] for peer in peers}
    for number in range(pairs + 1):
        each()
        for peer in peers if number % 2 else tuple(reversed(peers)):
            cost = work(peer)
            if number:
                found[peer.name].append(cost)
    return found


def _told(what: str, peers: Sequence[Peer], found: dict[str, list[Cost]]) -> None:
    print(f"\n{what}: {GB:g} GB, {len(found[peers[0].name])} pairs in turn, load {os.getloadavg()[0]:.1f}")
    middle = {name: statistics.median(cost.seconds for cost in costs) for name, costs in found.items()}
    for peer in peers:
        costs = found[peer.name]
        seconds = [cost.seconds for cost in costs]
        print(
            f"{peer.name:<12} {middle[peer.name]:7.2f} s ({min(seconds):.2f}–{max(seconds):.2f})   "
            f"{statistics.median(cost.cpu for cost in costs):7.2f} s of CPU, server's too   "
            f"{max(cost.rss for cost in costs):6.0f} MB of client memory   {peer.stored():8.1f} MB in the store"
        )
    theirs, ours = (middle[peer.name] for peer in peers)
    print(f"ratio        {ours / theirs:7.2f} × the peer's time")
