"""What Patroni keeps in the store, for all nodes alike (``/config``). Pure.

It must be there before the first agent starts: what Patroni's own file says of it counts only for a cluster that
Patroni makes itself, and it never makes one here.
"""

import re
from dataclasses import dataclass
from typing import Any

from cluster.config.settings import Settings
from cluster.naming import ARCHIVE_SLOT
from cluster.pools import synchronous_count
from compose.render.hosts.failover_pace import PACES
from compose.render.server_parameters import fleet_parameters

_STORED = (
    "max_connections",
    "max_locks_per_transaction",
    "max_prepared_transactions",
    "max_replication_slots",
    "max_wal_senders",
    "max_worker_processes",
    "track_commit_timestamp",
    "wal_level",
    "wal_log_hints",
)
"""Parameters that Patroni gives the server as arguments: no file wins over those. It reads them in the store alone."""
_LINE = re.compile(r"^\s*([a-z_]+)\s*(?:=|\s)\s*'?([^'#\n]*?)'?\s*(?:#.*)?$", re.IGNORECASE | re.MULTILINE)
_MEGABYTE = 1024 * 1024
_LEAST_STOP = 30


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceCluster:
    """The cluster that this one follows until it is cut over to: its primary, and the slot there that holds its WAL."""

    host: str
    port: int
    slot: str


def dynamic_config(settings: Settings, parameters: str = "", standby: SourceCluster | None = None) -> dict[str, Any]:
    """The document in the store; ``parameters`` is the text of the user's own file.

    A cluster that follows another one has neither pause nor synchronous commits: it takes no writes.
    """
    pace = PACES[settings.failover_pace]
    config: dict[str, Any] = {
        "ttl": pace.ttl,
        "loop_wait": pace.loop_wait,
        "retry_timeout": pace.retry_timeout,
        "primary_start_timeout": pace.primary_start_timeout,
        "primary_stop_timeout": max(_LEAST_STOP, settings.stop_grace - 10),
        "maximum_lag_on_failover": max(_MEGABYTE, settings.failover_loss),
        "check_timeline": True,
        "failsafe_mode": settings.failsafe == "on",
        "member_slots_ttl": "30min",
        "ignore_slots": [{"name": ARCHIVE_SLOT, "type": "physical"}],
        "postgresql": {
            "use_slots": True,
            "use_pg_rewind": True,
            "remove_data_directory_on_rewind_failure": False,
            "remove_data_directory_on_diverged_timelines": False,
            "parameters": _stored_parameters(settings, parameters),
        },
    }
    if standby is not None:
        source = {"host": standby.host, "port": standby.port, "primary_slot_name": standby.slot}
        return config | {"synchronous_mode": False, "standby_cluster": source | {"create_replica_methods": ["pods"]}}
    # never "pause", whatever PODS_FAILOVER says: it leaves a server down whose container was started anew (0068)
    return config | _synchronous(settings) | {"pause": False}


def _synchronous(settings: Settings) -> dict[str, Any]:
    """Commits wait for as many replicas as PODS_SYNC says, also where there are fewer: that is what it means here."""
    if settings.sync == "off":
        return {"synchronous_mode": False}
    quorum = settings.sync.startswith("any")
    return {
        "synchronous_mode": "quorum" if quorum else True,
        "synchronous_mode_strict": True,
        "synchronous_node_count": synchronous_count(settings),
    }


def _stored_parameters(settings: Settings, text: str) -> dict[str, str]:
    """Ours, then those of the user's own file, as in postgresql.conf."""
    own = {name.lower(): value.strip() for name, value in _LINE.findall(text)}
    found = {"wal_log_hints": "on", **fleet_parameters(settings), **own}
    return {name: found[name] for name in _STORED if name in found}
