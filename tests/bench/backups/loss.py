"""What is lost when the host's primary and spool vanish (RPO), and how long until it serves again (RTO)."""

import os
import random
import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from backup.wal.restore_command import restore_command
from tests.bench.backups.box import BENCH, Box
from tests.bench.backups.peers import Ours, Peer, Theirs
from tests.bench.backups.wal import PUSH, archiver, caught_up, pushed
from tests.bench.backups.world import BIN, DATA, GB, LEVEL, WORKERS, World, make, start, stop, world
from tests.bench.measure import row, timed

ROUNDS = 8
PAIRS = 2
BUSY = 20
"""Seconds of pgbench."""
TAIL = 10.0
"""Seconds between two pieces of an unfinished segment: as shipped."""
_SMALL = 0.05
_STORE = f"{BENCH}/ours/store"
_RESTORED = f"{BENCH}/revived"
_PARAMETERS = {"port": "5433", "archive_command": "/bin/true", "summarize_wal": "off"}


@dataclass(frozen=True, slots=True)
class Loss:
    """Acknowledged commits that were gone, and the age (seconds) of the oldest of them at the moment of the crash."""

    commits: int
    age: float


def rpo() -> None:
    """Primary, data, archiver and spool are destroyed at a random moment; what the store brings back."""
    with make(_SMALL) as made:
        stop(made.box)
        made.box.sh(f"cp -a {DATA} {BENCH}/pristine")
        found = [_lose(made) for _ in range(ROUNDS)]
    ages = sorted(loss.age for loss in found)
    print(f"\nrpo: {ROUNDS} times at random, a piece every {TAIL:g} s, load {os.getloadavg()[0]:.1f}")
    print("commits lost: " + ", ".join(str(loss.commits) for loss in found))
    print("age of the oldest: " + ", ".join(f"{loss.age:.1f}" for loss in found) + " s")
    print(f"median {statistics.median(ages):.1f} s, most {ages[-1]:.1f} s; the promise is {TAIL + 1:g} s")


def _lose(made: World) -> Loss:
    box = made.box
    box.sh(f"rm -rf {DATA} {_RESTORED} && cp -a {BENCH}/pristine {DATA}")
    Ours(box).clear()
    start(box)
    with archiver(made, f"{BENCH}/ours", TAIL):
        caught_up(made, f"{BENCH}/ours")
        box.run(*box.ours("take", kind="full", level=LEVEL, workers=WORKERS, store=_STORE))
        writing = box.start(*box.ours("ledger", file=f"{BENCH}/acknowledged"))
        time.sleep(random.uniform(TAIL, 2 * TAIL))
        moment = _destroy(box)
    writing.communicate(timeout=60)
    _revive(box)
    highest = int(_ask(box, "SELECT coalesce(max(number), -1) FROM ledger"))
    assert int(_ask(box, "SELECT count(*) FROM ledger")) == highest + 1, "a hole"
    stop(box, _RESTORED, "immediate")
    lines = (made.box.path / "acknowledged").read_text().splitlines()
    lost = [float(line.split()[1]) for line in lines if int(line.split()[0]) > highest]
    return Loss(len(lost), moment - min(lost) if lost else 0.0)


def _destroy(box: Box) -> float:
    """Everything dies at once; the moment, after which nothing can have been acknowledged."""
    box.sh("kill -9 $(pgrep -f '[i]nside archive') $(pgrep -x postgres)")
    moment = time.time()
    box.sh(f"rm -rf {DATA} {BENCH}/ours/spool {BENCH}/ours/status.json")
    return moment


def _revive(box: Box) -> None:
    """A server from the store alone, at the end of its recovery."""
    ahead = f"{BENCH}/ahead"
    box.sh(f"rm -rf {ahead}")
    command = restore_command(Path(ahead), " ".join(box.ours("fetch", store=_STORE, ahead=ahead)))
    command = command.replace("{", "'{").replace("}", "}'")
    asked = {"into": _RESTORED, "store": _STORE, "restore_command": command, "parameters": _PARAMETERS}
    box.run(*box.ours("restore", **asked))
    _await_primary(box)


def _await_primary(box: Box) -> None:
    start(box, _RESTORED)
    while _ask(box, "SELECT pg_is_in_recovery()") != "f":
        time.sleep(0.05)


def _ask(box: Box, statement: str) -> str:
    psql = [f"{BIN}/psql", "-h", "/tmp", "-p", "5433", "-U", "postgres", "-AtXqc", statement]
    return box.run(*psql).strip()


def rto() -> None:
    """From nothing but the store to a server that takes writes: a full backup, and the WAL of some time of pgbench."""
    made = world()
    ours, theirs = Ours(made.box), Theirs(made.box)
    _prepare(made, (ours, theirs))
    found: dict[str, list[float]] = {ours.name: [], theirs.name: []}
    for number in range(PAIRS + 1):
        for name, revive in ((ours.name, _revive), (theirs.name, _revive_theirs)):
            made.box.sh(f"rm -rf {_RESTORED} {BENCH}/ahead {BENCH}/theirs/spool; sync")
            seconds = timed(partial(revive, made.box))
            stop(made.box, _RESTORED, "immediate")
            if number:
                found[name].append(seconds)
    print(f"\nrto: {GB:g} GB and the WAL of {BUSY} s of pgbench, {PAIRS} pairs, load {os.getloadavg()[0]:.1f}")
    print(row(theirs.name, found[theirs.name]))
    print(row(ours.name, found[ours.name], found[theirs.name]))


def _prepare(made: World, peers: Sequence[Peer]) -> None:
    """Full backups, and the same WAL after them in both archives."""
    for peer in peers:
        peer.clear()
    with archiver(made, f"{BENCH}/ours"):
        caught_up(made, f"{BENCH}/ours")
        made.set("archive_command", f"{PUSH} --archive-async")
        for peer in peers:
            peer.take("full")
        made.pgbench(BUSY)
        made.sql("SELECT pg_switch_wal()")
        caught_up(made, f"{BENCH}/ours")
        pushed(made)
    made.set("archive_command", "/bin/true")


def _revive_theirs(box: Box) -> None:
    box.sh(f"mkdir -m 700 {_RESTORED}")
    box.run("pgbackrest", "--stanza=bench", f"--pg1-path={_RESTORED}", "--archive-mode=off", "restore")
    given = "\n".join(f"{name} = '{value}'" for name, value in _PARAMETERS.items())
    box.sh(f"cat >> {_RESTORED}/postgresql.auto.conf <<'X'\n{given}\nX\n")
    _await_primary(box)
