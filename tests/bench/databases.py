"""What hundreds of databases cost: a look of the exporter at a node that has them, and the verdict on their pools."""

import os
import statistics
import tempfile
import time
from collections import defaultdict
from pathlib import Path

from exporters.collectors.statistics import Remembered, Statistics, read_statistics
from exporters.metrics.exposition import encode
from exporters.metrics.postgres import SOURCES
from exporters.metrics.probe import node_metrics
from exporters.metrics.series import NodeSeries
from tests.fix_images import image
from tests.fix_postgres import Server, box, primary

COUNTS = (1, 50, 500)
_SCRAPES = 10


def hundreds() -> None:
    """Seconds, samples and bytes of a node's page with each number of databases, on a real server."""
    with tempfile.TemporaryDirectory(prefix="pods-bench-") as directory, box(Path(directory) / "box", image()) as made:
        server, known = primary(made, "many", 5432), 0
        for count in COUNTS:
            began = time.perf_counter()
            _create(server, range(known, count))
            created, known = time.perf_counter() - began, count
            _scrape(server, count, created)


def _create(server: Server, numbers: range) -> None:
    server.sql(*(f"CREATE DATABASE shop{number} STRATEGY file_copy" for number in numbers))


def _scrape(server: Server, count: int, created: float) -> None:
    series, seconds, pages = NodeSeries(), defaultdict[str, list[float]](list), list[tuple[int, int]]()
    for number in range(_SCRAPES):
        began = time.perf_counter()
        # the first look reads what is otherwise remembered for a minute
        reading = read_statistics(server.access, SOURCES, Remembered())
        body, samples = _page(reading, series)
        seconds["whole" if number else "first"].append(time.perf_counter() - began)
        for collector, took in reading.seconds.items():
            seconds[collector].append(took)
        pages.append((len(body), samples))
        assert not reading.error, reading.error
        assert not reading.failures, reading.failures
    size, samples = pages[-1]
    print(
        f"\n{count} databases (made in {created:.1f} s): {samples} samples, {size >> 10} kB; median of {_SCRAPES} looks"
    )
    for what, each in sorted(seconds.items(), key=lambda item: -statistics.median(item[1])):
        print(f"  {what:<20} {1e3 * statistics.median(each):7.1f} ms (at most {1e3 * max(each):.1f})")


def _page(reading: Statistics, series: NodeSeries) -> tuple[bytes, int]:
    most = int(os.environ.get("BENCH_SHOWN", "100"))
    metrics = node_metrics(reading, 0.1, series, most=most, first=("postgres", "shop0"))
    return encode(metrics, "")[0], sum(len(metric.samples) for metric in metrics)
