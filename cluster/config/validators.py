"""Checks of what a user wrote: each takes text and returns a value, or raises ValueError with the rule it breaks."""

import ipaddress
import re
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

from cluster.units import parse_size

AUTO = "auto"
_CRON = re.compile(r"[0-9A-Za-z*/,\-#?L ]+")
_DNS_NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9_.-]{0,251}[A-Za-z0-9])?\Z")


def matching(pattern: re.Pattern[str], rule: str) -> Callable[[str], str]:
    """A check that text matches ``pattern``; ``rule`` says how to."""

    def check(text: str) -> str:
        if not pattern.match(text):
            raise ValueError(rule)
        return text

    return check


def whole(low: int, high: int) -> Callable[[str], int]:
    """A check for a whole number from ``low`` to ``high``."""

    def check(text: str) -> int:
        if not re.fullmatch(r"[0-9]{1,12}", text) or not low <= int(text) <= high:
            raise ValueError(f"use a whole number from {low} to {high}")
        return int(text)

    return check


def one_of(*choices: str) -> Callable[[str], str]:
    """A check for one of a few words."""

    def check(text: str) -> str:
        if text not in choices:
            raise ValueError("use one of " + ", ".join(choices))
        return text

    return check


def size(low: str) -> Callable[[str], int]:
    """A check for a size in bytes of at least ``low``."""

    def check(text: str) -> int:
        found = parse_size(text)
        if found < parse_size(low):
            raise ValueError(f"use at least {low}")
        return found

    return check


def size_or_auto(low: str) -> Callable[[str], int | None]:
    """A check for a size in bytes of at least ``low``, or ``auto`` (None)."""

    def check(text: str) -> int | None:
        if text == AUTO:
            return None
        found = parse_size(text)
        if found < parse_size(low):
            raise ValueError(f"use {AUTO} or at least {low}")
        return found

    return check


def pool_size(text: str) -> int | None:
    """A number of connections, or ``auto`` (None)."""
    return None if text == AUTO else whole(1, 10_000)(text)


def address(text: str) -> str:
    """An address of this host. IPv4 only: behind an IPv6 port Docker hides where a client comes from."""
    try:
        return str(ipaddress.IPv4Address(text))
    except ValueError:
        raise ValueError("use an IPv4 address of this host, such as 127.0.0.1") from None


def on_loopback(address: str) -> bool:
    """Whether nobody but this host reaches ``address``."""
    return ipaddress.ip_address(address).is_loopback


def address_or_auto(text: str) -> str | None:
    """An address of this host, or ``auto`` (None)."""
    return None if text == AUTO else address(text)


def words(*choices: str) -> Callable[[str], tuple[str, ...]]:
    """A check for some of a few words, with commas between."""

    def check(text: str) -> tuple[str, ...]:
        found = tuple(part.strip() for part in text.split(",") if part.strip())
        if not set(found) <= set(choices):
            raise ValueError("use nothing, or some of " + ", ".join(choices))
        return found

    return check


def networks(text: str) -> tuple[str, ...]:
    """Networks as pg_hba knows them."""
    return tuple(_network(part) for part in text.split(",") if part.strip())


def _network(part: str) -> str:
    part = part.strip()
    if part in ("samenet", "all"):
        return part
    try:
        return str(ipaddress.ip_network(part))
    except ValueError:
        raise ValueError("use samenet, all, or networks such as 10.0.0.0/8, with commas between") from None


def names(text: str) -> tuple[str, ...]:
    """Host names and addresses."""
    found = tuple(part.strip() for part in text.split(",") if part.strip())
    for name in found:
        if not _DNS_NAME.match(name) and not _is_address(name):
            raise ValueError("use host names or addresses with commas between")
    return found


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def web_url(text: str) -> str:
    """An address that begins with http:// or https://, or nothing."""
    try:
        address = urlsplit(text)
        well = address.scheme in ("http", "https") and bool(address.hostname) and not re.search(r"\s", text)
    except ValueError:
        well = False
    if text and not well:
        raise ValueError("use https://HOST or https://HOST:PORT")
    return text


def existing_file(text: str) -> str:
    """A path to a file that is there, or nothing."""
    if text and not Path(text).is_file():
        raise ValueError("no such file")
    return text


def path_or_nothing(text: str) -> str:
    """An absolute path, or nothing. Whether something is there, `up` looks: services read settings too."""
    if text and not Path(text).is_absolute():
        raise ValueError("use an absolute path")
    return text


def schedule(text: str) -> str:
    """A cron expression of five fields. Whether its date ever comes, the backup service checks."""
    if len(text.split()) != 5 or not _CRON.fullmatch(text):
        raise ValueError("use minute, hour, day of month, month, day of week: '0 2 * * *' is 02:00 daily")
    return text


def schedule_or_off(text: str) -> str:
    """A cron expression, or ``off``."""
    return text if text == "off" else schedule(text)


def time_zone(text: str) -> str:
    """A time zone's name."""
    from zoneinfo import ZoneInfo

    try:
        ZoneInfo(text)
    except (KeyError, ValueError, OSError):
        raise ValueError("use a name such as UTC or Europe/Berlin") from None
    return text


def no_space(text: str) -> str:
    """Any text without spaces."""
    if re.search(r"\s", text):
        raise ValueError("use a value without spaces")
    return text
