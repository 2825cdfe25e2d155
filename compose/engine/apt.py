"""The host's own Debian or Ubuntu archive: which it is, and installing from it.

No archive's address is written down here: apt itself is asked which it uses.
"""

import os
import shutil
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from cluster.errors import MachineError
from compose.console import Progress
from compose.process import follow, last_words, run

_VALID_UNTIL = "Acquire::Check-Valid-Until"
STALE = f"{_VALID_UNTIL}=false"
_OS_RELEASE = Path("/etc/os-release")


@dataclass(frozen=True, slots=True)
class System:
    """What /etc/os-release says: ``id`` (debian, ubuntu), ``version`` (12, 24.04), ``name`` for people."""

    id: str
    version: str
    name: str


def this_system(path: Path = _OS_RELEASE) -> System:
    """Read os-release(5); an absent file gives an unknown system."""
    text = path.read_text() if path.exists() else ""
    pairs = dict(line.split("=", 1) for line in text.splitlines() if "=" in line)
    value = {key: quoted.strip().strip("\"'") for key, quoted in pairs.items()}
    return System(value.get("ID", ""), value.get("VERSION_ID", ""), value.get("PRETTY_NAME", "an unknown system"))


def archive_of(indextargets: str) -> str | None:
    """The Debian archive among lines of ``origin codename uri``, its main one before security and updates."""
    rows = [line.split() for line in indextargets.splitlines() if len(line.split()) == 3]
    uris = [uri for origin, codename, uri in rows if origin == "Debian" and "-" not in codename]
    return uris[0].rstrip("/") if uris else None


def debian_archive() -> str:
    """Address of the Debian archive this host's apt uses.

    Raises:
        MachineError: apt knows none.
    """
    found = archive_of(_index_targets())
    if found is None:
        raise MachineError(
            "this host's apt knows no Debian archive",
            "run apt-get update, or name an archive with PODS_DEBIAN_MIRROR in .env",
        )
    return found


def accepts_stale(setting: str) -> bool:
    """Whether an archive past its Valid-Until is accepted: as PODS_STALE_MIRROR says, else as the host's apt does."""
    if setting != "auto":
        return setting == "true"
    return has("apt-config") and run(["apt-config", "shell", "checks", f"{_VALID_UNTIL}/b"]).strip() == "checks='false'"


def expired_releases(lists: Path = Path("/var/lib/apt/lists")) -> list[tuple[str, datetime]]:
    """Suites whose index on this host is past its Valid-Until, with that moment (UTC)."""
    found = []
    for path in lists.glob("*_InRelease"):
        head = path.read_text(errors="replace")[:2000].splitlines()
        fields = dict(line.split(": ", 1) for line in head if ": " in line)
        until = _moment(fields.get("Valid-Until", ""))
        if until is not None and until < datetime.now(UTC):
            found.append((fields.get("Codename", path.name), until))
    return sorted(found)


def _moment(text: str) -> datetime | None:
    from email.utils import parsedate_to_datetime

    try:
        return parsedate_to_datetime(text.replace("UTC", "+0000"))
    except ValueError:
        return None


def _index_targets() -> str:
    return run(["apt-get", "indextargets", "--format", "$(ORIGIN) $(CODENAME) $(REPO_URI)", "Created-By: Packages"])


def has_index() -> bool:
    """Whether apt has ever fetched its package lists."""
    return any(Path("/var/lib/apt/lists").glob("*_Packages*"))


def update(step: Progress, *, stale: bool) -> None:
    """Fetch the package lists; ``stale`` accepts an archive past its Valid-Until."""
    _apt_get(["update"], step, stale=stale)


def install(packages: list[str], step: Progress, *, stale: bool) -> None:
    """Install ``packages`` without recommended ones, answering no questions, waiting for another apt."""
    _apt_get(["install", "--yes", "--no-install-recommends", *packages], step, stale=stale)


def _apt_get(arguments: list[str], step: Progress, *, stale: bool) -> None:
    """Run apt-get as root, showing its last line."""
    require_root("installing packages")
    options = ["-o", "DPkg::Lock::Timeout=300", *(["-o", STALE] if stale else [])]
    environment = {"DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C"}
    try:
        follow(["apt-get", "--quiet=1", *options, *arguments], step, env=environment)
    except MachineError as fault:
        hint = "set PODS_STALE_MIRROR=true if its index is only out of date" if "not valid" in fault.message else ""
        raise MachineError(fault.message, hint or "look at /etc/apt and try apt-get update by hand") from None


def first_error(output: str) -> str:
    """The first error that apt, or a program built on it, printed; its last words where it printed none."""
    errors = [line[3:].strip() for line in output.splitlines() if line.startswith(("E: ", "W: Failed"))]
    return errors[0] if errors else last_words(output)


def require_root(why: str) -> None:
    """Refuse to go on without root."""
    if os.geteuid() != 0:
        raise MachineError(f"{why} needs root", "run the same command with sudo")


def has(program: str) -> bool:
    """Whether ``program`` is on the PATH."""
    return shutil.which(program) is not None
