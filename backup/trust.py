"""Which incremental backups can be trusted, by the release of the server that made them. Pure.

Source: PostgreSQL's release notes of 2026-11-12. Incremental backups of every release before that day's can hold old
data where changed data should be, in several ways, and existing ones "should not be trusted". Full ones are not meant.
"""

import re
from collections.abc import Mapping, Sequence

from backup.catalog import Backup, chain
from cluster.errors import PodsError

_VERSION = re.compile(r"([0-9]{1,3})\.([0-9]{1,4})\Z")
TRUSTED_SINCE = 180007
"""The first release (as ``server_version_num``) whose incremental backups can be trusted."""


def incremental_trusted(server_version_num: int, since: int = TRUSTED_SINCE) -> bool:
    """Whether a server of this version makes incremental backups that can be trusted; ``since`` 0 trusts every one."""
    return server_version_num >= since


def version_number(version: str) -> int:
    """180006 of ``18.6``; 0 of what is no such version, so that nothing is trusted by mistake."""
    match = _VERSION.match(version)
    return int(match[1]) * 10000 + int(match[2]) if match else 0


def version_text(server_version_num: int) -> str:
    """``18.7`` of 180007."""
    return f"{server_version_num // 10000}.{server_version_num % 10000}"


def untrusted(backup: Backup, catalog: Sequence[Backup], since: int = TRUSTED_SINCE) -> str:
    """Why ``backup`` cannot be trusted, in words: it, or one it builds on, is incremental and of an old release."""
    try:
        links: Sequence[Backup] = chain(catalog, backup.name)
    except PodsError:  # it cannot be restored anyway
        links = (backup,)
    for link in links:
        if link.kind == "incremental" and not incremental_trusted(version_number(link.server_version), since):
            return f"incremental, made by PostgreSQL {link.server_version}"
    return ""


def untrusted_ones(catalog: Sequence[Backup], since: int = TRUSTED_SINCE) -> Mapping[str, str]:
    """Name and reason of each backup that cannot be trusted."""
    return {backup.name: why for backup in catalog if (why := untrusted(backup, catalog, since))}
