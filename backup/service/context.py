"""Where the service works: its directories, its stores, the nodes, as settings and topology say now."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from zoneinfo import ZoneInfo

from backup.retention import Policy
from backup.service.leader_config import ROLE, SECRET
from backup.service.status_file import StatusFile
from backup.service.store_memory import StoreMemory
from backup.store import ProbedStore
from backup.store.encrypted import SealedStore
from backup.store.encryption import load_keys
from backup.store.local import LocalStore
from backup.store.s3 import S3Store
from backup.store.s3_client import Bucket, peculiar
from cluster.config.mounted import ClusterConfig, MountedConfig
from cluster.config.settings import Settings
from cluster.errors import RefusedError
from cluster.known_stores import DEFAULT_DIRECTORY, store_address
from cluster.postgres.connection import Access
from cluster.services import store_names

HOME = Path("/var/lib/pods")
"""The service's own directory: spool, memory, the lock of drills."""
STATES = Path("/run/backup")
"""What others may read: the status. Not in HOME, which is mounted into nobody else."""
LOCAL = Path("/backups")
"""Where `up` mounts the local store's directory."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceContext:
    """The cluster as it is meant to be now, the stores, and the directories."""

    inside: ClusterConfig
    stores: tuple[ProbedStore, ...]
    home: Path = HOME
    state: Path = STATES

    @property
    def system(self) -> str:
        """The cluster's system identifier."""
        return self.inside.topology.system_identifier

    @property
    def memory(self) -> StoreMemory:
        """Which archives its stores held."""
        return StoreMemory(directory=self.home, system=self.system)

    def address(self, store: str) -> str:
        """Where the store of that name is."""
        return store_address(_mounted(self.inside.settings), store)

    @property
    def spool(self) -> Path:
        """WAL on its way."""
        return self.home / "spool"

    @property
    def workshop(self) -> Path:
        """The lock of drills, which are held in the sandbox."""
        return self.home / "work"

    @property
    def retention(self) -> Policy:
        """Which backups stay."""
        return retention_policy(self.inside.settings)

    @property
    def status_file(self) -> StatusFile:
        """The service's status."""
        return open_status(self.home, self.state)

    @property
    def nodes(self) -> Mapping[str, Access]:
        """How to reach each node for replication."""
        return {name: self.access(name) for name in self.inside.topology.names}

    def access(self, node: str) -> Access:
        """How to reach one node, without the limits that a look at it has."""
        return replace(self.inside.node(node, ROLE, SECRET), application="pods_backup", statement_timeout=0.0)

    def store(self, name: str = "") -> ProbedStore:
        """The store called ``name``, or the first.

        Raises:
            RefusedError: there is none of that name.
        """
        for store in self.stores:
            if name in ("", store.name):
                return store
        raise RefusedError(f"there is no store {name!r}", "there are: " + ", ".join(s.name for s in self.stores))


def open_status(home: Path = HOME, state: Path = STATES) -> StatusFile:
    """The service's status, also where settings cannot be read."""
    return StatusFile(memory=home, shared=state)


def retention_policy(settings: Settings) -> Policy:
    """The rules that settings ask for."""
    return Policy(
        zone=ZoneInfo(settings.backup_time_zone),
        days=settings.backup_retention_days,
        count=settings.backup_retention_count,
        daily=settings.backup_retention_daily,
        weekly=settings.backup_retention_weekly,
        monthly=settings.backup_retention_monthly,
        yearly=settings.backup_retention_yearly,
        minimum=settings.backup_retention_minimum,
    )


def open_context(window: MountedConfig) -> ServiceContext:
    """Look at the mounted files and open the stores."""
    inside = window.read()
    context = ServiceContext(
        inside=inside, stores=open_stores(inside, StoreMemory(directory=HOME, system=inside.topology.system_identifier))
    )
    for directory in (context.spool, context.workshop):
        directory.mkdir(mode=0o700, exist_ok=True)
    return context


def open_stores(inside: ClusterConfig, memory: StoreMemory) -> tuple[ProbedStore, ...]:
    """Every store, as long as it is the one it was, and sealed where encryption is on."""
    settings = inside.settings
    made = [
        memory.guard(store, store_address(_mounted(settings), store.name), shown)
        for store, shown in (_open_store(inside, name) for name in store_names(settings))
    ]
    if settings.backup_encryption == "on":
        keys = load_keys(inside.secrets / "backup_key")
        return tuple(SealedStore(store, keys) for store in made)
    return tuple(made)


def _open_store(inside: ClusterConfig, name: str) -> tuple[ProbedStore, str]:
    """A store, and what people call the directory or bucket."""
    if name == "local":
        shown = _mounted(inside.settings).backup_directory or DEFAULT_DIRECTORY
        return LocalStore(LOCAL, shown=shown), f"the backup directory {shown}"
    bucket = _bucket(inside)
    return S3Store(bucket), bucket.where + (f", {bucket.folder}" if bucket.folder else "")


def _mounted(settings: Settings) -> Settings:
    """With the directory that this container was made with: a new one is mounted into the container after it."""
    return replace(settings, backup_directory=os.environ.get("STORE_DIRECTORY", settings.backup_directory))


def _bucket(inside: ClusterConfig) -> Bucket:
    settings = inside.settings
    return Bucket(
        name=settings.s3_bucket,
        prefix=settings.s3_prefix,
        access_key=_secret(inside.secrets / "s3_access_key"),
        secret_key=_secret(inside.secrets / "s3_secret_key"),
        endpoint=settings.s3_endpoint or None,
        region=settings.s3_region or None,
        encryption=settings.s3_encryption,  # type: ignore[arg-type]  # settings let nothing else through
        kms_key=settings.s3_kms_key,
        ca=str(inside.secrets / "s3_ca") if settings.s3_ca else None,
        **peculiar(settings.s3_endpoint),
    )


def _secret(path: Path) -> str | None:
    """An empty one leaves it to boto3 to find credentials, as on a cloud machine with a role."""
    try:
        return path.read_text(encoding="utf-8").strip() or None
    except FileNotFoundError:
        return None
