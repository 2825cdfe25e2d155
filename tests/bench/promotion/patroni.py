"""The peer: three members under Debian's Patroni at its defaults, one etcd, HAProxy with Patroni's own checks.

One etcd and not three: that spares it a quorum's round trips, which is to its favour on one machine. No TLS either.
"""

import json
import os
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg

from cluster.waiting import comes_true
from tests.bench.promotion.contestant import docker, remove
from tests.bench.promotion.outcomes import PEER
from tests.bench.promotion.writers import TABLE
from tests.fix_ports import one_free_port

IMAGE = "pods-bench/patroni"
LABEL = "pods-bench.patroni"
MEMBERS = ("node1", "node2", "node3")
_LOGIN = "user=postgres password=bench dbname=postgres"
_PATIENCE = 180


@dataclass
class PatroniCluster:
    """A running one, and what the bench does to it."""

    project: str
    port: int
    name: str = PEER
    killed: str = ""

    @property
    def network(self) -> str:
        """The network of all of it."""
        return self.project

    @property
    def conninfo(self) -> str:
        """HAProxy's port on this host."""
        return f"host=127.0.0.1 port={self.port} {_LOGIN}"

    @property
    def inside(self) -> str:
        """HAProxy in the network."""
        return f"host=haproxy port=5000 {_LOGIN}"

    def start(self) -> None:
        """Everything, until each member follows the leader and HAProxy leads there."""
        label = f"--label={LABEL}={os.getpid()}"
        docker("network", "create", label, self.network)
        etcd = ["etcd", "--data-dir=/data/etcd", "--log-level=error", "--listen-client-urls=http://0.0.0.0:2379"]
        self._run("etcd", [], [*etcd, "--advertise-client-urls=http://etcd:2379"])
        for member in MEMBERS:
            addresses = [
                f"--env=PATRONI_NAME={member}",
                f"--env=PATRONI_RESTAPI_CONNECT_ADDRESS={member}:8008",
                f"--env=PATRONI_POSTGRESQL_CONNECT_ADDRESS={member}:5432",
            ]
            self._run(member, addresses, ["patroni", "/member.yml"])
        self._run("haproxy", [f"--publish=127.0.0.1:{self.port}:5000"], ["haproxy", "-db", "-f", "/haproxy.cfg"])
        self.restore()

    def _run(self, name: str, options: list[str], command: list[str]) -> None:
        program, *arguments = command
        given = [f"--name={self.project}-{name}", f"--network={self.network}", f"--network-alias={name}", *options]
        labelled = [f"--label={LABEL}={os.getpid()}", "--init", f"--hostname={name}", f"--entrypoint={program}"]
        docker("run", "--detach", *labelled, *given, IMAGE, *arguments)

    def members(self) -> list[dict[str, object]]:
        """As Patroni lists them; none while it cannot."""
        for member in MEMBERS:
            if member != self.killed:
                printed = self._patronictl(member, "list", "--format=json")
                return json.loads(printed) if printed.startswith("[") else []
        return []

    def _patronictl(self, member: str, *arguments: str) -> str:
        return docker("exec", f"{self.project}-{member}", "patronictl", "-c", "/member.yml", *arguments, check=False)

    @property
    def leader(self) -> str:
        """The member that is the leader."""
        return next(str(each["Member"]) for each in self.members() if each["Role"] == "Leader")

    def switch_over(self) -> None:
        """`patronictl switchover --force`: to whom it chooses."""
        leader = self.leader
        printed = self._patronictl(leader, "switchover", "--leader", leader, "--force", "bench")
        assert "Successfully switched over" in printed, printed

    def kill_primary(self) -> float:
        """SIGKILL the leader's container, which nobody starts again by itself (as in Patroni's own Compose file)."""
        leader = self.leader
        moment = time.monotonic()
        docker("kill", "--signal=KILL", f"{self.project}-{leader}")
        self.killed = leader
        return moment

    def fail_over(self) -> None:
        """Patroni does it."""

    def restore(self) -> None:
        """Start the killed one, whose address may be another now: HAProxy learns it when it starts."""
        restart = bool(self.killed)
        if self.killed:
            docker("start", f"{self.project}-{self.killed}")
            self.killed = ""
        self._until(self._complete, "Patroni's cluster is not complete")
        if restart:
            docker("restart", f"{self.project}-haproxy")
        self._until(self._led, "HAProxy leads not only to the leader")

    def _until(self, condition: Callable[[], bool], otherwise: str) -> None:
        assert comes_true(condition, timeout=_PATIENCE), f"{otherwise}: {self.members()}"

    def _complete(self) -> bool:
        members = self.members()
        states = sorted(str(each["State"]) for each in members)
        return (
            len(members) == len(MEMBERS)
            and states == ["running", "streaming", "streaming"]
            and not any(each.get("Lag in MB") or each.get("Replay Lag") for each in members)
        )

    def _led(self) -> bool:
        """Whether one connection after the other leads to the leader: HAProxy begins with all members in turn."""
        try:
            for _ in range(2 * len(MEMBERS)):
                with psycopg.connect(self.conninfo, connect_timeout=3) as connection:
                    if connection.execute("SELECT pg_is_in_recovery()").fetchone() != (False,):
                        return False
        except psycopg.Error:
            return False
        return True

    def rows(self) -> set[tuple[int, int]]:
        """Read in the leader's container."""
        query = f"SELECT client, number FROM {TABLE}"
        psql = ["psql", "-h", "/tmp", "-U", "postgres", "-AtXqc", query]
        printed = docker("exec", f"{self.project}-{self.leader}", *psql)
        return {(int(client), int(number)) for client, number in re.findall(r"^(\d+)\|(\d+)$", printed, re.MULTILINE)}


@contextmanager
def patroni() -> Iterator[PatroniCluster]:
    """A new one, gone afterwards; what a killed bench left goes first. Needs the base image that `inv up` makes."""
    remove(LABEL, unwanted=lambda pid: not Path(f"/proc/{pid}").exists())
    docker("build", "--quiet", "--tag", IMAGE, str(Path(__file__).parents[1] / "patroni"))
    cluster = PatroniCluster(f"pods-bench-patroni-{os.getpid()}", one_free_port())
    try:
        cluster.start()
        yield cluster
    finally:
        remove(LABEL, unwanted=lambda pid: pid == os.getpid())
