"""The report on the images that run: how old they are, and how many newer packages the archive had at the last check.

`inv images.check` and `inv up` write it on the host, into the folder that every service sees; the exporter reads it. No
service looks for itself: none has a way out to an archive.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

from cluster.documents import dump, load
from cluster.files import write_atomically

NAME = "images.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageState:
    """One image: ``built`` (Unix seconds), and how many newer packages wait, ``security`` of which matter most."""

    role: str
    reference: str
    built: float
    waiting: int = 0
    security: int = 0

    def __post_init__(self) -> None:
        if min(self.waiting, self.security) < 0:
            raise ValueError("a count is negative")


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
        return load(ImageReport, path.read_bytes(), "a report of images")
    except (OSError, ValueError):
        return ImageReport()


def write_report(path: Path, report: ImageReport) -> None:
    """Replace the file."""
    write_atomically(path, dump(report))
