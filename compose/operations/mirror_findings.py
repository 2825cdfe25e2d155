"""What `inv doctor` says of the package archive that images are built from."""

from collections.abc import Iterator

from cluster.config.settings import Settings
from compose.engine import apt


def examine_mirror(settings: Settings) -> Iterator[tuple[bool, str, str]]:
    """Whether its index is past its end: whether that hurts, what was found, what to do."""
    if settings.images == "registry" or not apt.has("apt-get"):
        return
    stale = [name for name, until in apt.expired_releases()]
    if stale and not apt.accepts_stale(settings.stale_mirror):
        text = f"the package archive is out of date ({', '.join(stale)})"
        yield True, text, "wait for the mirror, or set PODS_STALE_MIRROR=true"
    elif stale:
        yield False, f"the package archive is past its Valid-Until ({', '.join(stale)}), which is accepted", ""
