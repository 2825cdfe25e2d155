"""What keeps hosts from being used, by what was read of them. Pure.

Sources: Patroni and etcd need a majority (docs/decisions/0064), so an even number of votes tolerates no more losses
than the odd one below it; a clock that is set back keeps Patroni from renewing its lease (patroni#3560); etcd gives its
leadership up where the disk is slow (etcd documentation, hardware: 99 % of syncs below 10 ms).
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from cluster.config.docker_hosts import (
    ETCD_PEER_PORT,
    ETCD_PORT,
    NODE_PORT,
    PATRONI_PORT,
    POOLER_PORT,
    VOTES,
    DockerHosts,
    Host,
)
from cluster.endpoints import no_local_host
from cluster.errors import PodsError
from cluster.units import human_size
from compose.engine.daemon import MINIMUM_ENGINE, version_tuple
from compose.engine.hosts.host_inspection import HostInspection

CLOCK_SECONDS = 0.5
SLOW_SYNC = 0.010
LEAST_FREE = 2 << 30
"""Bytes that a host with a node must have; how much its data takes is looked at before it is cloned."""
_EVERYWHERE = "0.0.0.0"  # noqa: S104 - compared
_PORTS: Mapping[str, tuple[int, ...]] = {
    "node": (NODE_PORT, PATRONI_PORT),
    "etcd": (ETCD_PORT, ETCD_PEER_PORT),
    "pooler": (POOLER_PORT,),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class HostFinding:
    """One thing that was found of a host ("" is all of them). One that is ``fatal`` keeps it from being used."""

    host: str
    subject: str
    fatal: bool
    text: str
    hint: str = ""

    @property
    def line(self) -> str:
        """The text with the host's name before it."""
        named = not self.host or self.text.startswith(f"host {self.host}")
        return self.text if named else f"host {self.host}: {self.text}"


def findings(
    hosts: DockerHosts, readings: Mapping[str, "HostInspection | PodsError"], architecture: str
) -> list[HostFinding]:
    """Everything that is wrong, of the file and of each host that was read.

    Args:
        hosts: which there are, and what they shall run.
        readings: by name; or why a host cannot be reached.
        architecture: of this machine's engine, on which the images were made.
    """
    found = [*roles_findings(hosts)]
    for host in hosts.hosts:
        reading = readings.get(host.name)
        if isinstance(reading, PodsError):
            found.append(_fatal(host.name, "reach", reading.message, reading.hint))
        elif reading is not None:
            found += _of_host(host, reading, architecture)
    read = [each for each in readings.values() if isinstance(each, HostInspection)]
    return [*found, *_clocks(read), *_here(hosts)]


def _fatal(host: str, subject: str, text: str, hint: str) -> HostFinding:
    return HostFinding(host=host, subject=subject, fatal=True, text=text, hint=hint)


def _warning(host: str, subject: str, text: str, hint: str) -> HostFinding:
    return HostFinding(host=host, subject=subject, fatal=False, text=text, hint=hint)


def _here(hosts: DockerHosts) -> Iterator[HostFinding]:
    """Nodes on hosts stream from this machine, and whoever watches them stands here."""
    if hosts.local is None:
        yield _fatal("", "here", *no_local_host())


def roles_findings(hosts: DockerHosts) -> Iterator[HostFinding]:
    """What is wrong with how many have which role, whatever the hosts are like."""
    votes, nodes = hosts.with_role("etcd"), hosts.with_role("node")
    if not votes:
        yield _warning(
            "",
            "votes",
            "no host has the role etcd: nothing fails over between hosts by itself",
            "enough for replicas on other hosts, which are promoted by hand; more takes three hosts with etcd",
        )
        return
    if len(votes) < VOTES:
        yield _fatal(
            "",
            "votes",
            f"{_number(len(votes), 'host has', 'hosts have')} the role etcd, and a majority of that can lose none",
            'give it to three hosts, of which one can be a small witness; or to none: roles = ["node", "pooler"]',
        )
    elif len(votes) % 2 == 0:
        yield _fatal(
            "",
            "votes",
            f"{len(votes)} hosts have the role etcd: an even number loses no more of them than {len(votes) - 1} can",
            "take the role from one of them, or give it to one more",
        )
    if len(nodes) < 2:
        yield _fatal(
            "",
            "nodes",
            f"{_number(len(nodes), 'host has', 'hosts have')} the role node, and there is nobody to fail over to",
            "give it to two hosts at least",
        )
    zones = {host.zone for host in votes}
    if len(votes) >= VOTES and len(zones) == 1 and zones != {""}:
        yield _warning(
            "", "zones", f"all votes are in the zone {zones.pop()}: it fails with all of them", "spread etcd over zones"
        )


