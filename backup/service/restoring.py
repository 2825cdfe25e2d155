"""Restoring as the service's container does: into /restore, recovered to the target, shut down, ready to be started.

What is handed over is a finished cluster, not one that still has to recover: it needs neither our code nor a store.
"""

import argparse
import shutil
import sys
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from backup.catalog import read_catalog, systems
from backup.restore import Plan, Recovery, check_target, plan, read_archive, restore
from backup.restore.archive import vouch
from backup.restore.plan import BeyondError
from backup.restore.programs import Programs
from backup.restore.recovery import FROM_RESTORE
from backup.restore.restoring import AUTO_CONF
from backup.restore.target import Target
from backup.restore.throwaway import PARAMETERS, Server, serve
from backup.service.ground import Ground, open_ground
from backup.service.present import Present, archive_now
from backup.service.proving import restore_command
from backup.store import Place, Store
from backup.wal.fetch import Archive, fetch
from backup.wal.identity import segment_size
from backup.wal.slots import SLOT
from cluster.errors import RefusedError, UsageError
from cluster.inside import Window

Progress = Callable[[str], None]
TARGET = Path("/restore")
"""Where the host mounts the directory to restore into; PostgreSQL's data directory comes below it."""
PGDATA = Path("18/docker")
_LONGEST = 7 * 86_400.0
"""Seconds that a recovery may take."""
_STAYS = "allow_in_place_tablespaces"
_MORE = {"fsync": "on", "max_slot_wal_keep_size": "-1"}
"""The data shall last; and the archive has still to get the first WAL of the new timeline."""
_DEFAULTS = {
    "postgresql.conf": "# PostgreSQL's defaults; the cluster that was backed up had its configuration elsewhere.\n",
    "pg_hba.conf": "local all all peer\nhost all all all scram-sha-256\nlocal replication all peer\n",
}
"""What a server needs to start with the data directory alone."""


def planned(window: Window, asked: argparse.Namespace) -> tuple[Ground, Place, Plan]:
    """The restore that was asked for, without touching anything.

    A moment that the archive has not reached yet, and the cluster has, is archived first.

    Raises:
        PodsError: it cannot be done; says why.
    """
    ground = open_ground(window)
    store = ground.store(asked.store)
    system = which_system(store, asked.system or ground.system)
    target = check_target(asked.to, asked.kind)
    try:
        return ground, store, _plan(store, system, target, asked)
    except BeyondError:
        present = _reach_for(ground, store, system, target)
        if present is None:
            raise
        return ground, store, _plan(store, system, target, asked, present)


def _plan(store: Store, system: str, target: Target, asked: argparse.Namespace, present: Present | None = None) -> Plan:
    archive = read_archive(store, system, segment_size(store, system))
    if present is not None:
        archive = vouch(archive, present.timeline, present.lsn, present.when)
    return plan(read_catalog(store, system), archive, target, asked.name, asked.timeline)


def _reach_for(ground: Ground, store: Store, system: str, target: Target) -> Present | None:
    """Have the archive reach up to now, where that may be as far as ``target``."""
    if system != ground.system or (target.time or 0.0) > time.time():
        return None
    return archive_now(ground, store.name)


def which_system(store: Store, wanted: str) -> str:
    """The cluster to restore: ``wanted``, or the only one in the store where none is known."""
    if wanted:
        return wanted
    found = systems(store)
    if len(found) == 1:
        return found[0]
    told = ", ".join(found) or "none"
    raise UsageError(f"the store holds backups of {len(found)} clusters: {told}", "choose one with --system")


def restore_into(window: Window, asked: argparse.Namespace, progress: Progress) -> dict[str, Any]:
    """Restore, recover to the target, promote, shut down cleanly."""
    _, store, plan = planned(window, asked)
    data = TARGET / PGDATA
    data.parent.mkdir(mode=0o700, exist_ok=True)
    system = plan.backup.system_identifier
    ahead = TARGET / ".ahead"
    shutil.rmtree(ahead, ignore_errors=True)  # of a restore that was killed, perhaps with the whole host
    command = restore_command(store.name, ahead, system)
    recovery = Recovery(restore_command=command, parameters=PARAMETERS | _MORE)
    done = restore(plan, store, data, recovery, progress, check=True)
    progress(f"Recovering to {plan.target}")
    with (
        TemporaryDirectory() as folder,
        serve(data, Path(folder), Programs(), user="postgres", timeout=_LONGEST) as server,
    ):
        reached = _reached(server, passwords=asked.passwords)
        progress("Shutting it down cleanly")
        Programs().run("pg_ctl", "stop", f"--pgdata={data}", "--mode=fast", "--wait", "--timeout=3600")
    _tidy(data)
    shutil.rmtree(ahead, ignore_errors=True)
    return {"backup": plan.backup.name, "system": system, "seconds": done.seconds, "timeline": plan.timeline, **reached}


def _reached(server: Server, *, passwords: bool) -> dict[str, Any]:
    """Where recovery ended.

    What takes the place of a cluster's data (``passwords``) gets a superuser whose password, told on stdin, this host
    knows; and the archive's slot, or the first WAL of the new timeline could be gone before the archive comes for it.
    """
    from cluster.postgres import execute, fetch_all, literal

    with server.connect("postgres", timeout=60.0) as connection:
        (facts,) = fetch_all(connection, "backup_replayed", dict[str, Any])
        if passwords:
            execute(connection, "create_slot", slot=literal(SLOT))
            connection.execute("SET default_transaction_read_only = off")
            _set_password(connection, sys.stdin.read().strip())
        connection.execute("CHECKPOINT")
    return facts


def _set_password(connection: Any, password: str) -> None:
    from cluster.postgres import execute, literal

    verifier = connection.pgconn.encrypt_password(password.encode(), b"postgres", b"scram-sha-256").decode()
    execute(connection, "set_password", role="postgres", verifier=literal(verifier))


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


def fetch_wal(window: Window, asked: argparse.Namespace, progress: Progress) -> int:
    """Answer a server's restore_command."""
    ground = open_ground(window)
    system = asked.system or ground.system
    if not system:
        raise RefusedError("whose WAL is not known", "give --system")
    asked.ahead.mkdir(mode=0o700, exist_ok=True)
    archive = Archive(stores=(ground.store(asked.store),), system=system, ahead=asked.ahead)
    return fetch(archive, asked.file, asked.target, progress)
