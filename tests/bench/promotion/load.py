"""pgbench with eight clients beside the writers, as any application would be there."""

import os
import re
import statistics
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from tests.bench.promotion.contestant import Contestant, docker
from tests.bench.promotion.patroni import IMAGE, LABEL

CLIENTS = 8
SCALE = 10
"""160 MB."""
_FIRST = 3
_RATE = os.environ.get("BENCH_RATE", "")


@dataclass
class Load:
    """A running pgbench; ``rate`` (transactions a second before the event) and ``aborted`` are known when it ended."""

    container: str
    rate: float = 0.0
    aborted: int = 0


def aborted_clients(printed: str) -> int:
    """How many clients of pgbench gave up."""
    return len(set(re.findall(r"client (\d+) .*aborted", printed)))


def first_rate(printed: str) -> float:
    """Transactions a second of its first reports."""
    rates = [float(rate) for rate in re.findall(r"progress: .*?, ([\d.]+) tps", printed)]
    return statistics.mean(rates[:_FIRST]) if rates else 0.0


def initialise(contestant: Contestant) -> None:
    """pgbench's tables."""
    _pgbench(contestant, ["--rm"], "--initialize", f"--scale={SCALE}", "--quiet")


def _pgbench(contestant: Contestant, run: list[str], *options: str) -> str:
    given = [*run, f"--network={contestant.network}", f"--label={LABEL}={os.getpid()}", "--entrypoint=pgbench"]
    return docker("run", *given, IMAGE, *options, contestant.inside)


@contextmanager
def load(contestant: Contestant) -> Iterator[Load]:
    """TPC-B, prepared, as fast as it goes or ``BENCH_RATE`` transactions a second."""
    options = [f"--client={CLIENTS}", "--jobs=2", "--protocol=prepared", "--no-vacuum", "--time=3600", "--progress=1"]
    options += [f"--rate={_RATE}"] if _RATE else []
    running = Load(_pgbench(contestant, ["--detach", "--init"], *options).split()[-1])
    try:
        time.sleep(_FIRST)
        yield running
    finally:
        printed = docker("logs", running.container, check=False)
        running.aborted, running.rate = aborted_clients(printed), first_rate(printed)
        docker("rm", "--force", "--volumes", running.container, check=False)
