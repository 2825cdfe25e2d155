"""Our exporter beside postgres_exporter (a process per node) and pgbouncer_exporter, on the same nodes, in one run."""

import json
import os
import statistics
import subprocess
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.bench.running import running
from tests.fix_stack import Cluster
from tests.fix_web import basic

IMAGE = "pods-bench/exporters"
REPLICAS = (2, 8)
ROUNDS = 60
LONG = 1000
"""Looks over which memory is watched."""
_CA = "/run/tls/ca.crt"


@dataclass(frozen=True)
class Peer:
    """Processes that together watch a cluster, and the pages that make one look at it."""

    name: str
    pids: tuple[int, ...]
    pages: tuple[str, ...]

    def scrape(self) -> list[tuple[int, float]]:
        """Ask every page, one after the other; samples and seconds of each. The last page is no node's."""
        return [_timed(url) for url in self.pages]

    def cpu(self) -> float:
        """CPU seconds spent so far, user and system."""
        return sum(_cpu(pid) for pid in self.pids)

    def rss(self) -> float:
        """Resident memory in MB."""
        return sum(_rss(pid) for pid in self.pids)


def beside_upstream() -> None:
    """Wall, CPU, server time, samples and memory of a look at the whole cluster."""
    for replicas in REPLICAS:
        sizes = {"PODS_REPLICAS": str(replicas), "PODS_HEALTH": "off", "PODS_SCRAPE_INTERVAL": "300"}
        with running(**sizes) as cluster, _upstream(cluster) as theirs:
            ours = _ours(cluster)
            print(f"\n{replicas + 1} nodes and PgBouncer, {ROUNDS} looks each, interleaved")
            _compare(cluster, ours, theirs)
            if replicas == REPLICAS[0]:
                _grow(ours, theirs)


def _compare(cluster: Cluster, ours: Peer, theirs: Peer) -> None:
    for peer in (ours, theirs):
        peer.scrape()  # both have their caches, connections and code warm
    walls: dict[str, list[float]] = {ours.name: [], theirs.name: []}
    alone: dict[str, list[float]] = {ours.name: [], theirs.name: []}
    cpus, served = dict.fromkeys(walls, 0.0), dict.fromkeys(walls, 0.0)
    for _ in range(ROUNDS):
        for peer in (ours, theirs):
            spent, worked, began = peer.cpu(), _active(cluster), time.perf_counter()
            pages = peer.scrape()
            walls[peer.name].append(time.perf_counter() - began)
            alone[peer.name] += [seconds for _, seconds in pages[:-1]]
            cpus[peer.name] += peer.cpu() - spent
            served[peer.name] += _active(cluster) - worked
            if len(walls[peer.name]) == 1:
                print(f"{peer.name:<10} samples per page: {[samples for samples, _ in pages]}")
    nodes = len(cluster.stack.topology.nodes)
    for peer in (ours, theirs):
        wall, cpu = statistics.median(walls[peer.name]), cpus[peer.name] / ROUNDS
        print(
            f"{peer.name:<10} wall {wall * 1e3:6.1f} ms (p95 {_p95(walls[peer.name]) * 1e3:6.1f}), "
            f"CPU {cpu * 1e3:6.1f} ms, in the servers {served[peer.name] / ROUNDS * 1e3:6.1f} ms, "
            f"a node's page: wall {statistics.median(alone[peer.name]) * 1e3:5.1f} ms; "
            f"all CPU by nodes {cpu / nodes * 1e3:5.1f} ms; RSS {peer.rss():6.1f} MB"
        )
    ratios = {
        "a node's page": statistics.median(alone[ours.name]) / statistics.median(alone[theirs.name]),
        "wall": statistics.median(walls[ours.name]) / statistics.median(walls[theirs.name]),
        "CPU": cpus[ours.name] / cpus[theirs.name],
        "in the servers": served[ours.name] / served[theirs.name],
        "RSS": ours.rss() / theirs.rss(),
    }
    print("ours to theirs: " + ", ".join(f"{what} {ratio:.2f}" for what, ratio in ratios.items()))


