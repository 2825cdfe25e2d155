"""What thousands of statements cost: the exporter's page, and what the health service reads and keeps each minute."""

import gc
import resource
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from cluster.observed.statement_counters import read_counters, read_some_texts
from cluster.postgres.failures import ConnectError
from exporters.collectors.statistics import Remembered, read_statistics
from exporters.metrics.exposition import encode
from exporters.metrics.postgres import SOURCES
from exporters.metrics.probe import node_metrics
from exporters.metrics.series import NodeSeries
from health.insight.statement_ledger import StatementLedger, TimedReading
from health.insight.statement_recorder import DEADLINE, STATEMENT_TIMEOUT
from health.insight.statement_store import FILE, StatementStore
from tests.fix_images import image
from tests.fix_postgres import Server, box, primary

_COLUMNS = 72
_STATEMENTS = 5000
_LONG = 100_000
_ROUNDS = 9
_EXECUTE = """DO $$ BEGIN SET LOCAL pg_stat_statements.track = 'all'; FOR n IN 0..{most} LOOP
    EXECUTE format('SELECT c%s, c%s FROM wide /* %s */', n / 72, n % 72, repeat('x', {length})); END LOOP; END $$"""


def thousands() -> None:
    """CPU and seconds before and after there are 5,000 statements, and with texts of 100 kB each."""
    with tempfile.TemporaryDirectory(prefix="pods-bench-") as directory, box(Path(directory) / "box", image()) as made:
        server = primary(made, "many", 5432, shared_preload_libraries="pg_stat_statements")
        server.sql("CREATE EXTENSION pg_stat_statements", _wide())
        print("a page of the exporter; all that is remembered for a minute is read anew")
        _scrape(server, "before")
        server.sql(_EXECUTE.format(most=_STATEMENTS - 1, length=1))
        _scrape(server, "with 5,000")
        _record(server, Path(directory))
        _texts(server, "short")
        server.sql("SELECT pg_stat_statements_reset()", _EXECUTE.format(most=_STATEMENTS - 1, length=_LONG))
        print(f"file of texts: {server.box.sh(f'du -m {server.data}/pg_stat_tmp').split()[0]} MB")
        _measured("counters", lambda: read_counters("primary", server.access), server)
        _texts(server, "100 kB each")


def _wide() -> str:
    return f"CREATE TABLE wide ({', '.join(f'c{n} int' for n in range(_COLUMNS))})"


def _scrape(server: Server, what: str) -> None:
    series, remembered = NodeSeries(), Remembered()

    def page(kept: Remembered) -> None:
        reading = read_statistics(server.access, SOURCES, kept)
        assert not reading.error, reading.error
        assert not reading.failures, reading.failures
        encode(node_metrics(reading, 0.1, series, most=100), "")

    page(remembered)
    _measured(f"{what}: all of it", lambda: page(Remembered()), server)
    _measured(f"{what}: as most scrapes", lambda: page(remembered), server)


def _record(server: Server, directory: Path) -> None:
    (directory / "store").mkdir()
    store, ledger = StatementStore(directory / "store"), StatementLedger()
    moment = [1_800_000_000.0]

    def minute() -> None:
        for node in ("primary", "replica1", "replica2"):
            reading = read_counters(node, replace(server.access, user="postgres"))
            assert not reading.error, reading.error
            ledger.add(TimedReading(node=node, counted=reading.counted, taken=moment[0], monotonic=moment[0]))
        store.put(ledger.buckets())
        ledger.store()
        moment[0] += 60.0
        if moment[0] % 300 < 60:
            store.compact(moment[0])

    minute()
    _measured("a minute of three nodes, recorded", minute, server)
    print(f"  {FILE}: {sum(each.stat().st_size for each in (directory / 'store').iterdir()) >> 10} kB after {_ROUNDS}")


def _texts(server: Server, what: str) -> None:
    some = {row["queryid"] for row in server.sql("SELECT queryid FROM pg_stat_statements(false) LIMIT 60")}
    access = replace(server.access, statement_timeout=STATEMENT_TIMEOUT, patience=DEADLINE)

    def texts() -> None:
        try:
            read_some_texts(access, some)
        except ConnectError as error:
            print(f"  {error.message}")

    _measured(f"texts of 60, {what}", texts, server, rounds=1)


def _measured(what: str, work: Callable[[], object], server: Server, rounds: int = _ROUNDS) -> None:
    """Median of seconds; mean of CPU, ours and the container's, and what its processes had in memory at most."""
    gc.collect()
    seconds, ours, theirs = [], _cpu(), _server_cpu(server)
    for _ in range(rounds):
        began = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - began)
    ours, theirs = (_cpu() - ours) / rounds, (_server_cpu(server) - theirs) / rounds
    print(
        f"  {what:<40} {1e3 * sorted(seconds)[rounds // 2]:8.1f} ms; CPU {1e3 * ours:7.1f} ms here,"
        f" {1e3 * theirs:7.1f} ms of the server"
    )


def _cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def _server_cpu(server: Server) -> float:
    """Seconds that all processes of the container have used, those that ended included."""
    files = "/sys/fs/cgroup/cpuacct/cpuacct.usage /sys/fs/cgroup/cpu.stat"
    found = server.box.sh(f"for f in {files}; do [ ! -r $f ] || {{ cat $f; break; }}; done", user="0").split()
    return float(found[0]) / 1e9 if len(found) == 1 else float(found[found.index("usage_usec") + 1]) / 1e6
