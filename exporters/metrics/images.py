"""The metrics of the images that run, from what was last written of them on the host."""

from collections.abc import Mapping, Sequence

from cluster.image_report import ImageReport
from exporters.declarations import Family, Row, gauge

FAMILIES = (
    Family(
        source="images",
        prefix="pods_image_",
        labels=("image",),
        metrics=(gauge("built_timestamp_seconds", "When the image that runs was built, Unix time."),),
    ),
    Family(
        source="image_updates",
        prefix="pods_image_",
        labels=("image", "kind"),
        metrics=(
            gauge("updates_waiting", "Packages that the archive had newer when last asked; kind: security, or other."),
        ),
    ),
    Family(
        source="image_check",
        prefix="pods_image_",
        metrics=(gauge("checked_timestamp_seconds", "When the archive was last asked, Unix time; absent if never."),),
    ),
)


def image_metrics(report: ImageReport) -> Mapping[str, Sequence[Row]]:
    """Rows by source. What waits is not known, and so not told, before anybody asked."""
    checked = report.checked is not None
    return {
        "images": [{"image": image.role, "built_timestamp_seconds": image.built} for image in report.images],
        "image_updates": [
            {"image": image.role, "kind": kind, "updates_waiting": count}
            for image in report.images
            if checked
            for kind, count in (("security", image.security), ("other", image.waiting - image.security))
        ],
        "image_check": [{"checked_timestamp_seconds": report.checked}] if checked else [],
    }
