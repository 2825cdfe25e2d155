"""Timing and telling: medians, spread, ratio."""

import statistics
import time
from collections.abc import Callable


def timed(work: Callable[[], object]) -> float:
    """Wall seconds of one call."""
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def row(what: str, seconds: list[float], peer: list[float] | None = None) -> str:
    """One line: median, minimum and maximum, and the ratio of medians to the peer's."""
    middle = statistics.median(seconds)
    told = f"{what:<48} {middle:7.3f} s  ({min(seconds):.3f}–{max(seconds):.3f}, n={len(seconds)})"
    return told + (f"  {middle / statistics.median(peer):.2f}× the peer" if peer else "")
