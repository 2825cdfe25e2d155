"""Switchover and failover beside Patroni, etcd and HAProxy in one run: what clients see, by the same clients."""

import os
from collections.abc import Sequence
from contextlib import ExitStack
from datetime import UTC, datetime

from tests.bench.promotion.contestant import Contestant
from tests.bench.promotion.events import Event, fail_over, measure, switch_over
from tests.bench.promotion.load import initialise
from tests.bench.promotion.outcomes import PEER, Bench, Outcome, table
from tests.bench.promotion.patroni import patroni
from tests.bench.promotion.pods import pods
from tests.bench.promotion.record import record

_SWITCHOVERS, _FAILOVERS, _OF_THE_PEER = 30, 10, 30
"""Runs where nobody wants another number; further ones are ours alone: the peer's take half a minute each."""
_MODES = os.environ.get("BENCH_FAILOVER", "auto").split(",")


def switchover() -> None:
    """`inv switchover` back and forth beside `patronictl switchover`, in turn."""
    with ExitStack() as stack:
        _compare("switchover", [stack.enter_context(pods()), stack.enter_context(patroni())], switch_over, _SWITCHOVERS)


def failover() -> None:
    """The primary's container is killed: supervisor (`auto`) or `inv failover` (`manual`) beside Patroni, in turn."""
    with ExitStack() as stack:
        ours = [stack.enter_context(pods(mode)) for mode in _MODES]
        _compare("failover", [*ours, stack.enter_context(patroni())], fail_over, _FAILOVERS)


def _compare(name: str, contestants: Sequence[Contestant], event: Event, usual: int) -> None:
    runs: dict[str, list[Outcome]] = {each.name: [] for each in contestants}
    for contestant in contestants:
        initialise(contestant)
    began = os.getloadavg()[0]
    try:
        for number in range(int(os.environ.get("BENCH_RUNS") or usual)):
            for contestant in contestants:
                if contestant.name != PEER or number < _OF_THE_PEER:
                    runs[contestant.name].append(_run(number, contestant, event))
    finally:
        done = {who: found for who, found in runs.items() if found}
        about = f"{datetime.now(UTC):%Y-%m-%d}, load of the machine {began:.1f} before, {os.getloadavg()[0]:.1f} after"
        bench = Bench(name=name, about=about, runs=done)
        print(f"\n{name}: {about}\n\n{table(bench)}", flush=True)
    if os.environ.get("BENCH_RECORD"):
        record(bench)


def _run(number: int, contestant: Contestant, event: Event) -> Outcome:
    outcome = measure(contestant, event)
    print(f"{number + 1:3} {contestant.name:<16} {outcome}", flush=True)
    contestant.restore()
    return outcome
