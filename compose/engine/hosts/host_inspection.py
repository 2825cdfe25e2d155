"""What a host is like: its engine, clock, addresses, who listens there, room and disk. Reads, and changes nothing."""

import re
import socket
import struct
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from cluster.errors import PodsError
from compose.engine.containers import of_project
from compose.engine.hosts.claims import foreign_claim
from compose.engine.hosts.host_engine import HostEngine
from compose.engine.hosts.shipped_files import MOUNTED

_SAMPLES = 50
_TRIES = 3
"""Of the clock's: the quickest answer counts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HostInspection:
    """One host as it is now.

    ``offset`` is how many seconds its clock is ahead of this machine's, ``vague`` by how much that may be wrong;
    ``listeners`` are addresses and ports on which somebody else than its containers of this cluster listens;
    ``published`` those of its containers; ``sync_seconds`` what the slowest of a hundred small writes took to reach the
    disk, None where nobody measured it; ``refused`` is why its home is not ours.
    """

    host: str
    version: str
    architecture: str
    rootless: bool
    offset: float
    vague: float
    addresses: frozenset[str]
    listeners: frozenset[tuple[str, int]]
    published: frozenset[tuple[str, int]]
    free: int | None
    sync_seconds: float | None
    refused: PodsError | None = None


def inspect_host(engine: HostEngine) -> HostInspection:
    """Ask engine and host.

    Raises:
        PodsError: one of them does not answer.
    """
    info: Mapping[str, Any] = engine.client.info()
    offset, vague = _clock(engine)
    report = sections(engine.shell(_SCRIPT.replace("HOME", str(engine.home))))
    found = of_project(engine.client, engine.compose_project)
    published = frozenset(endpoint for each in found for endpoint in each.published if each.status == "running")
    waits, refused = _written(engine)
    return HostInspection(
        host=engine.name,
        version=str(info["ServerVersion"]),
        architecture=str(info["Architecture"]),
        rootless=any("rootless" in each or "userns" in each for each in info.get("SecurityOptions") or ()),
        offset=offset,
        vague=vague,
        addresses=frozenset(report.get("addresses", ())),
        listeners=frozenset(listener(each) for each in report.get("listeners", ())) - published,
        published=published,
        free=_free(report.get("room", ())),
        sync_seconds=waits,
        refused=refused,
    )


def _clock(engine: HostEngine) -> tuple[float, float]:
    """The quickest of a few answers: how far ahead the host is, and half of the time that the answer took."""
    return min((_clock_once(engine) for _ in range(_TRIES)), key=lambda pair: pair[1])


def _clock_once(engine: HostEngine) -> tuple[float, float]:
    before = time.time()
    text = str(engine.client.info()["SystemTime"])
    after = time.time()
    return engine_moment(text) - (before + after) / 2, (after - before) / 2


def engine_moment(text: str) -> float:
    """Unix seconds of ``2026-11-28T02:18:52.759962911Z``, also with an offset. Pure."""
    matched = re.match(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(\.\d+)?(Z|[+-]\d\d:\d\d)\Z", text)
    if matched is None:
        return time.time()
    whole = datetime.fromisoformat(matched[1] + ("+00:00" if matched[3] == "Z" else matched[3]))
    return whole.astimezone(UTC).timestamp() + float(matched[2] or 0)


_SCRIPT = r"""
echo '# addresses'
awk '/\/32 host LOCAL/ {print last} {last = $2}' /proc/net/fib_trie | sort -u
echo '# listeners'
cat /proc/net/tcp /proc/net/tcp6 2>/dev/null | awk '$4 == "0A" {print $2}' | sort -u
echo '# room'
there=HOME/data
while [ ! -d "$there" ]; do there=$(dirname "$there"); done
df -Pk "$there" | awk 'NR == 2 {print $4}'
"""


def sections(output: str) -> dict[str, list[str]]:
    """Lines by the title above them. Pure."""
    parts = re.split(r"^# (\w+)$", output, flags=re.MULTILINE)
    return {title: text.split() for title, text in zip(parts[1::2], parts[2::2], strict=True)}


def listener(text: str) -> tuple[str, int]:
    """Address and port of ``0100007F:1F90``, as /proc/net/tcp has it: words of the host's own byte order. Pure.

    An IPv6 address that is an IPv4 one, or every address, is that.
    """
    address, port = text.split(":")
    words = [int(address[i : i + 8], 16) for i in range(0, len(address), 8)]
    raw = b"".join(struct.pack("=I", word) for word in words)
    if len(raw) == 4:
        return socket.inet_ntop(socket.AF_INET, raw), int(port, 16)
    if raw[:12] == bytes(10) + b"\xff\xff" or raw == bytes(16):
        return socket.inet_ntop(socket.AF_INET, raw[12:]), int(port, 16)
    return socket.inet_ntop(socket.AF_INET6, raw), int(port, 16)


def _free(lines: "list[str] | tuple[()]") -> int | None:
    return int(lines[0]) * 1024 if lines and lines[0].isdigit() else None


_SYNC_SCRIPT = f"""
set -eu
cd {MOUNTED}/data 2>/dev/null || cd {MOUNTED}
file=.sync-trial
trap 'rm -f "$file"' EXIT
dd if=/dev/zero of=$file bs=4096 count=1 conv=fdatasync 2>/dev/null
for _ in $(seq {_SAMPLES}); do
    LC_ALL=C dd if=/dev/zero of=$file bs=4096 count=1 conv=notrunc,fdatasync 2>&1 | tail -n 1
done
"""


def _written(engine: HostEngine) -> tuple[float | None, PodsError | None]:
    """What a small write takes to reach the disk of a home that is there, and why it is not ours."""
    try:
        if engine.missing_images([engine.image]):
            return None, None
        claim = engine.listing().claim
    except PodsError:  # no home yet
        return None, None
    refused = foreign_claim(engine.host, claim, engine.control)
    if refused is not None or not claim:
        return None, refused
    output = engine.run(engine.image, ["-c", _SYNC_SCRIPT], entrypoint="bash").decode(errors="replace")
    return slowest(output), None


def slowest(output: str) -> float | None:
    """The next to slowest of what `dd` says it took; None where it says nothing. Pure."""
    found = sorted(float(each) for each in re.findall(r"copied, ([0-9.e-]+) s", output))
    return found[-2:][0] if found else None
