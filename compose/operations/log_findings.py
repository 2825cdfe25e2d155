"""What `inv doctor` says of the logs that are kept: too much of them, or no room for what an audit must not lose."""

import shutil
from collections.abc import Iterator, Mapping

from cluster.config.settings import Settings
from cluster.units import human_size
from compose.home import kept_logs
from compose.home.paths import Home

_ROOM = 1 << 25
"""Bytes that a file may grow by between two times at which it is looked at."""
_LEAST_FREE = 0.1

LogFinding = tuple[bool, str, str]
"""Whether it hurts, what was found, what to do."""


def examine_logs(home: Home, settings: Settings) -> Iterator[LogFinding]:
    """Findings on data/logs; none before the first `up` that keeps any."""
    used = kept_logs.used_bytes(home)
    if not used:
        return
    yield from grown(used, settings)
    disk = shutil.disk_usage(home.logs)
    yield from short(disk.free, disk.total, settings)


def grown(used: Mapping[str, int], settings: Settings) -> Iterator[LogFinding]:
    """Those that take more than they may: nobody ended or deleted files of theirs, or they grow faster."""
    bound = settings.log_size + (settings.audit_size if settings.audit != "off" else 0)
    large = {service: size for service, size in used.items() if size > bound * 1.25 + _ROOM}
    for service, size in large.items():
        text = f"the kept log of {service} takes {human_size(size)}, where it may take {human_size(bound)}"
        yield True, text, "see what it says: inv logs --lines 20; inv restart begins its housekeeping anew"
    if not large:
        yield False, f"kept logs take {human_size(sum(used.values()))}", ""


def short(free: int, total: int, settings: Settings) -> Iterator[LogFinding]:
    """No room for what PODS_AUDIT records: on a full disk lines are lost, and nothing stops for that."""
    if settings.audit != "off" and free < total * _LEAST_FREE:
        text = f"PODS_AUDIT is {settings.audit}, and {human_size(free)} are free: what does not fit is not recorded"
        yield True, text, "free space, or lower PODS_AUDIT_SIZE and PODS_LOG_SIZE"
