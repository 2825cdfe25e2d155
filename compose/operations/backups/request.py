"""A restore as data: which backup and recovery target, the plan, the result."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from cluster.errors import UsageError


@dataclass(frozen=True, slots=True, kw_only=True)
class RestoreRequest:
    """What to restore: a backup by name, a target (kind "" where its form tells), a timeline, a store, a cluster."""

    name: str = "latest"
    to: str = "latest"
    kind: str = ""
    timeline: str = ""
    store: str = ""
    system: str = ""

    @property
    def arguments(self) -> list[str]:
        """For the service."""
        given = {"--name": self.name, "--to": self.to, "--kind": self.kind, "--timeline": self.timeline}
        given |= {"--store": self.store, "--system": self.system}
        return [f"{option}={text}" for option, text in given.items() if text]


@dataclass(frozen=True, slots=True, kw_only=True)
class RestoreResult:
    """What was restored, and where it is.

    Args:
        backup: the backup's name.
        lsn: where recovery ended.
        newest: when the newest commit in it was made (Unix seconds), if there is one.
        directory: the data directory, of a restore into one.
        copy: name of the copy, of a restore beside the cluster; it listens on ``address``.
        address: host and port.
        writable: whether the copy takes writes.
        aside: where each node's former data is kept, of a restore in place.
    """

    backup: str
    lsn: str
    newest: float | None = None
    directory: Path | None = None
    copy: str = ""
    address: str = ""
    writable: bool = False
    aside: Mapping[str, Path] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class RestoreTarget:
    """Where to restore: into a directory, into a copy beside the cluster, in place; or a plan alone.

    Raises:
        UsageError: it is not exactly one of these.
    """

    directory: str = ""
    copy: str = ""
    in_place: bool = False
    plan: bool = False
    writable: bool = False

    def __post_init__(self) -> None:
        if sum((bool(self.directory), bool(self.copy), self.in_place, self.plan)) != 1:
            hint = "give --as-node NAME, --into DIRECTORY, --in-place, or --plan to look first"
            raise UsageError("where to is not said", hint)
        if self.writable and not self.copy:
            raise UsageError("--writable is for a copy", "give it with --as-node")


@dataclass(frozen=True, slots=True, kw_only=True)
class RestorePlan:
    """What a restore would do, in lines; the bytes it needs; the cluster whose ``backup`` it is (system identifier)."""

    lines: tuple[str, ...]
    space: int
    system: str
    backup: str

    def pin(self, wanted: RestoreRequest) -> RestoreRequest:
        """The same from the backup that the search of the archive found, which need not be searched again."""
        return replace(wanted, name=self.backup) if wanted.kind in ("xid", "name") else wanted


def parse_request(name: str, targets: Mapping[str, str | None], immediate: bool, **rest: str | None) -> RestoreRequest:
    """The request of the command line; at most one target.

    Raises:
        UsageError: more than one.
    """
    given = {kind: text for kind, text in targets.items() if text is not None}
    if immediate:
        given["immediate"] = "immediate"
    if len(given) > 1:
        raise UsageError("there are two targets: " + " and ".join(f"--to-{kind}" for kind in given), "give one")
    kind, to = next(iter(given.items()), ("", "latest"))
    _check_timeline(rest.get("timeline"))
    return RestoreRequest(name=name or "latest", to=to, kind=kind, **{key: text or "" for key, text in rest.items()})


def _check_timeline(text: str | None) -> None:
    if text is not None and not (text.isascii() and text.isdecimal() and int(text) > 0):
        raise UsageError(f"--timeline {text!r} is not a timeline", "give its number, as inv backup.windows shows it")
