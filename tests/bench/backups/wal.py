"""The archive beside pgBackRest's archive-push: how fast a backlog goes, and the same segments for all."""

import json
import os
import statistics
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from cluster.postgres.lsn import Lsn
from tests.bench.backups.box import BENCH, Cost
from tests.bench.backups.peers import Ours, Theirs
from tests.bench.backups.world import DATA, UPLOADS, WAL_LEVEL, World, world

SEGMENTS = int(os.environ.get("BENCH_SEGMENTS", "96"))
ROUNDS = 2
PUSH = "pgbackrest --stanza=bench archive-push %p"
_RUNS = (("pgBackRest, synchronous", PUSH), ("pgBackRest, asynchronous", f"{PUSH} --archive-async"), ("PODS", ""))
_SEGMENT = 16 << 20
_STATUS = f"{DATA}/pg_wal/archive_status"


def archive() -> None:
    """Segments a second of catching up: ours, synchronous pushes, asynchronous ones; and the container's CPU."""
    made = world()
    goal = _make_backlog(made)
    found: dict[str, list[tuple[float, float]]] = {}
    for number in range(ROUNDS):
        runs = [
            ("pgBackRest, synchronous", PUSH),
            ("pgBackRest, asynchronous", f"{PUSH} --archive-async"),
            ("PODS", ""),
        ]
        for name, command in runs if number % 2 else reversed(runs):
            cost = _push(made, command) if command else _ship(made, goal)
            told = json.loads(cost.said)
            per_segment = 1000 * cost.cpu / told["segments"]
            found.setdefault(name, []).append((told["segments"] / told["seconds"], per_segment))
    made.box.sh(f"rm -rf {BENCH}/seed")
    print(f"\narchive: {SEGMENTS} segments, {ROUNDS} times in turn, load {os.getloadavg()[0]:.1f}")
    rates = {name: statistics.median(rate for rate, _ in each) for name, each in found.items()}
    for name, each in sorted(found.items(), reverse=True):
        cpu = statistics.median(cost for _, cost in each)
        print(f"{name:<26} {rates[name]:6.1f} segments/s   {cpu:6.0f} ms of CPU for each, server's too")
    for name in sorted(rates.keys() - {"PODS"}):
        print(f"ratio to {name:<26} {rates['PODS'] / rates[name]:6.2f}")


def _make_backlog(made: World) -> str:
    """WAL of pgbench and of changes all over that neither has; where it ends."""
    Ours(made.box).clear()
    made.box.run(*_archiver(made, f"{BENCH}/seed", goal=made.sql("SELECT pg_current_wal_flush_lsn()")))
    made.set("archive_command", "")
    made.set("fsync", "off")
    first = made.sql("SELECT pg_current_wal_lsn()")
    while int(made.sql(f"SELECT pg_current_wal_lsn() - '{first}'::pg_lsn")) < SEGMENTS * _SEGMENT:
        made.pgbench(2, options="-c synchronous_commit=off")
        made.change_pages()
    made.set("fsync", "on")
    made.sql("SELECT pg_switch_wal()")
    made.sql("CHECKPOINT")
    made.box.sh(f"cd {_STATUS} && ls *.ready > {BENCH}/backlog")
    position = int(made.sql("SELECT pg_current_wal_lsn() - '0/0'::pg_lsn")) // _SEGMENT * _SEGMENT
    return f"{position >> 32:X}/{position & 0xFFFFFFFF:X}"


@contextmanager
def archiver(made: World, home: str, tail: float = 10.0) -> Iterator[None]:
    """Ours at work while the body runs; it may have died meanwhile."""
    running = made.box.start(*_archiver(made, home, "", tail))
    try:
        yield
    finally:
        made.box.sh("pkill -TERM -f '[i]nside archive' || true")
        running.communicate(timeout=120)


def caught_up(made: World, home: str) -> None:
    """Wait until ours has in the store what was written so far, but for an unfinished segment."""
    goal = int(made.sql("SELECT pg_current_wal_flush_lsn() - '0/0'::pg_lsn")) // _SEGMENT * _SEGMENT
    state = made.box.path / Path(home).name / "status.json"
    deadline = time.monotonic() + 600
    while not state.exists() or _archived(json.loads(state.read_text())) < goal:
        assert time.monotonic() < deadline, state.read_text() if state.exists() else "the archiver did not start"
        time.sleep(0.1)


def _archived(state: dict[str, Any]) -> int:
    told = state["archive"]["stores"][0]["archived"]
    return int(Lsn.parse(told)) if told else -1


def pushed(made: World) -> None:
    """Wait until the server has nothing more to archive by command."""
    while made.box.sh(f"ls {_STATUS} | grep -c ready || true").strip() != "0":
        time.sleep(0.1)


def _archiver(made: World, home: str, goal: str, tail: float = 10.0) -> tuple[str, ...]:
    asked = {"home": home, "store": f"{home}/store", "workers": UPLOADS, "level": WAL_LEVEL, "tail": tail, "goal": goal}
    made.box.sh(f"mkdir -p {home}/store {home}/spool")
    return made.box.ours("archive", **asked)


def _ship(made: World, goal: str) -> Cost:
    made.box.sh(f"rm -rf {BENCH}/ours && cp -a {BENCH}/seed {BENCH}/ours")
    return made.box.measure(*_archiver(made, f"{BENCH}/ours", goal))


def _push(made: World, command: str) -> Cost:
    Theirs(made.box).clear()
    made.set("archive_command", "")
    made.box.sh(f"cd {_STATUS}; for f in $(cat {BENCH}/backlog); do mv ${{f%.ready}}.done $f 2>/dev/null || true; done")
    cost = made.box.measure(*made.box.ours("push", data=DATA, command=command))
    made.set("archive_command", "/bin/true")
    return cost
