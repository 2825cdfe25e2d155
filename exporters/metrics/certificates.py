"""When certificates end, from what was last written of them on the host."""

from collections.abc import Mapping, Sequence

from exporters.declarations import Family, Row, gauge

FAMILIES = (
    Family(
        source="certificates",
        prefix="pods_certificate_",
        labels=("service",),
        metrics=(
            gauge("expiry_timestamp_seconds", "When the certificate of the service, or of the CA, ends, Unix time."),
        ),
    ),
)


def certificate_metrics(ends: Mapping[str, float]) -> Mapping[str, Sequence[Row]]:
    """A row for each certificate."""
    return {"certificates": [{"service": name, "expiry_timestamp_seconds": end} for name, end in ends.items()]}
