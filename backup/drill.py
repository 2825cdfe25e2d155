"""The drill: restore the newest backup into a throw-away server, recover to the newest commit, see that it is right.

What was never restored is no backup. The result is kept in the store: how long a restore takes, how new its data is,
and every index, table and assertion that was not as it should be.
"""

import json
import shutil
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from backup.catalog import Backup
from backup.layout import drill_key, drills_prefix, stamp
from backup.restore import Archive, Plan, Recovery, Target, plan, restore
from backup.restore.assertions import Assertion, run_all
from backup.restore.programs import Programs
from backup.restore.throwaway import PARAMETERS, Server, check_folder, serve
from backup.store import Store
from cluster.errors import PodsError
from cluster.postgres import fetch_all

FORMAT = 1
_PREFIX = "drill-"
_MOST = 20
"""Problems of amcheck that are kept; the rest is counted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Drill:
    """What a drill found. Times are Unix seconds, durations seconds.

    ``restored``: until the data directory was there; ``rto``: until the server took connections, with everything
    replayed; ``newest``: when the newest transaction in it was committed; ``lsn``: where its WAL ended; ``problems``:
    what amcheck found, or why it did not come that far.
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

    @property
    def ok(self) -> bool:
        """It was restored, and nothing was wrong with it."""
        return self.rto is not None and not self.problems and all(each.holds for each in self.assertions)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground:
    """Where and how to drill.

    ``directory``: a folder of ours with room for the cluster; ``restore_command`` fetches WAL (%f, %p); ``user`` is the
    cluster's superuser; ``assertions``: a folder of SQL files, for ``database`` where no folder names another;
    ``timeout``: seconds for the recovery.
    """

    directory: Path
    restore_command: str
    user: str = "postgres"
    database: str = "postgres"
    assertions: Path | None = None
    timeout: float = 4 * 3600.0
    programs: Programs = field(default_factory=Programs)


def drill(
    catalog: Sequence[Backup], archive: Archive, store: Store, ground: Ground, progress: Callable[[str], None]
) -> Drill:
    """Restore the newest moment into a server of its own, look at it, and remove it.

    That it does not work is the result and no error.
    """
    found = _Finding(Drill(when=time.time()))
    folder = ground.directory / f"{_PREFIX}{stamp(found.drill.when)}"
    try:
        check_folder(folder)
        _clear(ground.directory)
        folder.mkdir(mode=0o700)
        _perform(plan(catalog, archive, Target()), store, folder, ground, found, progress)
    except (PodsError, OSError) as error:
        found.note(problems=(*found.drill.problems, str(error)))
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return found.drill


class _Finding:
    """What is known so far."""

    def __init__(self, drill: Drill) -> None:
        self.drill = drill
        self._began = time.monotonic()

    def note(self, **facts: Any) -> None:
        self.drill = replace(self.drill, **facts)

    def elapsed(self) -> float:
        return time.monotonic() - self._began


def _clear(directory: Path) -> None:
    """A drill that was killed left its cluster."""
    for left in directory.glob(f"{_PREFIX}*"):
        shutil.rmtree(left, ignore_errors=True)


def _perform(
    planned: Plan, store: Store, folder: Path, ground: Ground, found: _Finding, progress: Callable[[str], None]
) -> None:
    found.note(backup=planned.backup.name, timeline=planned.timeline)
    recovery = Recovery(restore_command=ground.restore_command, parameters=PARAMETERS)
    data = folder / "data"
    restore(planned, store, data, recovery, progress, ground.programs, check=False)
    found.note(restored=found.elapsed())
    progress(f"Recovering from {planned.backup.start_lsn}")
    with serve(data, folder, ground.programs, user=ground.user, timeout=ground.timeout) as server:
        found.note(rto=found.elapsed())
        _look(server, ground, found, progress)


def _look(server: Server, ground: Ground, found: _Finding, progress: Callable[[str], None]) -> None:
    with server.connect("postgres", timeout=60.0) as connection:
        for facts in fetch_all(connection, "backup_replayed", dict[str, Any]):
            found.note(**facts)
    progress("Checking every table and index (pg_amcheck)")
    found.note(problems=check_pages(server, ground.programs))
    progress("Asking what must be true")
    found.note(assertions=run_all(server, ground.assertions, ground.database))


def check_pages(server: Server, programs: Programs) -> tuple[str, ...]:
    """What pg_amcheck finds wrong: verify_heapam on every table, bt_index_check on every B-tree, of every database."""
    options = ("--all", "--install-missing", "--jobs=2", f"--host={server.folder}", f"--username={server.user}")
    code, output = programs.attempt("pg_amcheck", *options, "--no-password")
    if not code:
        return ()
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    more = [f"and {len(lines) - _MOST} lines more"] if len(lines) > _MOST else []
    return (f"pg_amcheck ended with {code}", *lines[:_MOST], *more)


def record(store: Store, system: str, found: Drill) -> None:
    """Keep a result."""
    body = json.dumps({"format": FORMAT, "ok": found.ok, **asdict(found)}, indent=2) + "\n"
    store.create(drill_key(system, found.when), body.encode())


def read_last(store: Store, system: str) -> Drill | None:
    """The last result, or None where there was none yet or it is of another format."""
    last = None
    for stored in store.list(drills_prefix(system)):
        last = stored.key
    return parse(store.get(last).decode()) if last else None


def parse(text: str) -> Drill | None:
    """Read what ``record`` wrote; None where it is of another format."""
    raw = json.loads(text)
    if raw.pop("format", None) != FORMAT:
        return None
    raw.pop("ok")
    assertions = tuple(Assertion(**each) for each in raw.pop("assertions"))
    return Drill(assertions=assertions, problems=tuple(raw.pop("problems")), **raw)
