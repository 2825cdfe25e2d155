"""What the supervisor (PODS_FAILOVER=auto) decided last: one document, which others read and it remembers by."""

from dataclasses import dataclass
from pathlib import Path

from cluster.documents import dump, load
from cluster.files import replace_file

MOUNTED = Path("/run/supervisor")
"""Where it is in the supervisor itself, and in the services that read it."""
STATUS_FILE = "status.json"
FRESH_SECONDS = 30.0
"""It writes every few seconds; later it does not watch."""
_OPERATING = ("restart", "fail over", "go on")
_OPERATION_SECONDS = 900.0
"""An operation keeps it from watching for as long, a clone of the old primary included."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SupervisorStatus:
    """``action`` and ``reason``: the last decision. ``failed_over``: when it did last; times are Unix seconds.

    ``known`` is the primary that it saw take writes since the host was booted as ``boot``.
    """

    updated: float
    action: str
    reason: str = ""
    primary: str = ""
    known: str = ""
    boot: str = ""
    failed_over: float | None = None
    target: str = ""

    def watches(self, now: float) -> bool:
        """Whether it is at work at the Unix time ``now``."""
        return now - self.updated < (_OPERATION_SECONDS if self.action in _OPERATING else FRESH_SECONDS)

    @property
    def held(self) -> bool:
        """Whether the primary is gone, and only a person can help."""
        return self.action == "hold"


def parse_status(text: str | bytes) -> SupervisorStatus:
    """The status of a text.

    Raises:
        ValueError: it is none.
    """
    return load(SupervisorStatus, text, "the supervisor's status")


def read_status(directory: Path) -> SupervisorStatus | None:
    """The status in ``directory``; None where there is none that can be read."""
    try:
        return parse_status((directory / STATUS_FILE).read_bytes())
    except (OSError, ValueError):
        return None


def write_status(directory: Path, status: SupervisorStatus) -> None:
    """Replace the status in ``directory``; readers may be of another user."""
    replace_file(directory / STATUS_FILE, dump(status), 0o644)
