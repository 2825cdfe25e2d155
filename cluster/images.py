"""One making of the images, as the topology keeps it: what they stand on, when, and what came out."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime

STAMP = re.compile(r"[0-9]{8}T[0-9]{6}Z\Z")


@dataclass(frozen=True, slots=True, kw_only=True)
class Build:
    """``base``: the image they stand on; ``stamp``: when they were made, empty for those of before the first update.

    The stamp goes into the tags, so that an update means other images. ``made`` are pairs of a reference and the id (or
    the registry's digest) of what it meant when it was made.
    """

    base: str
    stamp: str = ""
    made: tuple[tuple[str, str], ...] = ()

    @property
    def references(self) -> frozenset[str]:
        """Every image of it."""
        return frozenset((self.base, *(reference for reference, _ in self.made)))


def stamp_of(moment: datetime) -> str:
    """``20261127T031500Z``."""
    return moment.astimezone(UTC).strftime("%Y%m%dT%H%M%SZ")
