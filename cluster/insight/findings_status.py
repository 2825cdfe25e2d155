"""How many findings there are, as the health service leaves it for the exporter: numbers alone, nobody's names."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from cluster.documents import dump, load
from cluster.files import replace_file
from cluster.insight.findings import InsightFinding
from cluster.insight.readings import TransactionMark

MOUNTED = Path("/run/findings")
"""Where it is in the health service, which writes it, and in the exporter."""
STATUS_FILE = "findings.json"
FRESH_SECONDS = 900.0
"""It is written every minute; older than this it says nothing of now."""
_MOST_BYTES = 1 << 16


@dataclass(frozen=True, slots=True, kw_only=True)
class FindingCount:
    """How many findings of one kind and severity."""

    kind: str
    severity: str
    findings: int


@dataclass(frozen=True, slots=True, kw_only=True)
class FindingsStatus:
    """``updated`` is Unix time; ``databases`` are those that were read at all, ``unread`` those that were not lately.

    ``marks`` are of the last days: which transaction id was the next.
    """

    updated: float
    databases: int = 0
    unread: int = 0
    counts: tuple[FindingCount, ...] = ()
    marks: tuple[TransactionMark, ...] = ()


def counted(findings: Iterable[InsightFinding]) -> tuple[FindingCount, ...]:
    """How many there are of each kind and severity."""
    found = Counter((each.kind, each.severity) for each in findings)
    return tuple(FindingCount(kind=kind, severity=weight, findings=n) for (kind, weight), n in sorted(found.items()))


def read_status(directory: Path) -> FindingsStatus | None:
    """What is in ``directory``; None where there is nothing that can be read."""
    try:
        with (directory / STATUS_FILE).open("rb") as file:
            return load(FindingsStatus, file.read(_MOST_BYTES), "the count of findings")
    except (OSError, ValueError):
        return None


def write_status(directory: Path, status: FindingsStatus) -> None:
    """Replace it in ``directory``; readers may be of another user."""
    replace_file(directory / STATUS_FILE, dump(status), 0o644)
