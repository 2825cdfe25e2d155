"""What a member of etcd answers to GET /health and GET /metrics. Pure.

Source of names: etcd 3.5, "Monitoring etcd". Of its 180 kB of metrics a few lines are read, and no library is needed
for that: a line of the text format is a name, perhaps labels, and a number.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from math import isfinite

from cluster.documents import parse_json, printable

_LEADER, _LEADS = "etcd_server_has_leader", "etcd_server_is_leader"
_CHANGES = "etcd_server_leader_changes_seen_total"
_SIZE, _QUOTA = "etcd_mvcc_db_total_size_in_bytes", "etcd_server_quota_backend_bytes"
_FSYNC_SUM, _FSYNC_COUNT = "etcd_disk_wal_fsync_duration_seconds_sum", "etcd_disk_wal_fsync_duration_seconds_count"
_NAMES = frozenset({_LEADER, _LEADS, _CHANGES, _SIZE, _QUOTA, _FSYNC_SUM, _FSYNC_COUNT})


@dataclass(frozen=True, slots=True, kw_only=True)
class VoteHealth:
    """GET /health: whether the member can commit, which takes a majority of the votes; ``reason`` where it cannot."""

    healthy: bool
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class VoteFigures:
    """GET /metrics of a member. Bytes; ``fsync_seconds`` and ``fsyncs`` count since it was started."""

    has_leader: bool
    leads: bool
    leader_changes: int
    size: int
    quota: int
    fsync_seconds: float
    fsyncs: int


def parse_health(text: str | bytes) -> VoteHealth:
    """GET /health, whatever the code it came with: a member without a majority answers 503 with the same document.

    Raises:
        ValueError: it is not that.
    """
    raw = parse_json(text)
    found = raw.get("health") if isinstance(raw, dict) else None
    if found not in ("true", "false", True, False):
        raise ValueError("it says nothing of its health")
    reason = raw.get("reason")
    return VoteHealth(
        healthy=found in ("true", True), reason=printable(reason[:200]) if isinstance(reason, str) else ""
    )


def parse_figures(text: str) -> VoteFigures:
    """GET /metrics.

    Raises:
        ValueError: it is not that.
    """
    found = dict(_samples(text))
    if missing := _NAMES - found.keys():
        raise ValueError(f"it has no {', '.join(sorted(missing))}")
    return VoteFigures(
        has_leader=found[_LEADER] == 1,
        leads=found[_LEADS] == 1,
        leader_changes=int(found[_CHANGES]),
        size=int(found[_SIZE]),
        quota=int(found[_QUOTA]),
        fsync_seconds=found[_FSYNC_SUM],
        fsyncs=int(found[_FSYNC_COUNT]),
    )


def _samples(text: str) -> Iterator[tuple[str, float]]:
    for line in text.splitlines():
        name, _, value = line.partition(" ")
        if name in _NAMES and isfinite(number := float(value)):
            yield name, number
