"""Switchover and failover beside Patroni, etcd and HAProxy in one run: what clients see, by the same clients."""

import os
from collections.abc import Sequence
from contextlib import ExitStack
from datetime import UTC, datetime

from cluster.config.env_file import PROJECT_ROOT
from tests.bench.promotion.contestant import Contestant
from tests.bench.promotion.events import Event, fail_over, measure, switch_over
from tests.bench.promotion.load import CLIENTS, initialise
from tests.bench.promotion.outcomes import Bench, Outcome, from_json, table, to_json
from tests.bench.promotion.patroni import patroni
from tests.bench.promotion.pods import pods

RECORD = PROJECT_ROOT / "docs/reference/switchover-failover.json"
_RUNS = int(os.environ.get("BENCH_RUNS", "30"))
_MODES = os.environ.get("BENCH_FAILOVER", "auto").split(",")


def switchover() -> None:
    """`inv switchover` back and forth beside `patronictl switchover`, in turn."""
    with ExitStack() as stack:
        _compare("switchover", [stack.enter_context(pods()), stack.enter_context(patroni())], switch_over)


def failover() -> None:
    """The primary's container is killed: supervisor (`auto`) or `inv failover` (`manual`) beside Patroni, in turn."""
    with ExitStack() as stack:
        ours = [stack.enter_context(pods(mode)) for mode in _MODES]
        _compare("failover", [*ours, stack.enter_context(patroni())], fail_over)


def _compare(name: str, contestants: Sequence[Contestant], event: Event) -> None:
    runs: dict[str, list[Outcome]] = {each.name: [] for each in contestants}
    for contestant in contestants:
        initialise(contestant)
    began = os.getloadavg()[0]
    try:
        for number in range(_RUNS):
            for contestant in contestants:
                outcome = measure(contestant, event)
                runs[contestant.name].append(outcome)
                print(f"{number + 1:3} {contestant.name:<16} {outcome}", flush=True)
                contestant.restore()
    finally:
        done = {who: found for who, found in runs.items() if found}
        load = f"load {began:.1f} before and {os.getloadavg()[0]:.1f} after"
        about = f"{datetime.now(UTC):%Y-%m-%d}, pgbench with {CLIENTS} clients, {load}"
        _publish(Bench(name=name, about=about, runs=done))


def _publish(bench: Bench) -> None:
    print(f"\n{bench.name}: {bench.about}\n{table(bench)}", flush=True)
    if os.environ.get("BENCH_RECORD"):
        known = from_json(RECORD.read_text()) if RECORD.exists() else []
        RECORD.write_text(to_json([*(each for each in known if each.name != bench.name), bench]))
