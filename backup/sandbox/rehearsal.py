"""A drill, inside the sandbox: restore, recover, look at what came of it, throw it away."""

import shutil
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from backup.restore.assertions import run_all
from backup.restore.execute import restore
from backup.restore.pg_programs import PgPrograms
from backup.restore.recovery_settings import Recovery
from backup.restore.temporary_server import ENVIRONMENT, PARAMETERS, TemporaryServer, check_folder, serve
from backup.sandbox.job import Job
from backup.sandbox.libraries import find_missing
from backup.store import Store
from cluster.errors import MachineError, PodsError
from cluster.postgres.connection import fetch_all

_MOST = 20
"""Problems of amcheck that are kept; the rest is counted."""
_LONGEST = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class DrillSite:
    """Where restored data is started.

    ``directory``: a folder of ours with room for the cluster; ``folder``: a short one for the server's socket and log;
    ``restore_command`` fetches WAL (%f, %p); ``user`` is the cluster's superuser.
    """

    directory: Path
    folder: Path
    restore_command: str
    user: str = "postgres"
    programs: PgPrograms = field(default_factory=PgPrograms)


def rehearse(job: Job, store: Store, site: DrillSite, progress: Callable[[str], None]) -> dict[str, Any]:
    """Restore into ``site`` and look at it; what was found, as ``outcome.findings`` reads it.

    That it does not work is the result and no error.
    """
    found: dict[str, Any] = {"problems": [], "assertions": [], "databases": []}
    try:
        check_folder(site.folder)
        shutil.rmtree(site.directory / "data", ignore_errors=True)  # of one that was killed
        _perform(job, store, site, found, progress)
    except (PodsError, OSError) as error:
        found["problems"].append(str(error)[:_LONGEST])
    finally:
        shutil.rmtree(site.directory / "data", ignore_errors=True)
    return found


def _perform(job: Job, store: Store, site: DrillSite, found: dict[str, Any], progress: Callable[[str], None]) -> None:
    began = time.monotonic()
    recovery = Recovery(restore_command=site.restore_command, parameters=PARAMETERS)
    data = site.directory / "data"
    restore(job.plan, store, data, recovery, progress, site.programs, check=False)
    found["restored"] = time.monotonic() - began
    progress(f"Recovering from {job.chain[-1].start_lsn}")
    with serve(data, site.folder, site.programs, user=site.user, timeout=job.timeout) as server:
        found["rto"] = time.monotonic() - began
        _examine(server, job, site.programs, found, progress)


def _examine(
    server: TemporaryServer, job: Job, programs: PgPrograms, found: dict[str, Any], progress: Callable[[str], None]
) -> None:
    with server.connect("postgres", timeout=60.0) as connection:
        for facts in fetch_all(connection, "backup_replayed", dict[str, Any]):
            found.update(facts)
    found["databases"], missing = open_databases(server, job.databases)
    found["problems"] += missing
    found["problems"] += find_missing(server)
    progress("Checking every table and index (pg_amcheck)")
    found["problems"] += check_pages(server, programs)
    progress("Asking what must be true")
    found["assertions"] = [asdict(each) for each in run_all(server, job.questions)]


def open_databases(server: TemporaryServer, names: Sequence[str]) -> tuple[list[str], list[str]]:
    """Those of the declared databases that let us in, and one problem for those that do not."""
    opened, closed = [], []
    for name in names:
        try:
            with server.connect(name, timeout=60.0):
                opened.append(name)
        except MachineError as error:
            closed.append(error.message)
    if not closed:
        return opened, []
    more = f", and so for {len(closed) - 1} more" if len(closed) > 1 else ""
    return opened, [f"{closed[0]}{more}: declared in config/databases.toml"[:_LONGEST]]


def check_pages(server: TemporaryServer, programs: PgPrograms) -> list[str]:
    """What pg_amcheck finds wrong: verify_heapam on every table, bt_index_check on every B-tree, of every database."""
    options = ("--all", "--install-missing", "--jobs=2", f"--host={server.folder}", f"--username={server.user}")
    code, output = programs.attempt("pg_amcheck", *options, "--no-password", more=ENVIRONMENT)
    if not code:
        return []
    lines = [line.strip()[:_LONGEST] for line in output.splitlines() if line.strip()]
    more = [f"and {len(lines) - _MOST} lines more"] if len(lines) > _MOST else []
    return [f"pg_amcheck ended with {code}", *lines[:_MOST], *more]
