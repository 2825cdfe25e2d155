"""What was rendered for a host, kept here as it lies there: Compose reads it, and people compare."""

from collections.abc import Mapping
from pathlib import Path

from cluster.files import replace_file


def kept_copy(folder: Path, path: str) -> bytes | None:
    """One of them, as it was sent last; None where none was."""
    kept = folder / path
    return kept.read_bytes() if kept.exists() else None


def keep_copies(folder: Path, contents: Mapping[str, bytes]) -> None:
    """Let ``folder`` hold these files, by path, and no others."""
    folder.mkdir(parents=True, exist_ok=True)
    for path, content in contents.items():
        kept = folder / path
        kept.parent.mkdir(parents=True, exist_ok=True)
        if not kept.is_file() or kept.read_bytes() != content:
            replace_file(kept, content, 0o644)
    wanted = {folder / path for path in contents}
    for found in sorted(folder.rglob("*"), reverse=True):
        if found.is_dir() and not any(found.iterdir()):
            found.rmdir()
        elif not found.is_dir() and found not in wanted:
            found.unlink()
