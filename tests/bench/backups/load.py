"""What archiving and backing up cost the primary: pgbench's transactions per second with and without."""

import os
import statistics
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext

from tests.bench.backups.box import BENCH
from tests.bench.backups.peers import Ours, Peer, Theirs
from tests.bench.backups.wal import PUSH, archiver, caught_up, pushed
from tests.bench.backups.world import World, world

ROUNDS = 3
SECONDS = 10


def cost() -> None:
    """Transactions per second alone, while WAL is archived, and while one backup follows another."""
    made = world()
    ways: dict[str, Callable[[], AbstractContextManager[object]]] = {
        "alone": nullcontext,
        "PODS archives": lambda: _archiving(made),
        "pgBackRest archives (asynchronous)": lambda: _pushing(made),
        "PODS backs up": lambda: _backing_up(Ours(made.box)),
        "pgBackRest backs up": lambda: _backing_up(Theirs(made.box)),
    }
    found: dict[str, list[float]] = {name: [] for name in ways}
    for number in range(ROUNDS):
        for name in ways if number % 2 else reversed(ways):
            made.sql("CHECKPOINT")
            with ways[name]():
                found[name].append(made.pgbench(SECONDS))
    print(f"\ncost: pgbench, 8 clients, {ROUNDS} × {SECONDS} s each in turn, load {os.getloadavg()[0]:.1f}")
    alone = statistics.median(found["alone"])
    for name, each in found.items():
        middle = statistics.median(each)
        print(f"{name:<36} {middle:7.0f} transactions/s ({min(each):.0f}–{max(each):.0f})   {middle / alone:5.2f}")


@contextmanager
def _archiving(made: World) -> Iterator[None]:
    """Ours, having caught up before."""
    Ours(made.box).clear()
    with archiver(made, f"{BENCH}/ours"):
        caught_up(made, f"{BENCH}/ours")
        yield


@contextmanager
def _pushing(made: World) -> Iterator[None]:
    """Theirs, having caught up before."""
    Theirs(made.box).clear()
    made.set("archive_command", f"{PUSH} --archive-async")
    try:
        pushed(made)
        yield
    finally:
        made.set("archive_command", "/bin/true")


@contextmanager
def _backing_up(peer: Peer) -> Iterator[None]:
    """Full backups one after the other."""
    peer.clear()
    ended = threading.Event()
    thread = threading.Thread(target=lambda: _take_until(peer, ended))
    thread.start()
    try:
        time.sleep(0.5)
        yield
    finally:
        ended.set()
        thread.join()


def _take_until(peer: Peer, ended: threading.Event) -> None:
    while not ended.is_set():
        peer.take("full")
