"""One event while clients write, and what they saw of it."""

import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.bench.promotion.attempts import Attempt, client_gap, longest_gap, lost, read_attempts
from tests.bench.promotion.contestant import Contestant
from tests.bench.promotion.load import load
from tests.bench.promotion.outcomes import Outcome

Event = Callable[[Contestant], float]
"""What happens; returns the moment of a kill, or 0."""
_SETTLED = 0.5
"""Seconds: an acknowledged write in the last of them means that clients write again."""
_AFTER = 3.0
"""Seconds after an event in which it may still be felt."""
_PATIENCE = 240.0


def switch_over(contestant: Contestant) -> float:
    """Planned."""
    contestant.switch_over()
    return 0.0


def fail_over(contestant: Contestant) -> float:
    """The primary's container is killed."""
    killed = contestant.kill_primary()
    contestant.fail_over()
    return killed


def measure(contestant: Contestant, event: Event) -> Outcome:
    """What clients of ``contestant`` saw of ``event``."""
    with load(contestant) as pgbench:
        with _writing(contestant) as writers:
            time.sleep(1)
            began = time.monotonic()
            killed = event(contestant)
            over = writers.await_writes((killed or time.monotonic()) + _AFTER)
        attempts = writers.attempts
    seen = [each for each in attempts if began <= each.ended <= over]
    failed, refused = (sum(each.result == result for each in seen) for result in ("failed", "refused"))
    silence = longest_gap(seen, began, over)
    return Outcome(
        gap=round(client_gap(seen, began, over).seconds, 3),
        silence=round(silence.seconds, 3),
        first_write=round(silence.ended - killed, 3) if killed else 0.0,
        failed=failed,
        refused=refused,
        lost=len(lost(attempts, contestant.rows())),
        aborted=pgbench.aborted,
        rate=round(pgbench.rate),
    )


@dataclass
class _Writers:
    """The process that writes, and its log."""

    log: Path
    attempts: list[Attempt]

    def await_writes(self, after: float) -> float:
        """Until writes are acknowledged, later than ``after``; the moment."""
        until = time.monotonic() + _PATIENCE
        while (now := time.monotonic()) < until:
            self.attempts = read_attempts(self.log.read_text())
            newest = max((each.ended for each in self.attempts if each.result == "written"), default=0.0)
            if newest > max(after, now - _SETTLED):
                return newest
            time.sleep(0.2)
        raise AssertionError(f"nobody writes any more: {self.attempts[-1:]}")


@contextmanager
def _writing(contestant: Contestant) -> Iterator[_Writers]:
    with tempfile.TemporaryDirectory(prefix="pods-bench-") as directory:
        log = Path(directory) / "log"
        log.touch()
        argv = [sys.executable, str(Path(__file__).with_name("writers.py")), str(log)]
        process = subprocess.Popen(argv, stdin=subprocess.PIPE, text=True)
        try:
            assert process.stdin is not None
            process.stdin.write(contestant.conninfo + "\n")
            process.stdin.flush()
            writers = _Writers(log, [])
            writers.await_writes(0.0)
            yield writers
            process.communicate(timeout=30)
            writers.attempts = read_attempts(log.read_text())
        finally:
            process.kill()
            process.wait()
