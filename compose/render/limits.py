"""What each service may take of the host, and who goes first where memory runs out. Pure.

A limit is a ceiling against one that went mad or was taken over, not a share: what all need together is far less.
Nodes have none of memory, which PostgreSQL's own settings bound. A node's rank is its role's, which may change while
its container stays: its entrypoint sees to it (compose/images/database/pods-node).
"""

from dataclasses import dataclass

from cluster.sizing import GB, MB, Sizing
from compose.render.compose_types import Service


@dataclass(frozen=True, slots=True)
class Bound:
    """Bytes at least, a share of the host's memory where that is more, processes and threads, badness."""

    least: int
    part: int
    pids: int
    badness: int


_HELPER, _WORKER, _GUEST = 700, 600, 900
"""Added to the kernel's badness (of 1000): first guests (copies, clients), then who watches, then backups; replicas
have 300 of their own accord, PgBouncer, HAProxy and the primary nothing."""
_BOUNDS = {
    "pgbouncer": Bound(512 * MB, 4, 256, 0),
    "etcd": Bound(1 * GB, 16, 512, 0),
    "haproxy": Bound(256 * MB, 16, 128, 0),
    "gate": Bound(256 * MB, 64, 128, _HELPER),
    "exporter": Bound(512 * MB, 32, 256, _HELPER),
    "guide": Bound(256 * MB, 64, 128, 0),
    "health": Bound(512 * MB, 32, 256, _HELPER),
    "backup": Bound(1 * GB, 4, 1024, _WORKER),
    "sandbox": Bound(1 * GB, 4, 4096, _GUEST),
    "prometheus": Bound(1 * GB, 8, 1024, _HELPER),
    "alertmanager": Bound(256 * MB, 64, 512, _HELPER),
    "grafana": Bound(512 * MB, 32, 512, _HELPER),
    "supervisor": Bound(512 * MB, 32, 256, 0),
    "psql": Bound(1 * GB, 4, 512, _GUEST),
}
_OTHER = Bound(1 * GB, 4, 1024, _GUEST)
"""Of a service that nobody thought of here."""
_COPY = Bound(512 * MB, 8, 4096, _GUEST)
_MOST_OF_A_COPY = 4 * GB
NODE_PIDS = 16_384
"""A backend for each of the 10,000 connections there may be, io_uring's workers, and room; still an end."""


def bounded(name: str, service: Service, sizing: Sizing) -> Service:
    """``service`` with limits; ``sizing`` is the host as it was when the cluster was made, so that they stay."""
    return _with(service, _BOUNDS.get(name, _OTHER), sizing)


def bounded_node(service: Service) -> Service:
    """A node: no limit of memory, and no rank that a switchover would make a lie."""
    return {**service, "pids_limit": NODE_PIDS}


def bounded_copy(service: Service, sizing: Sizing) -> Service:
    """A copy beside the cluster: a guest, in all that a node is its host."""
    made = _with(service, _COPY, sizing)
    return {**made, "mem_limit": min(made["mem_limit"], _MOST_OF_A_COPY)}


def _with(service: Service, bound: Bound, sizing: Sizing) -> Service:
    return {
        **service,
        "mem_limit": max(bound.least, sizing.memory // bound.part),
        "pids_limit": bound.pids,
        "oom_score_adj": bound.badness,
    }
