"""What a replica costs: `replica.add` beside a bare pg_basebackup and a container start; growing from 2 to 8."""

import json
import shutil
import subprocess

from compose.home.paths import make_private_directory
from tests.bench.measure import row, timed
from tests.bench.running import running
from tests.fix_stack import Cluster

ROUNDS = 3
SCALE = 140
"""pgbench scale: about 2.1 GB."""


def add_beside_basebackup() -> None:
    """`inv replica.add` against plain pg_basebackup of the same data plus a container start, interleaved."""
    with running(PODS_REPLICAS="1", PODS_SHARED_BUFFERS="512MB", PODS_MAX_WAL_SIZE="4GB") as cluster:
        pool = "host=pgbouncer port=6432 user=app dbname=appdb_write"
        cluster.client("pgbench", "--initialize", f"--scale={SCALE}", "--quiet", pool)
        cluster.query("CHECKPOINT")
        cluster.wait_replayed()
        size = cluster.query("SELECT pg_size_pretty(sum(pg_database_size(oid))) AS size FROM pg_database")[0]["size"]
        print(f"data: {size}")
        ours, copies, starts = [], [], []
        for _ in range(ROUNDS):
            copies.append(timed(lambda: _bare_copy(cluster)))
            starts.append(timed(lambda: _bare_start(cluster)))
            ours.append(timed(lambda: cluster.inv.ok("replica.add", "--source", "primary", timeout=900)))
            cluster.inv.ok("replica.remove", "--name", "replica2", "--purge", "--yes")
        print(row("pg_basebackup", copies))
        print(row("docker compose up --wait of one replica", starts))
        both = [copy + start for copy, start in zip(copies, starts, strict=True)]
        print(row("inv replica.add", ours, both))


def _bare_copy(cluster: Cluster) -> None:
    """pg_basebackup in a container of its own, into a directory beside the cluster's."""
    target = cluster.home.path / "copy"
    make_private_directory(target)
    conninfo = "host=primary port=5432 user=replicator sslmode=verify-full sslrootcert=/run/tls/ca.crt"
    secret = "PGPASSWORD=$(cat /run/secrets/replication_password)"
    command = f'{secret} pg_basebackup -D /copy/data -X stream -c fast --no-password -d "{conninfo}"'
    run = ["run", "--rm", "--no-deps", "-T", "--volume", f"{target}:/copy", "--entrypoint", "sh", "replica1"]
    cluster.compose(*run, "-c", command)
    shutil.rmtree(target)


def _bare_start(cluster: Cluster) -> None:
    """The container of a replica, made and started until it is healthy; its removal is small beside that."""
    cluster.compose("rm", "--stop", "--force", "replica1")
    cluster.compose("up", "--detach", "--no-deps", "--wait", "replica1")


def growing() -> None:
    """Seconds of each add and memory of each replica, from 2 replicas to 8."""
    with running(PODS_REPLICAS="2") as cluster:
        pool = "host=pgbouncer port=6432 user=app dbname=appdb_write"
        cluster.client("pgbench", "--initialize", "--scale=10", "--quiet", pool)
        print("| replicas | add, s | its memory, MB | io_method |\n|---|---|---|---|")
        for number in range(3, 9):
            seconds = timed(lambda: cluster.inv.ok("replica.add", "--source", "primary"))
            name = f"replica{number}"
            print(f"| {number} | {seconds:.2f} | {_memory(cluster, name):.0f} | {cluster.node(name)['io_method']} |")


def _memory(cluster: Cluster, service: str) -> float:
    stats = ["docker", "stats", "--no-stream", "--format", "json", cluster.container(service)]
    used = json.loads(subprocess.run(stats, capture_output=True, text=True, check=True).stdout)["MemUsage"]
    number = used.split(" / ")[0]
    factor = {"KiB": 1 / 1024, "MiB": 1.0, "GiB": 1024.0}
    return float(number[:-3]) * factor[number[-3:]]