def _number(count: int, one: str, many: str) -> str:
    return f"{count} {one if count == 1 else many}" if count else f"no {one}"


def _of_host(host: Host, reading: HostInspection, architecture: str) -> Iterator[HostFinding]:
    yield from _engine(host, reading, architecture)
    if reading.refused is not None:
        yield _fatal(host.name, "home", reading.refused.message, reading.refused.hint)
    if reading.addresses and host.address not in reading.addresses:
        yield _fatal(
            host.name,
            "address",
            f"{host.address} is on none of its interfaces",
            f"its addresses are {', '.join(_outer(reading.addresses))}: mend address in config/hosts.toml",
        )
    yield from _ports(host, reading)
    if reading.free is not None and "node" in host.roles and reading.free < LEAST_FREE:
        yield _fatal(
            host.name, "disk", f"{human_size(reading.free)} are free for its home", "free some, or choose another home"
        )
    if reading.sync_seconds is not None and "etcd" in host.roles and reading.sync_seconds > SLOW_SYNC:
        yield _warning(
            host.name,
            "disk",
            f"a small write took {reading.sync_seconds * 1000:.0f} ms to reach its disk; etcd wants 10 ms",
            "give etcd a disk of its own (data/etcd), or set PODS_FAILOVER_PACE=wide",
        )


def _engine(host: Host, reading: HostInspection, architecture: str) -> Iterator[HostFinding]:
    if version_tuple(reading.version) < MINIMUM_ENGINE:
        yield _fatal(
            host.name,
            "engine",
            f"Docker engine {reading.version} is too old",
            f"{MINIMUM_ENGINE[0]} or newer is needed",
        )
    if reading.architecture != architecture:
        yield _fatal(
            host.name,
            "engine",
            f"it is {reading.architecture} and this machine {architecture}: all run one image",
            "take hosts of one architecture",
        )
    if reading.rootless:
        yield _fatal(
            host.name,
            "engine",
            "its engine maps users to others (rootless or userns-remap): owners of files would not be right",
            "use an engine that runs as root there",
        )


def _ports(host: Host, reading: HostInspection) -> Iterator[HostFinding]:
    wanted = [port for role in host.roles for port in _PORTS[role]]
    for port in wanted:
        if (host.address, port) in reading.listeners or (_EVERYWHERE, port) in reading.listeners:
            yield _fatal(
                host.name,
                "port",
                f"port {port} of {host.address} is taken by another program",
                "stop it, or let it listen on another address; these ports are fixed",
            )
    for address, port in sorted(reading.published):
        if address != host.address and port in wanted:
            yield _fatal(
                host.name,
                "port",
                f"its port {port} is open on {address}, not on {host.address} alone",
                "run: inv hosts.sync",
            )


def _outer(addresses: Iterable[str]) -> list[str]:
    return sorted(each for each in addresses if not each.startswith("127."))


def _clocks(readings: Iterable[HostInspection]) -> Iterator[HostFinding]:
    """Each against this machine's; where the answer took long, only what is certain counts."""
    for each in readings:
        if abs(each.offset) - each.vague > CLOCK_SECONDS:
            direction = "ahead of" if each.offset > 0 else "behind"
            yield _fatal(
                each.host,
                "clock",
                f"its clock is {abs(each.offset):.1f} s {direction} this machine's",
                "let both follow a time server: apt-get install chrony",
            )
