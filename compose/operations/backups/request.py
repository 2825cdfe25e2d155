"""A restore request: which backup, and the recovery target."""

from collections.abc import Mapping
from dataclasses import dataclass

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
