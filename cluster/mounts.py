"""What is mounted where, from the kernel's own list: only that knows of bind mounts."""

import os
import re
from pathlib import Path, PurePath

_TABLE = Path("/proc/self/mountinfo")


def mount_points(descriptor: int) -> list[PurePath]:
    """What is mounted at an open directory (an empty path) and below it, relative to it."""
    here = os.readlink(f"/proc/self/fd/{descriptor}")
    lines = _TABLE.read_text(encoding="utf-8", errors="surrogateescape").splitlines()
    points = [PurePath(_unescape(line.split(" ")[4])) for line in lines]
    return [point.relative_to(here) for point in points if point.is_relative_to(here)]


def _unescape(point: str) -> str:
    r"""A path of mountinfo, where a blank is written as ``\\040``."""
    return re.sub(r"\\([0-7]{3})", lambda found: chr(int(found.group(1), 8)), point)
