"""Cron expressions: which ones are, and whether their date ever comes. Pure.

The backup service has a library for when they come; a host has none, and must refuse what that would refuse.
"""

import re
from collections.abc import Iterator

_NAMES_OF_MONTHS = "JAN FEB MAR APR MAY JUN JUL AUG SEP OCT NOV DEC"
_NAMES_OF_DAYS = "SUN MON TUE WED THU FRI SAT"
_MONTHS = {name: number for number, name in enumerate(_NAMES_OF_MONTHS.split(), 1)}
_DAYS = {name: number for number, name in enumerate(_NAMES_OF_DAYS.split())}
_LENGTHS = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
_FIELDS: tuple[tuple[str, range, dict[str, int]], ...] = (
    ("minute", range(60), {}),
    ("hour", range(24), {}),
    ("day of month", range(1, 32), {}),
    ("month", range(1, 13), _MONTHS),
    ("day of week", range(8), _DAYS),
)
_PART = re.compile(r"(?P<first>\*|[0-9A-Z]{1,3})(?:-(?P<last>[0-9A-Z]{1,3}))?(?:/(?P<step>[0-9]{1,2}))?\Z")
_LAST_DAY = ("L", "LW")
_NTH_WEEKDAY = re.compile(r"(?:(?P<last>[0-7])L|(?P<nth>[0-7]|[A-Z]{3})#[1-5])\Z")


def check(expression: str) -> None:
    """Refuse what is no cron expression of five fields, and a date that never comes.

    Raises:
        ValueError: says which field.
    """
    words = expression.upper().split()
    if len(words) != len(_FIELDS):
        raise ValueError("use minute, hour, day of month, month, day of week: '0 2 * * *' is 02:00 daily")
    found = [
        [value for part in word.split(",") for value in _values(part, *field)]
        for word, field in zip(words, _FIELDS, strict=True)
    ]
    days, months = found[2], found[3]
    either = not words[2].startswith("*") and not words[4].startswith("*")  # as in Debian's cron: either will do
    if not either and not any(day <= _LENGTHS[month - 1] for day in days for month in months):
        raise ValueError("use a day of the month that the month has")


def _values(part: str, field: str, allowed: range, names: dict[str, int]) -> Iterator[int]:
    """The numbers that one part of a field stands for; the last day of a month counts as its first, which all have."""
    if field == "day of month" and part in _LAST_DAY:
        yield 1
        return
    if field == "day of week" and (special := _NTH_WEEKDAY.match(part)):
        yield _number(special["last"] or special["nth"], field, allowed, names)
        return
    match = _PART.match(part)
    if match is None or (match["first"] == "*" and match["last"]) or match["step"] in ("0", "00"):
        raise ValueError(f"{part!r} is no {field}")
    yield from _range(match, field, allowed, names)


def _range(match: re.Match[str], field: str, allowed: range, names: dict[str, int]) -> Iterator[int]:
    first = allowed[0] if match["first"] == "*" else _number(match["first"], field, allowed, names)
    open_end = match["first"] == "*" or match["step"]
    last = _number(match["last"], field, allowed, names) if match["last"] else allowed[-1] if open_end else first
    if last < first:
        raise ValueError(f"{match[0]!r} is no {field}: it ends before it begins")
    yield from range(first, last + 1, int(match["step"] or 1))


def _number(text: str, field: str, allowed: range, names: dict[str, int]) -> int:
    value = names.get(text, int(text) if text.isdecimal() else -1)
    if value not in allowed:
        raise ValueError(f"{text!r} is no {field}")
    return value
