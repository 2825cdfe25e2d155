"""When each certificate ends, as the host wrote it when it made them; services read it, whom no key is shown."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from cluster.documents import dump, load
from cluster.files import write_atomically

NAME = "certificates.json"
CA = "ca"
"""The authority itself, among the services."""
RENEW_DAYS, WARN_DAYS = 30, 21
"""Days left from which `up` renews, and from which people are told: by then nobody has run it in nine days."""
_DAY = 86_400.0


@dataclass(frozen=True, slots=True)
class CertificateReport:
    """End (Unix seconds) by service."""

    ends: Mapping[str, float]


def read_ends(path: Path) -> Mapping[str, float]:
    """End (Unix seconds) by service; nothing where there is no report, or none that can be read."""
    try:
        return load(CertificateReport, path.read_bytes(), "a report of certificates").ends
    except (OSError, ValueError):
        return {}


def write_ends(path: Path, ends: Mapping[str, float]) -> None:
    """Replace the report where it says something else."""
    if read_ends(path) != ends:
        write_atomically(path, dump(CertificateReport(ends)))


def ending(ends: Mapping[str, float], now: float) -> str:
    """What to tell of certificates that end soon, in words; "" where none does."""
    soon = {name: end for name, end in ends.items() if end - now < WARN_DAYS * _DAY}
    if not soon:
        return ""
    days = int((min(soon.values()) - now) // _DAY)
    when = f"in {days} days" if days > 0 else "today" if days == 0 else "and are past"
    return f"certificates end {when}: {', '.join(sorted(soon))}; renew them with inv certs.renew (the CA: inv up)"
