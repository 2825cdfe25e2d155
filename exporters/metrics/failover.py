"""The metrics of automatic failover, from the supervisor's status."""

from collections.abc import Mapping, Sequence

from cluster.config.settings import Settings
from cluster.supervisor_status import SupervisorStatus
from exporters.declarations import Family, Row, gauge

FAMILIES = (
    Family(
        source="failover",
        prefix="pods_failover_",
        metrics=(
            gauge("automatic", "1 where PODS_FAILOVER is auto."),
            gauge("supervisor_up", "1 if the supervisor watches the primary; absent where failover is manual."),
            gauge("held", "1 if the primary is gone and the supervisor must not act: see its log; absent as above."),
            gauge("last_timestamp_seconds", "When the supervisor failed over last, Unix time; absent if never."),
        ),
    ),
)


def failover_metrics(
    settings: Settings, status: SupervisorStatus | None, now: float, *, supervised: bool = True
) -> Mapping[str, Sequence[Row]]:
    """Rows by source, at the Unix time ``now``; of the supervisor only where a failover is its own (``supervised``)."""
    automatic = settings.failover == "auto"
    supervised = supervised and automatic
    watches = status is not None and status.watches(now)
    row: Row = {
        "automatic": int(automatic),
        "supervisor_up": int(watches) if supervised else None,
        "held": int(status is not None and watches and status.held) if supervised else None,
        "last_timestamp_seconds": status.failed_over if status else None,
    }
    return {"failover": [row]}
