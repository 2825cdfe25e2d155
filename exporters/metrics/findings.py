"""How many findings of insight there are, from the health service's count; kinds are a fixed list, 0 is one too."""

from collections.abc import Mapping, Sequence

from cluster.insight.findings_status import FRESH_SECONDS, FindingsStatus
from cluster.insight.judgement import KINDS
from exporters.declarations import Family, Row, gauge

_SEVERITIES = ("bad", "warn", "note")
FAMILIES = (
    Family(
        source="findings",
        prefix="pods_insight_",
        labels=("kind", "severity"),
        metrics=(
            gauge(
                "findings",
                "What `inv insight` finds, how many of each kind; absent where PODS_HEALTH is off or nobody looked.",
            ),
        ),
    ),
    Family(
        source="findings_read",
        prefix="pods_insight_",
        metrics=(
            gauge("updated_timestamp_seconds", "When findings were counted last, Unix time."),
            gauge("databases_unread", "Declared databases that were not looked into yet."),
        ),
    ),
)


def finding_metrics(status: FindingsStatus | None, now: float) -> Mapping[str, Sequence[Row]]:
    """Rows by source, at the Unix time ``now``."""
    if status is None:
        return {"findings": [], "findings_read": []}
    read: Row = {"updated_timestamp_seconds": status.updated, "databases_unread": status.unread}
    if now - status.updated > FRESH_SECONDS:
        return {"findings": [], "findings_read": [read]}
    known = {(each.kind, each.severity): each.findings for each in status.counts}
    rows = [
        {"kind": kind, "severity": severity, "findings": known.get((kind, severity), 0)}
        for kind in KINDS
        for severity in _SEVERITIES
    ]
    return {"findings": rows, "findings_read": [read]}
