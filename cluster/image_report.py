"""The report on the images that run: how old they are, and how many newer packages the archive had at the last check.

`inv images.check` and `inv up` write it on the host, into the folder that every service sees; the exporter reads it. No
service looks for itself: none has a way out to an archive.
"""

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Self

from cluster.documents import parse_json
from cluster.files import write_atomically

NAME = "images.json"
FORMAT = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageState:
    """One image: ``built`` (Unix seconds), and how many newer packages wait, ``security`` of which matter most."""

    role: str
    reference: str
    built: float
    waiting: int = 0
    security: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageReport:
    """``checked``: when somebody last looked (Unix seconds), None if nobody has."""

    images: tuple[ImageState, ...] = ()
    checked: float | None = None

    def with_images(self, present: Iterable[ImageState]) -> Self:
        """The images there are now: of those that were known what waits is still true; another one starts anew."""
        known = {(image.role, image.reference): image for image in self.images}
        return replace(self, images=tuple(known.get((image.role, image.reference), image) for image in present))


def read_report(path: Path) -> ImageReport:
    """An empty one where there is none, or none that can be read: the next check writes it anew."""
    try:
        raw = parse_json(path.read_text(encoding="utf-8"))
        images = tuple(ImageState(**image) for image in raw["images"])
        checked = raw["checked"]
        sound = raw["format"] == FORMAT and all(_sound(image) for image in images)
    except (OSError, ValueError, KeyError, TypeError):
        return ImageReport()
    return ImageReport(images=images, checked=checked) if sound and _is_time(checked or 0) else ImageReport()


def _sound(image: ImageState) -> bool:
    texts, counts = (image.role, image.reference), (image.waiting, image.security)
    return (
        all(isinstance(text, str) for text in texts)
        and all(type(count) is int and count >= 0 for count in counts)
        and _is_time(image.built)
    )


def _is_time(value: object) -> bool:
    return type(value) in (int, float)


def write_report(path: Path, report: ImageReport) -> None:
    """Replace the file."""
    write_atomically(path, json.dumps({"format": FORMAT, **asdict(report)}, indent=2) + "\n")