def _grow(ours: Peer, theirs: Peer) -> None:
    """Memory over many looks."""
    for peer in (ours, theirs):
        told = [peer.rss()]
        for _ in range(4):
            for _ in range(LONG // 4):
                peer.scrape()
            told.append(peer.rss())
        print(f"{peer.name:<10} RSS over {LONG} looks: " + " → ".join(f"{size:.1f}" for size in told) + " MB")


def _ours(cluster: Cluster) -> Peer:
    port, nodes = cluster.stack.settings.exporter_port, cluster.stack.topology.names
    pages = (*(f"/probe?target={node}" for node in nodes), "/metrics")
    pids = (cluster.main_pid("exporter"), cluster.main_pid("gate"))
    login = basic(cluster.login("exporter"))
    return Peer("PODS", pids, tuple(f"http://127.0.0.1:{port}{page}#{login}" for page in pages))


@contextmanager
def _upstream(cluster: Cluster) -> Iterator[Peer]:
    base = cluster.stack.topology.image_base
    subprocess.run(
        ["docker", "build", "-q", "-t", IMAGE, "--build-arg", f"BASE={base}", str(Path(__file__).parent)],
        check=True,
        stdout=subprocess.DEVNULL,
    )
    started: list[str] = []
    try:
        for node in cluster.stack.topology.names:
            started += [_start(cluster, ["prometheus-postgres-exporter"], _source(node))]
        password = cluster.stack.passwords["monitor"]
        console = f"postgres://monitor:{password}@pgbouncer:6432/pgbouncer?sslmode=verify-full&sslrootcert={_CA}"
        started += [_start(cluster, ["prometheus-pgbouncer-exporter", f"--pgBouncer.connectionString={console}"], {})]
        ports = [9187] * len(cluster.stack.topology.names) + [9127]
        pages = tuple(f"http://{_address(name)}:{port}/metrics" for name, port in zip(started, ports, strict=True))
        _wait(pages)
        yield Peer("upstream", tuple(_pid(name) for name in started), pages)
    finally:
        for name in started:
            subprocess.run(["docker", "rm", "-f", name], check=False, capture_output=True)


def _source(node: str) -> dict[str, str]:
    return {
        "DATA_SOURCE_URI": f"{node}:5432/postgres?sslmode=verify-full&sslrootcert={_CA}",
        "DATA_SOURCE_USER": "monitor",
        "DATA_SOURCE_PASS_FILE": "/run/password",
    }


def _start(cluster: Cluster, command: Sequence[str], environment: dict[str, str]) -> str:
    home, project = cluster.home, cluster.stack.topology.project
    mounts = [f"{home.ca}:{_CA}:ro", f"{home.secrets / 'monitor_password'}:/run/password:ro"]
    options = [part for mount in mounts for part in ("-v", mount)]
    options += [part for name, text in environment.items() for part in ("-e", f"{name}={text}")]
    run = ["docker", "run", "-d", "--network", f"{project}_nodes", *options, IMAGE, *command]
    return subprocess.run(run, check=True, capture_output=True, text=True).stdout.strip()


def _inspect(name: str) -> dict[str, object]:
    found: dict[str, object] = json.loads(
        subprocess.run(["docker", "inspect", name], check=True, capture_output=True).stdout
    )[0]
    return found


def _address(name: str) -> str:
    networks = _inspect(name)["NetworkSettings"]["Networks"]  # type: ignore[index]
    return str(next(iter(networks.values()))["IPAddress"])


def _pid(name: str) -> int:
    return int(_inspect(name)["State"]["Pid"])  # type: ignore[index]


def _wait(pages: Sequence[str]) -> None:
    deadline = time.monotonic() + 30
    for page in pages:
        while True:
            try:
                _samples(page)
                break
            except OSError:
                assert time.monotonic() < deadline, page
                time.sleep(0.2)


def _timed(url: str) -> tuple[int, float]:
    began = time.perf_counter()
    return _samples(url), time.perf_counter() - began


def _samples(url: str) -> int:
    address, _, login = url.partition("#")
    request = urllib.request.Request(address, headers={"Authorization": login} if login else {})
    with urllib.request.urlopen(request, timeout=30) as answer:
        return sum(not line.startswith(b"#") for line in answer.read().splitlines())


def _active(cluster: Cluster) -> float:
    """Seconds that the sessions of all servers have worked; the asking itself is in it, for both alike."""
    sql = "SELECT pg_stat_force_next_flush(), (SELECT sum(active_time) / 1000 FROM pg_stat_database)::float8 AS n"
    return sum(float(cluster.query(sql, node)[0]["n"]) for node in cluster.stack.topology.names)


def _cpu(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _rss(pid: int) -> float:
    line = next(text for text in Path(f"/proc/{pid}/status").read_text().splitlines() if text.startswith("VmRSS"))
    return int(line.split()[1]) / 1024


def _p95(values: list[float]) -> float:
    return sorted(values)[int(len(values) * 0.95)]
