"""A restore, inside the sandbox: recovered to its target, promoted, shut down cleanly, ready to be started elsewhere.

What is handed over is a finished cluster, not one that still has to recover: it needs neither our code nor a store.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from backup.restore.execute import AUTO_CONF, restore
from backup.restore.recovery_settings import FROM_RESTORE, Recovery
from backup.restore.temporary_server import PARAMETERS, TargetMissedError, TemporaryServer, serve
from backup.sandbox.job import Job
from backup.sandbox.rehearsal import DrillSite
from backup.store import Store
from cluster.errors import RefusedError
from cluster.naming import ARCHIVE_SLOT
from cluster.postgres.data_directory import PGDATA

_STAYS = "allow_in_place_tablespaces"
_MORE = {"fsync": "on", "max_slot_wal_keep_size": "-1"}
"""The data shall last; and the archive has still to get the first WAL of the new timeline."""
_DEFAULTS = {
    "postgresql.conf": "# PostgreSQL's defaults; the cluster that was backed up had its configuration elsewhere.\n",
    "pg_hba.conf": "local all all peer\nhost all all all scram-sha-256\nlocal replication all peer\n",
}
"""What a server needs to start with the data directory alone."""


def recover(job: Job, store: Store, site: DrillSite, progress: Callable[[str], None]) -> dict[str, Any]:
    """Restore into ``site`` and finish it; where it came to.

    Raises:
        PodsError: it cannot be done.
    """
    data = site.directory / PGDATA
    data.parent.mkdir(mode=0o700, exist_ok=True)
    recovery = Recovery(restore_command=site.restore_command, parameters=PARAMETERS | _MORE)
    done = restore(job.plan, store, data, recovery, progress, site.programs, check=True)
    progress(f"Recovering to {job.target}")
    try:
        reached = _run(job, data, site, progress)
    except TargetMissedError as error:
        if job.target.kind != "time" or error.early:
            raise _missed(job, error) from None
        progress("Nothing was committed after that moment, so all of the archive is wanted")
        _forget_target(data)
        reached = _run(job, data, site, progress)
    _tidy(data)
    return {"seconds": done.seconds, **reached}


def _run(job: Job, data: Path, site: DrillSite, progress: Callable[[str], None]) -> dict[str, Any]:
    """Recover, finish and shut down; where it came to."""
    with serve(data, site.folder, site.programs, user=site.user, timeout=job.timeout) as server:
        reached = _finish(server, job)
        progress("Shutting it down cleanly")
        site.programs.run("pg_ctl", "stop", f"--pgdata={data}", "--mode=fast", "--wait", "--timeout=3600")
    return reached


def _missed(job: Job, error: TargetMissedError) -> RefusedError:
    """Whoever restores is told where the target was looked for, and how to begin earlier."""
    backup = job.chain[-1]
    where = f"before the end of backup {backup.name}" if error.early else f"after backup {backup.name}"
    why = (
        f"{job.target} lies {where}" if error.early else f"there is no {job.target} {where} on timeline {job.timeline}"
    )
    return RefusedError(why, "--name OLDER begins with an older backup (inv backup.list); or it does not exist")


def _forget_target(data: Path) -> None:
    """Recover to the end instead: what was committed until the target is what was committed at all."""
    configuration = data / AUTO_CONF
    kept = [line for line in configuration.read_text().splitlines() if not line.startswith("recovery_target_time =")]
    configuration.write_text("\n".join(kept) + "\n")


def _finish(server: TemporaryServer, job: Job) -> dict[str, Any]:
    """Where recovery ended.

    What takes the place of a cluster's data gets a superuser whose password this host knows; and the archive's slot, or
    the first WAL of the new timeline could be gone before the archive comes for it.
    """
    from cluster.postgres.connection import execute, fetch_all, literal

    with server.connect("postgres", timeout=60.0, writes=True) as connection:
        (facts,) = fetch_all(connection, "backup_replayed", dict[str, Any])
        if job.verifier:
            execute(connection, "create_slot", slot=literal(ARCHIVE_SLOT))
            execute(connection, "set_password", role="postgres", verifier=literal(job.verifier))
        connection.execute("CHECKPOINT")
    return facts


def _tidy(data: Path) -> None:
    """Nothing of the recovery stays: the cluster's own configuration is elsewhere, or PostgreSQL's defaults serve.

    But for what tablespaces that became folders need whenever the server recovers from a crash. Nobody gets in over the
    network without a password.
    """
    configuration = data / AUTO_CONF
    before, _, ours = configuration.read_text().partition(FROM_RESTORE)
    kept = [line for line in ours.splitlines() if line.startswith(_STAYS)]
    configuration.write_text(before + "".join(f"{line}\n" for line in kept))
    for name, text in _DEFAULTS.items():
        (data / name).write_text(text)
