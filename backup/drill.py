"""The drill: restore the newest backup into a throw-away server, recover to the newest commit, see that it is right.

What was never restored is no backup. The result is kept in the store: how long a restore takes, how new its data is,
and every index, table and assertion that was not as it should be. It is held in the sandbox (backup/sandbox).
"""

import json
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Protocol

from backup.layout import drill_key, drills_prefix
from backup.restore import Plan
from backup.restore.assertions import Assertion, Question
from backup.sandbox.job import Job
from backup.sandbox.outcome import findings
from backup.store import DamagedError, Store, read_text
from cluster.documents import FORMAT, parse_json, read_as, to_json
from cluster.errors import PodsError, RefusedError


@dataclass(frozen=True, slots=True, kw_only=True)
class Drill:
    """What a drill found. Times are Unix seconds, durations seconds.

    ``restored``: until the data directory was there; ``rto``: until the server took connections, with everything
    replayed; ``newest``: when the newest transaction in it was committed; ``lsn``: where its WAL ended; ``problems``:
    what amcheck found, or why it did not come that far; ``databases``: the declared ones that were there and opened.
    """

    when: float
    backup: str = ""
    timeline: int = 0
    restored: float | None = None
    rto: float | None = None
    newest: float | None = None
    lsn: str = ""
    problems: tuple[str, ...] = ()
    assertions: tuple[Assertion, ...] = ()
    databases: tuple[str, ...] = ()

    @property
    def ok(self) -> bool:
        """It was restored, and nothing was wrong with it."""
        return self.rto is not None and not self.problems and all(each.holds for each in self.assertions)


class Runner(Protocol):
    """Somebody who does a job and gives its result: the sandbox."""

    def __call__(self, job: Job, store: Store, progress: Callable[[str], None]) -> dict[str, Any]:
        """Do it, or raise a PodsError."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """How to drill: ``questions`` of the user's, declared ``databases``; ``timeout``: seconds for the recovery."""

    questions: tuple[Question, ...] = ()
    databases: tuple[str, ...] = ()
    timeout: float = 4 * 3600.0


def drill(
    make_plan: Callable[[], Plan], store: Store, rules: Rules, run: Runner, progress: Callable[[str], None]
) -> Drill:
    """Have the newest moment restored into a server of its own, looked at, and removed.

    That it does not work is the result and no error.

    Raises:
        PodsError: ``make_plan`` cannot read the store.
    """
    found = Drill(when=time.time())
    try:
        job = _job(make_plan(), store, rules)
    except RefusedError as error:
        return replace(found, problems=(str(error),))
    found = replace(found, backup=job.chain[-1].name, timeline=job.timeline)
    try:
        return replace(found, **findings(run(job, store, progress), job))
    except (PodsError, OSError) as error:
        return replace(found, problems=(str(error),))


def _job(planned: Plan, store: Store, rules: Rules) -> Job:
    return Job(
        what="drill",
        store=store.name,
        chain=planned.chain,
        target=planned.target,
        timeline=planned.timeline,
        timeout=rules.timeout,
        questions=rules.questions,
        databases=rules.databases,
    )


def record(store: Store, system: str, found: Drill) -> None:
    """Keep a result."""
    body = json.dumps({"format": FORMAT, "ok": found.ok, **to_json(found)}, indent=2) + "\n"
    store.create(drill_key(system, found.when), body.encode())


def read_last(store: Store, system: str) -> Drill | None:
    """The last result, or None where there was none yet or it is of another format."""
    last = None
    for stored in store.list(drills_prefix(system)):
        last = stored.key
    try:
        return parse(read_text(store, last)) if last else None
    except ValueError as error:
        raise DamagedError(f"{last} in store {store.name} cannot be read: {error}") from None


def parse(text: str) -> Drill | None:
    """Read what ``record`` wrote; None where it is of another format.

    Raises:
        ValueError: it is no result of a drill.
    """
    raw = parse_json(text)
    if not isinstance(raw, dict) or raw.pop("format", None) != FORMAT:
        return None
    raw.pop("ok", None)
    return read_as(Drill, raw)
