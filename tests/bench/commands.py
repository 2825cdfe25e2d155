"""What a command costs before it does anything, and what `inv status` costs: CPU seconds, children included."""

import resource
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from cluster.config.env_file import PROJECT_ROOT
from tests.bench.measure import row
from tests.bench.running import running
from tests.fix_inv import Inv

ROUNDS = 15
BARE = "python -c pass"


def listing() -> None:
    """`--list` by our entry and by Invoke's own, beside an interpreter that does nothing."""
    inv = Inv(Path.cwd())
    _compare(
        {
            BARE: [sys.executable, "-c", "pass"],
            "inv --list": [str(Path(sys.prefix) / "bin/inv"), "--search-root", str(PROJECT_ROOT), "--list"],
            "./pods.sh --list": inv.argv("--list"),
            "./pods.sh --complete (TAB)": inv.argv("--complete", "--", "backup.restore", "--"),
        },
        inv.environ,
    )


def status() -> None:
    """`inv status` of a primary and two replicas with everything that watches them; the promise is 0.5 s."""
    with running() as cluster:
        inv = cluster.inv
        _compare({BARE: [sys.executable, "-c", "pass"], "./pods.sh status": inv.argv("status")}, inv.environ)


def _compare(commands: Mapping[str, Sequence[str]], environ: Mapping[str, str]) -> None:
    """In turn, so that what else the machine does is felt by all."""
    seconds: dict[str, list[float]] = {name: [] for name in commands}
    for _ in range(ROUNDS):
        for name, argv in commands.items():
            seconds[name].append(_cpu(argv, environ))
    for name, figures in seconds.items():
        print(row(f"{name}, CPU", figures, None if name == BARE else seconds[BARE]))


def _cpu(argv: Sequence[str], environ: Mapping[str, str]) -> float:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(argv, env=environ, check=True, capture_output=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
