"""How the images and their updates look on a terminal."""

import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from cluster.units import human_seconds
from compose.engine.package_changes import Change
from compose.operations.image_states import report_of
from compose.report.status import table
from compose.stack import Stack


def image_rows(stack: Stack, found: Mapping[str, Sequence[Change]]) -> list[dict[str, Any]]:
    """One row per image: what it is, when it was built (Unix seconds), and the packages that wait."""
    build = stack.topology.build
    ids = dict(build.made)
    return [
        {
            "image": image.role,
            "reference": image.reference,
            "id": ids.get(image.reference),
            "base": build.base,
            "built": image.built,
            "age_seconds": time.time() - image.built,
            "waiting": image.waiting,
            "security": image.security,
            "packages": [change.as_dict() for change in found.get(image.role, ())],
        }
        for image in report_of(stack.home).images
    ]


def print_images(rows: list[dict[str, Any]]) -> None:
    """The images, then what waits for each."""
    table(
        ["image", "reference", "built (UTC)", "age", "newer", "security"],
        [
            [
                row["image"],
                row["reference"],
                datetime.fromtimestamp(row["built"], UTC).strftime("%Y-%m-%d %H:%M"),
                human_seconds(row["age_seconds"]),
                row["waiting"],
                row["security"],
            ]
            for row in rows
        ],
    )
    for change in _once(rows):
        mark = "! " if change["security"] else "  "
        print(f"{mark}{change['package']} {change['old']} → {change['new']} ({change['origin']})")
    if any(row["waiting"] for row in rows):
        print("inv images.update brings them in")


def _once(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Images share most packages: each is shown once, what matters most first."""
    changes = {(change["package"], change["new"]): change for row in rows for change in row["packages"]}
    return sorted(changes.values(), key=lambda change: (not change["security"], change["package"]))
