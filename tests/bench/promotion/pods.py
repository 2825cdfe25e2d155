"""Ours: a primary and two replicas behind PgBouncer."""

import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from cluster.waiting import attempts, comes_true
from tests.bench.promotion.contestant import docker
from tests.bench.promotion.outcomes import OURS
from tests.bench.promotion.writers import TABLE
from tests.bench.running import running
from tests.fix_stack import Cluster

_PATIENCE = 180


@dataclass
class PodsCluster:
    """A running one, and what the bench does to it."""

    cluster: Cluster
    failover: str
    killed: str = ""
    steps: list[str] = field(default_factory=list)
    """What each `inv switchover` printed."""

    @property
    def name(self) -> str:
        """As it stands in tables."""
        return f"{OURS}, by hand" if self.failover == "manual" else OURS

    @property
    def network(self) -> str:
        """That of the nodes."""
        return f"{self.cluster.stack.topology.project}_nodes"

    @property
    def conninfo(self) -> str:
        """PgBouncer's port on this host."""
        access = self.cluster.access()
        return f"host={access.host} port={access.port} {self._login} sslmode=verify-full sslrootcert={access.ca}"

    @property
    def inside(self) -> str:
        """PgBouncer in the network."""
        return f"host=pgbouncer port=6432 {self._login} sslmode=require"

    @property
    def _login(self) -> str:
        access = self.cluster.access()
        return f"user={access.user} password={access.password} dbname={access.database}"

    @property
    def primary(self) -> str:
        """Who shall be the primary."""
        return self.cluster.stack.topology.primary

    def switch_over(self) -> None:
        """`inv switchover`: to whom it chooses."""
        self.steps.append(self.cluster.inv.ok("switchover").err)

    def kill_primary(self) -> float:
        """SIGKILL the primary's container, which the engine does not start again: it was killed through it.

        The supervisor starts it once, and a crash would be over then: here it is killed as often as it starts.
        """
        self.killed = self.primary
        container = self.cluster.container(self.killed)
        moment = time.monotonic()
        docker("kill", "--signal=KILL", container)
        if self.failover == "auto":
            threading.Thread(target=self._keep_down, args=[container], daemon=True).start()
        return moment

    def _keep_down(self, container: str) -> None:
        kill = ["docker", "kill", "--signal=KILL", container]
        for _ in attempts(_PATIENCE, pause=0.2):
            if self.primary != self.killed:
                return
            subprocess.run(kill, capture_output=True, check=False)  # mostly it does not run

    def fail_over(self) -> None:
        """`inv failover`, whatever was lost, which is counted; else the supervisor does it."""
        if self.failover == "manual":
            self.cluster.inv.ok("failover", "--accept-data-loss")
        assert comes_true(lambda: self.primary != self.killed, timeout=_PATIENCE, pause=0.5)

    def restore(self) -> None:
        """Wait until it is healthy, which a switchover leaves it by itself; after a kill with `inv up`."""
        if self.killed:  # the supervisor may be at it, too
            assert comes_true(lambda: self.cluster.inv("up").code == 0, timeout=_PATIENCE, pause=2.0)
            self.killed = ""
        reasons: list[str] = []

        def healthy() -> bool:
            reasons[:] = self.cluster.status()["reasons"]
            return not reasons

        assert comes_true(healthy, timeout=_PATIENCE), reasons

    def rows(self) -> set[tuple[int, int]]:
        """Read from the primary's own port."""
        found = self.cluster.query(f"SELECT client, number FROM {TABLE}", self.primary)
        return {(row["client"], row["number"]) for row in found}


@contextmanager
def pods(failover: str = "") -> Iterator[PodsCluster]:
    """A new one with everything but Prometheus and Grafana, gone afterwards.

    ``failover``: `manual`, or `auto` with the usual patience and no pause between two.
    """
    chosen = {"PODS_FAILOVER": "auto", "PODS_FAILOVER_INTERVAL": "0"} if failover == "auto" else {}
    with running(PODS_REPLICAS="2", PODS_MONITORING="off", **chosen) as cluster:
        yield PodsCluster(cluster, failover)
