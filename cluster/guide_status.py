"""What a guide sees and did last: one document, which health and doctor read and it remembers by."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from cluster.documents import dump, load
from cluster.files import replace_file

VOLUME = Path("/run/guide")
"""Where a guide keeps its files, and PgBouncer reads one of them."""
STATUS_FILE = "status.json"
FRESH_SECONDS = 15.0
"""It writes every few seconds; later it does not follow."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GuideStatus:
    """Times are Unix seconds. ``leader``: the primary that is seen; ``leads``: where PgBouncer's pools lead.

    ``paused``: the pools that the guide holds back, since ``since`` there is no primary; ``held_until``: an operation
    holds the pools, and the guide leaves them alone. ``members`` is what each node answers.
    """

    updated: float
    leader: str = ""
    leads: str = ""
    reason: str = ""
    pooler: bool = False
    paused: tuple[str, ...] = ()
    since: float | None = None
    gave_up: bool = False
    held_until: float | None = None
    boot: str = ""
    members: Mapping[str, str] = field(default_factory=dict)

    def follows(self, now: float) -> bool:
        """Whether it is at work at the Unix time ``now``."""
        return now - self.updated < FRESH_SECONDS

    @property
    def well(self) -> bool:
        """Whether clients of the primary reach it, as far as the guide sees."""
        return self.pooler and bool(self.leader) and self.leads == self.leader and not self.paused


def parse_guide_status(text: str | bytes) -> GuideStatus:
    """The status of a text.

    Raises:
        ValueError: it is none.
    """
    return load(GuideStatus, text, "a guide's status")


def read_guide_status(directory: Path) -> GuideStatus | None:
    """The status in ``directory``; None where there is none that can be read."""
    try:
        return parse_guide_status((directory / STATUS_FILE).read_bytes())
    except (OSError, ValueError):
        return None


def write_guide_status(directory: Path, status: GuideStatus) -> None:
    """Replace the status in ``directory``; readers may be of another user."""
    replace_file(directory / STATUS_FILE, dump(status), 0o644)
