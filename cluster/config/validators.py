"""Checks of what a user wrote: each takes text and returns a value, or raises ValueError with the rule it breaks."""

import ipaddress
import re
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

from cluster.config import cron
from cluster.units import parse_size

AUTO = "auto"
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


MOST = "1024TB"
"""Of sizes; what counts bytes or MB somewhere counts at least so far."""


def size(low: str, high: str = MOST) -> Callable[[str], int]:
    """A check for a size in bytes from ``low`` to ``high``."""

    def check(text: str) -> int:
        found = parse_size(text)
        if not parse_size(low) <= found <= parse_size(high):
            raise ValueError(f"use at least {low}" if found < parse_size(low) else f"use at most {high}")
        return found

    return check


def size_or_auto(low: str, high: str = MOST) -> Callable[[str], int | None]:
    """A check for a size in bytes from ``low`` to ``high``, or ``auto`` (None)."""
    sized = size(low, high)

    def check(text: str) -> int | None:
        if text == AUTO:
            return None
        try:
            return sized(text)
        except ValueError as error:
            raise ValueError(str(error).replace("use at", f"use {AUTO} or at")) from None

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
    """A cron expression of five fields whose date comes."""
    cron.check(text)
    return text


def schedule_or_off(text: str) -> str:
    """A cron expression, or ``off``."""
    return text if text == "off" else schedule(text)


def time_zone(text: str) -> str:
    """A time zone's name."""
    from zoneinfo import ZoneInfo

    try:
        ZoneInfo(text)
        known = text[:1].isupper()  # localtime, posix/… and the like: what they mean, another system may not know
    except (KeyError, ValueError, OSError):
        known = False
    if not known:
        raise ValueError("use a name such as UTC or Europe/Berlin")
    return text


def no_space(text: str) -> str:
    """Any text without spaces."""
    if re.search(r"\s", text):
        raise ValueError("use a value without spaces")
    return text


def s3_prefix(text: str) -> str:
    """What keys of objects may begin with: names with single slashes between, or nothing."""
    names = text.rstrip("/").split("/") if text else []
    if len(text) > 900 or not all(re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,254}", name) for name in names):
        raise ValueError("use names of A-Z, a-z, 0-9, '.', '_' and '-', with one / between")
    return text


def bucket(text: str) -> str:
    """A bucket's name, an access point's ARN, or nothing."""
    if text and not re.fullmatch(r"[A-Za-z0-9.\-_]{1,255}", text) and not text.startswith("arn:"):
        raise ValueError("use a bucket's name: A-Z, a-z, 0-9, '.', '-' and '_'")
    return no_space(text)


def region(text: str) -> str:
    """A region's name, or nothing."""
    if text and not re.fullmatch(r"(?![0-9]+\Z)(?!-)[A-Za-z0-9-]{1,63}(?<!-)", text):
        raise ValueError("use a region's name, such as eu-central-1")
    return text
