"""How the primary came to be it, from the journal's latest line as the host wrote it; whether its port leads there."""

from collections.abc import Mapping, Sequence

from cluster.history import PrimaryChange
from cluster.observed.primary_port import PortReading
from exporters.declarations import Family, Row, gauge

FAMILIES = (
    Family(
        source="primary_change",
        prefix="pods_primary_change_",
        labels=("node", "before", "event"),
        metrics=(
            gauge("timestamp_seconds", "When the node became the primary, Unix time; event: why, before: who was it."),
            gauge("timeline", "The timeline that the primary has written since."),
            gauge("gap_seconds", "For how long clients of PgBouncer waited then, where that was measured."),
        ),
    ),
    Family(
        source="primary_port",
        prefix="pods_primary_port_",
        labels=("node",),
        metrics=(gauge("target", "1 if PODS_PRIMARY_PORT leads to the node, the primary; 0 if it does not."),),
    ),
)


def primary_metrics(change: PrimaryChange | None) -> Mapping[str, Sequence[Row]]:
    """One row, or none where nothing is known."""
    if change is None or change.primary is None:
        return {"primary_change": []}
    labels = {"node": change.primary, "before": change.before or "", "event": change.event}
    values = {"timestamp_seconds": change.at, "timeline": change.timeline, "gap_seconds": change.gap_seconds}
    return {"primary_change": [labels | values]}


def port_metrics(reading: PortReading | None, node: str) -> Mapping[str, Sequence[Row]]:
    """Whether the port leads to ``node``; no row where nobody looked."""
    return {"primary_port": [{"node": node, "target": int(reading.node == node)}] if reading else []}
