"""Which backups are known to be damaged: those that a verification found so, and those that build on one. Pure."""

from collections.abc import Iterator, Mapping, Sequence

from backup.annotations import Verified
from backup.catalog import Backup, chain
from cluster.errors import PodsError


def damage(backup: Backup, catalog: Sequence[Backup], marks: Mapping[str, Verified]) -> str:
    """Why ``backup`` cannot be restored, in words; "" where nothing is known against it."""
    if broken := _found(backup, marks):
        return broken
    base = next((link for link in _links(backup, catalog) if _found(link, marks)), None)
    return f"it builds on {base.name}, which is damaged" if base else ""


def damaged_ones(catalog: Sequence[Backup], marks: Mapping[str, Verified]) -> Mapping[str, str]:
    """Name and reason of each backup that is known to be damaged."""
    return {backup.name: why for backup in catalog if (why := damage(backup, catalog, marks))}


def _found(backup: Backup, marks: Mapping[str, Verified]) -> str:
    mark = marks.get(backup.name)
    return "" if mark is None or mark.ok else mark.detail or "it is not what was stored"


def _links(backup: Backup, catalog: Sequence[Backup]) -> Iterator[Backup]:
    """What it builds on; nothing where that is not whole, which is refused elsewhere."""
    try:
        yield from chain(catalog, backup.name)
    except PodsError:
        return
