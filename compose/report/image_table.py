"""How the images and their updates look on a terminal."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from cluster.units import human_seconds
from compose.console import COMMAND
from compose.engine.package_changes import Change
from compose.operations.image_states import report_of
from compose.report.status import table
from compose.stack import Stack


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageRow:
    """One image: what it is, when it was built (Unix seconds), how many packages wait, and which."""

    image: str
    reference: str
    id: str | None
    base: str
    built: float
    age_seconds: float
    waiting: int
    security: int
    packages: tuple[Change, ...]


def image_rows(stack: Stack, found: Mapping[str, Sequence[Change]]) -> list[ImageRow]:
    """One row per image."""
    build = stack.topology.build
    ids = dict(build.made)
    return [
        ImageRow(
            image=image.role,
            reference=image.reference,
            id=ids.get(image.reference),
            base=build.base,
            built=image.built,
            age_seconds=time.time() - image.built,
            waiting=image.waiting,
            security=image.security,
            packages=tuple(found.get(image.role, ())),
        )
        for image in report_of(stack.home).images
    ]


def print_images(rows: Sequence[ImageRow]) -> None:
    """The images, then what waits for each."""
    table(["image", "reference", "built (UTC)", "age", "newer", "security"], [_cells(row) for row in rows])
    for change in _once(rows):
        mark = "! " if change.security else "  "
        print(f"{mark}{change.package} {change.old} → {change.new} ({change.origin})")
    if any(row.waiting for row in rows):
        print(f"{COMMAND.name} images.update brings them in")


def _cells(row: ImageRow) -> list[str | int]:
    built = datetime.fromtimestamp(row.built, UTC).strftime("%Y-%m-%d %H:%M")
    return [row.image, row.reference, built, human_seconds(row.age_seconds), row.waiting, row.security]


def _once(rows: Sequence[ImageRow]) -> list[Change]:
    """Images share most packages: each is shown once, what matters most first."""
    changes = {(change.package, change.new): change for row in rows for change in row.packages}
    return sorted(changes.values(), key=lambda change: (not change.security, change.package))
