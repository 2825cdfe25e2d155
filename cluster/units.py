"""Byte counts, durations and moments as people write and read them."""

import re
from datetime import UTC, datetime

_SIZE = re.compile(r"(\d+)\s*(B|kB|MB|GB|TB)?\Z")
_FACTOR = {None: 1, "B": 1, "kB": 1 << 10, "MB": 1 << 20, "GB": 1 << 30, "TB": 1 << 40}


def parse_size(text: str) -> int:
    """Bytes of ``512MB`` in PostgreSQL's units (kB, MB, GB, TB: powers of 1024).

    Raises:
        ValueError: ``text`` is not a size.
    """
    match = _SIZE.match(text.strip())
    if match is None:
        raise ValueError("use a whole number with kB, MB, GB or TB, such as 512MB")
    return int(match[1]) * _FACTOR[match[2]]


def postgres_size(size: int) -> str:
    """``size`` bytes for postgresql.conf, in the largest unit that holds it exactly (at least kB)."""
    for unit in ("TB", "GB", "MB"):
        if size >= _FACTOR[unit] and size % _FACTOR[unit] == 0:
            return f"{size // _FACTOR[unit]}{unit}"
    return f"{size // 1024}kB"


def human_size(size: float | None) -> str:
    """``1.5 GB``; ``–`` where unknown."""
    if size is None:
        return "–"
    for unit in ("B", "kB", "MB", "GB"):
        if abs(size) < 1024:
            return f"{size:.0f} {unit}" if unit in ("B", "kB") else f"{size:.1f} {unit}"
        size /= 1024
    return f"{size:.1f} TB"


def human_seconds(seconds: float | None) -> str:
    """``0.4 s``, ``3 min 5 s``, ``2 h 10 min``, ``5 d 3 h``; ``–`` where unknown."""
    if seconds is None:
        return "–"
    if seconds < 60:
        return f"{seconds:.1f} s" if seconds < 10 else f"{seconds:.0f} s"
    whole = int(seconds)
    for big, small, size, part in (("d", "h", 86400, 3600), ("h", "min", 3600, 60), ("min", "s", 60, 1)):
        if whole >= size:
            return f"{whole // size} {big} {whole % size // part} {small}"
    raise AssertionError("unreachable")


def fine_seconds(seconds: float) -> str:
    """As `human_seconds`, and ``0.05 ms``, ``4.2 ms``, ``45 ms`` of what is over before somebody sees it."""
    if seconds >= 1:
        return human_seconds(seconds)
    thousandths = seconds * 1000
    return f"{thousandths:.{0 if thousandths >= 10 else 1 if thousandths >= 1 else 2}f} ms"


def utc(when: float) -> str:
    """``2026-11-22 10:00:00`` of Unix time."""
    return datetime.fromtimestamp(when, UTC).strftime("%Y-%m-%d %H:%M:%S")
