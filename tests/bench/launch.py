"""What PODS adds to plain Compose when a cluster starts."""

import subprocess
from pathlib import Path

from tests.bench.measure import row, timed
from tests.bench.running import running
from tests.fix_inv import Inv

ROUNDS = 5


def up_beside_compose() -> None:
    """`inv up` against `docker compose up --wait` on the same rendered files: all built, cold and already up."""
    with running() as cluster:
        _compare(cluster.inv, cluster.home.path)


def _compare(inv: Inv, home: Path) -> None:
    cold: dict[str, list[float]] = {"inv": [], "compose": []}
    warm: dict[str, list[float]] = {"inv": [], "compose": []}

    def compose() -> None:
        subprocess.run(["docker", "compose", "up", "--detach", "--wait"], cwd=home, check=True, capture_output=True)

    for _ in range(ROUNDS):
        for name, start in (("inv", lambda: inv.ok("up")), ("compose", compose)):
            inv.ok("down")
            cold[name].append(timed(start))
            warm[name].append(timed(start))
    print(row("docker compose up --wait, from down", cold["compose"]))
    print(row("inv up, from down", cold["inv"], cold["compose"]))
    print(row("docker compose up --wait, already up", warm["compose"]))
    print(row("inv up, already up", warm["inv"], warm["compose"]))
