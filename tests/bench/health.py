"""The health service beside Patroni's REST API on the same machine, in one run, while one of our nodes hangs."""

import json
import re
import statistics
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.bench.running import running
from tests.fix_stack import Cluster

IMAGE = "pods-bench/patroni"
ROUNDS = 3
SECONDS = 10
CONNECTIONS = 16
MANY = 1_000_000
PATHS = ("/health", "/replica")
_UNITS = {"us": 1e-3, "ms": 1.0, "s": 1e3}


@dataclass(frozen=True)
class Fire:
    """What wrk measured: requests in all, per second, and milliseconds that half and 99 of 100 stayed under."""

    requests: int
    rate: float
    p50: float
    p99: float


@dataclass(frozen=True)
class Target:
    """A service: its base address inside the network, and the pids of the processes it is made of."""

    name: str
    url: str
    pids: tuple[int, ...]

    def fire(self, path: str, seconds: int = SECONDS) -> Fire:
        """wrk on one path."""
        run = ["wrk", "--threads=1", f"--connections={CONNECTIONS}", f"--duration={seconds}s", "--latency"]
        told = subprocess.run([*run, self.url + path], capture_output=True, text=True, check=True).stdout
        requests = int(re.findall(r"(\d+) requests in", told)[0])
        rate = float(re.findall(r"Requests/sec:\s+([\d.]+)", told)[0])
        return Fire(requests, rate, _milliseconds(told, "50"), _milliseconds(told, "99"))

    @property
    def rss(self) -> float:
        """Resident memory in MB."""
        texts = [Path(f"/proc/{pid}/status").read_text() for pid in self.pids]
        return sum(int(re.findall(r"VmRSS:\s+(\d+)", text)[0]) for text in texts) / 1024


def _milliseconds(told: str, percentile: str) -> float:
    number, unit = re.findall(rf"^\s+{percentile}%\s+([\d.]+)(us|ms|s)$", told, re.MULTILINE)[0]
    return float(number) * _UNITS[unit]


def beside_patroni() -> None:
    """Requests a second and their latency while one node is paused; memory after a million requests."""
    with running(PODS_REPLICAS="2", PODS_MONITORING="off") as cluster, _patroni(cluster) as theirs:
        ours = _ours(cluster)
        cluster.docker("pause", cluster.container("replica2"))
        try:
            time.sleep(5)
            for path in PATHS:
                _compare(path, ours, theirs)
            _grow(ours, "/nodes/replica1/replica")
        finally:
            cluster.docker("unpause", cluster.container("replica2"))


def _compare(path: str, ours: Target, theirs: Target) -> None:
    found: dict[str, list[Fire]] = {ours.name: [], theirs.name: []}
    for _ in range(ROUNDS):
        for target in (theirs, ours):
            found[target.name].append(target.fire(path))
    print(f"\n{path}, {CONNECTIONS} connections, {ROUNDS} × {SECONDS} s each, interleaved, one node of ours paused")
    middle = {name: _median(fires) for name, fires in found.items()}
    for name, (rate, p50, p99) in middle.items():
        print(f"{name:<10} {rate:8.0f} requests/s   p50 {p50:7.2f} ms   p99 {p99:7.2f} ms")
    mine, peer = middle[ours.name], middle[theirs.name]
    print(f"ratio      {mine[0] / peer[0]:8.2f} × requests/s                  {mine[2] / peer[2]:7.2f} × p99")


def _median(fires: list[Fire]) -> tuple[float, float, float]:
    return (
        statistics.median(fire.rate for fire in fires),
        statistics.median(fire.p50 for fire in fires),
        statistics.median(fire.p99 for fire in fires),
    )


def _grow(target: Target, path: str) -> None:
    done, before = target.fire(path).requests, target.rss
    while done < MANY:
        done += target.fire(path, 30).requests
    print(f"\nresident memory of {target.name}: {before:.1f} MB, after {done:,} requests {target.rss:.1f} MB")


def _ours(cluster: Cluster) -> Target:
    address = _address(cluster, cluster.container("health"))
    return Target("pods", f"http://{address}:8080", (cluster.main_pid("health"),))


def _address(cluster: Cluster, container: str) -> str:
    found = json.loads(cluster.docker("inspect", container))[0]["NetworkSettings"]["Networks"]
    network = next((n for name, n in found.items() if name.endswith("_monitoring")), next(iter(found.values())))
    address: str = network["IPAddress"]
    return address


@contextmanager
def _patroni(cluster: Cluster) -> Iterator[Target]:
    """Debian's Patroni, leader of a cluster of one, in the same network."""
    cluster.docker("build", "--quiet", "--tag", IMAGE, str(Path(__file__).parent / "patroni"))
    network = f"{cluster.stack.topology.project}_nodes"
    container = cluster.docker("run", "--detach", "--rm", "--network", network, IMAGE).strip()
    try:
        url = f"http://{_address(cluster, container)}:8008"
        _until_leader(url)
        yield Target("patroni", url, _python_pids(cluster, container))
    finally:
        cluster.docker("rm", "--force", container)


def _until_leader(url: str) -> None:
    asked = ["curl", "--silent", "--output", "/dev/null", "--write-out", "%{http_code}", f"{url}/primary"]
    until = time.monotonic() + 120
    while subprocess.run(asked, capture_output=True, text=True, check=False).stdout != "200":
        assert time.monotonic() < until, "Patroni did not become the leader"
        time.sleep(1)


def _python_pids(cluster: Cluster, container: str) -> tuple[int, ...]:
    told = cluster.docker("top", container, "-eo", "pid,args").splitlines()[1:]
    return tuple(int(line.split()[0]) for line in told if "patroni" in line)
