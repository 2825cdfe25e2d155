"""The archive's state, for whoever shows it: written whole to a JSON file about every second."""

from dataclasses import dataclass
from pathlib import Path

from cluster.documents import dump, load


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreState:
    """One store. Positions are LSN texts, "" where unknown; times Unix seconds; ``behind`` is bytes, ``lag`` seconds.

    ``archived``: the store has everything up to here. ``lag``: how long ago the oldest WAL was received that it lacks.
    """

    name: str
    archived: str = ""
    shipped_at: float | None = None
    behind: int | None = None
    lag: float = 0.0
    waiting: int = 0
    segments: int = 0
    conflicts: int = 0
    error: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ArchiveState:
    """The whole archiver. Sizes in bytes; ``full_wanted`` says why a full backup is, "" when none is.

    ``flushed`` is durable in the spool; ``slot_errors`` are (node, why) of standbys whose slot is not kept up.
    """

    updated: float
    system_identifier: str = ""
    segment_size: int = 0
    node: str = ""
    streaming: bool = False
    timeline: int = 0
    received: str = ""
    flushed: str = ""
    spool_bytes: int = 0
    spool_limit: int = 0
    gaps: int = 0
    full_wanted: str = ""
    error: str = ""
    slot_errors: tuple[tuple[str, str], ...] = ()
    stores: tuple[StoreState, ...] = ()


def dump_state(state: ArchiveState) -> str:
    """The text of the file."""
    return dump(state)


def parse_state(text: str) -> ArchiveState:
    """Read what ``dump_state`` wrote.

    Raises:
        ValueError: it is not that.
    """
    return load(ArchiveState, text, "a state of the archive")


def write_state(path: Path, state: ArchiveState) -> None:
    """Replace the file; without fsync, since it is worth nothing after a crash and syncs slow the primary's commits."""
    path.parent.mkdir(parents=True, exist_ok=True)
    new = path.with_name(f".{path.name}.new")
    new.write_text(dump_state(state))
    new.replace(path)


def read_state(path: Path) -> ArchiveState | None:
    """What the archiver last said, or None before it ever ran."""
    try:
        return parse_state(path.read_text())
    except FileNotFoundError:
        return None
