"""Doing what a plan says: fetch, unpack, put together, check, make it a cluster that will recover."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from backup.restore.pg_programs import PgPrograms
from backup.restore.plan import Plan
from backup.restore.recovery_settings import Recovery, rewrite, settings
from backup.restore.target_directory import TargetDirectory, claim
from backup.restore.unpack import TABLESPACE_MAP, unpack
from backup.store import Store
from cluster.errors import MachineError
from cluster.progress import TransferProgress

AUTO_CONF = "postgresql.auto.conf"
_SIGNALS = ("standby.signal", "recovery.signal")


@dataclass(frozen=True, slots=True, kw_only=True)
class Restored:
    """A data directory that recovers when it is started, with these parameters; what it took (seconds)."""

    directory: Path
    parameters: dict[str, str]
    seconds: float


def restore(
    plan: Plan,
    store: Store,
    directory: Path,
    recovery: Recovery,
    progress: Callable[[str], None],
    programs: PgPrograms | None = None,
    *,
    check: bool = True,
) -> Restored:
    """Make ``directory`` a data directory that recovers to the plan's target when a server is started in it.

    Args:
        plan: what to restore.
        store: where its backups are.
        directory: empty, or not there; its parent must be. Tablespaces become folders inside it.
        recovery: how the server shall recover.
        progress: told a line at a time.
        programs: PostgreSQL's own; None: the installed ones.
        check: let pg_verifybackup count the files of a full backup (each was checked on its way already; for a chain
            there is no manifest of PostgreSQL's to count by, and what each backup names was counted on the way).

    Raises:
        RefusedError: the directory is not empty, or a backup is damaged.
        MachineError: no room, no store, or a program failed.

    After an error the directory is as it was. What a restore leaves that is killed is no cluster, and the next one into
    it clears that.
    """
    began = time.monotonic()
    tools = programs or PgPrograms()
    with _disk_errors(directory), claim(directory, plan.space) as claimed:
        made = _assemble(plan, store, claimed, progress)
        if check and len(plan.chain) == 1:
            progress("Checking with pg_verifybackup that every file is there")
            _verify(made, tools)
        parameters = _prepare(made, plan, recovery, tools)
        progress("Moving it in place")
        claimed.settle(made)
    return Restored(directory=directory, parameters=parameters, seconds=time.monotonic() - began)


@contextmanager
def _disk_errors(directory: Path) -> Iterator[None]:
    """Say a failure of the target's disk in one line."""
    try:
        yield
    except OSError as error:
        message = f"the restore cannot write below {directory}: {error.strerror or error}"
        raise MachineError(message, "see to the disk, then restore again") from None


def _assemble(plan: Plan, store: Store, claimed: TargetDirectory, progress: Callable[[str], None]) -> Path:
    """The newest backup of the chain as one data directory."""
    made = claimed.workshop / "made"
    unpack(store, plan.chain, made, lambda each: TransferProgress(f"Fetching {each.name}", each.size, progress).add)
    return made


def _verify(made: Path, tools: PgPrograms) -> None:
    """Whether all files are there, and no others. What is in them was hashed on its way; WAL comes from the archive."""
    options = ("--no-parse-wal", "--skip-checksums", "--exit-on-error", f"--ignore={TABLESPACE_MAP}")
    tools.run("pg_verifybackup", *options, str(made))


def _prepare(made: Path, plan: Plan, recovery: Recovery, tools: PgPrograms) -> dict[str, str]:
    """From a copy of a running server to one that recovers; backup_label stays, it says from where."""
    if not (made / "backup_label").exists():
        raise MachineError("the backup has no backup_label and would be corrupt", "restore from another backup")
    parameters = settings(plan, recovery, tools.run("pg_controldata", str(made)))
    for signal in _SIGNALS:
        (made / signal).unlink(missing_ok=True)
    auto = made / AUTO_CONF
    auto.write_text(rewrite(auto.read_text() if auto.exists() else "", parameters))
    auto.chmod(0o600)
    (made / "recovery.signal").touch(mode=0o600)
    return parameters
