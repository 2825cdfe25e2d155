"""The parent of an incremental backup, or why a full one is needed. Pure.

PostgreSQL's incremental backups have had silent errors around promotions, updates and missing checksums, so a full one
is taken whenever one of these lies between (research/backup.md, trap 22). Releases whose incremental backups cannot be
trusted at all give full ones only (backup/trust.py).
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Literal

from backup.base.source import SourceNode
from backup.catalog import Backup, chain
from backup.trust import TRUSTED_SINCE, incremental_trusted, version_number, version_text
from cluster.errors import PodsError


@dataclass(frozen=True, slots=True, kw_only=True)
class ParentChoice:
    """What to take: incremental on ``parent``, or full where that is None; ``why`` in words."""

    parent: Backup | None
    why: str


def decide(
    wanted: Literal["full", "incremental"],
    catalogs: Sequence[Sequence[Backup]],
    node: SourceNode,
    longest: int,
    trusted_since: int = TRUSTED_SINCE,
    damaged: Collection[str] = (),
) -> ParentChoice:
    """Choose the kind and the parent.

    Args:
        wanted: the requested kind.
        catalogs: the backups of each store it will go to; a parent must be in all of them.
        node: where it will be taken.
        longest: how many incremental backups may stand on one full one.
        trusted_since: the first release (``server_version_num``) whose incremental backups are taken; 0: of any.
        damaged: names of backups that a store has and that are known to be damaged.
    """
    if wanted == "full":
        return ParentChoice(parent=None, why="as asked")
    if not incremental_trusted(version_number(node.version), trusted_since):
        better = f"those of {version_text(trusted_since)} and later can"
        return ParentChoice(
            parent=None, why=f"incremental backups of PostgreSQL {node.version} cannot be trusted, {better}"
        )
    parent = newest_common(catalogs)
    if parent is None:
        return ParentChoice(parent=None, why="there is no earlier backup in every store")
    broken = [f"{parent.name} is damaged"] if parent.name in damaged else []
    reasons = [*broken, *_changes(parent, node), *_too_long(parent, catalogs[0], longest)]
    if reasons:
        return ParentChoice(parent=None, why="; ".join(reasons))
    return ParentChoice(parent=parent, why=f"what changed since {parent.name}")


def newest_common(catalogs: Sequence[Sequence[Backup]]) -> Backup | None:
    """The newest backup that every store holds with its whole chain."""
    held = [{backup.name for backup in catalog if _whole(catalog, backup)} for catalog in catalogs]
    common = set.intersection(*held) if held else set()
    candidates = [backup for backup in catalogs[0] if backup.name in common] if common else []
    return max(candidates, key=lambda backup: backup.started, default=None)


def _whole(catalog: Sequence[Backup], backup: Backup) -> bool:
    try:
        return bool(chain(catalog, backup.name))
    except PodsError:
        return False


def _changes(parent: Backup, node: SourceNode) -> list[str]:
    """Differences between the parent and the node as it is now."""
    found = []
    if parent.timeline != node.timeline:
        found.append(f"the timeline changed from {parent.timeline} to {node.timeline}")
    if parent.server_version != node.version:
        found.append(f"PostgreSQL {parent.server_version} became {node.version}")
    if parent.checksums != node.checksums:
        found.append(f"data checksums were switched {'on' if node.checksums else 'off'}")
    if not node.summaries:
        found.append(f"{node.name} does not summarize WAL")
    return found


def _too_long(parent: Backup, catalog: Sequence[Backup], longest: int) -> list[str]:
    steps = len(chain(catalog, parent.name)) - 1
    return [f"{steps} incremental backups stand on one full one"] if steps >= longest else []
