"""`nox -s bench`: each figure beside its peer's, in one run, as a ratio. Names on the command line choose.

`NAME=N` has switchover and failover run N times.
"""

import os
import signal
import sys
from collections.abc import Callable

from tests.bench import commands, databases, exporters, health, launch, promotion, replicas, statements
from tests.bench.backups import bucket, disk, load, loss, wal

BENCHES: dict[str, Callable[[], None]] = {
    "launch": launch.up_beside_compose,
    "list": commands.listing,
    "status": commands.status,
    "add": replicas.add_beside_basebackup,
    "growing": replicas.growing,
    "exporter": exporters.beside_upstream,
    "databases": databases.hundreds,
    "statements": statements.thousands,
    "health": health.beside_patroni,
    "backup": disk.full,
    "increment": disk.increment,
    "backup-s3": bucket.full,
    "archive": wal.archive,
    "backup-cost": load.cost,
    "rto": loss.rto,
    "rpo": loss.rpo,
    "switchover": promotion.switchover,
    "failover": promotion.failover,
}


def main() -> None:
    """Run the chosen benchmarks, or all."""
    # as Ctrl-C does, so that everything that was started is taken away
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("terminated"))
    for argument in sys.argv[1:] or BENCHES:
        name, _, runs = argument.partition("=")
        print(f"\n## {name}", flush=True)
        if runs:
            os.environ["BENCH_RUNS"] = runs
        BENCHES[name]()


main()
