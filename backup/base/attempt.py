"""Starting a base backup: attempts (node, parent) in order of preference, until a server accepts one.

A server that cannot give an incremental backup refuses before the first byte: WAL summaries are missing, or a replica
has had no restartpoint since the parent. Then the next attempt follows; the last one is a full backup.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace

from backup.base import basebackup_protocol
from backup.base.parent import ParentChoice
from backup.base.source import SourceNode
from backup.catalog import Backup
from backup.layout import MANIFEST, Kind, backup_key
from backup.manifest import parse
from backup.store import Store
from cluster.errors import PodsError, RefusedError
from cluster.postgres.connection import Access
from cluster.postgres.failures import ServerError
from cluster.postgres.replication import Replication, replicate


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """BASE_BACKUP from one node, on one parent (None: full), and why."""

    node: SourceNode
    parent: Backup | None
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StartedBackup:
    """A server accepted the command and is about to stream."""

    connection: Replication
    header: basebackup_protocol.BackupHeader
    node: SourceNode
    parent: Backup | None
    why: str

    @property
    def kind(self) -> Kind:
        """Full or incremental."""
        return "full" if self.parent is None else "incremental"


def plan_attempts(choice: ParentChoice, source: SourceNode, primary: SourceNode) -> tuple[Attempt, ...]:
    """The replica first, then the primary; full when neither gives an incremental one."""
    nodes = dict.fromkeys((source, primary))
    attempts = [Attempt(node=node, parent=choice.parent, why=choice.why) for node in nodes]
    if choice.parent is not None:
        attempts += [Attempt(node=node, parent=None, why="") for node in nodes]
    return tuple(attempts)


@contextmanager
def begin_one(
    attempts: Sequence[Attempt],
    nodes: Mapping[str, Access],
    stores: Sequence[Store],
    request: basebackup_protocol.Request,
    progress: Callable[[str], None],
) -> Iterator[StartedBackup]:
    """Start the first attempt that a server accepts; its connection is closed at the end.

    Raises:
        RefusedError: every server refuses; the last one's message.
        MachineError: none answers.
    """
    refusal: PodsError = RefusedError("there is no node to take a backup from")
    for attempt in attempts:
        with ExitStack() as stack:
            try:
                access, reason = nodes[attempt.node.name], attempt.why or str(refusal.message)
                started = _begin(stack, attempt, access, stores, request, progress, reason)
            except PodsError as error:
                refusal = error
                progress(f"{_name(attempt)} from {attempt.node.name} is not to be had: {error}")
                continue
            yield started
            return
    raise refusal


def _begin(
    stack: ExitStack,
    attempt: Attempt,
    access: Access,
    stores: Sequence[Store],
    request: basebackup_protocol.Request,
    progress: Callable[[str], None],
    reason: str,
) -> StartedBackup:
    connection = stack.enter_context(replicate(access, node=attempt.node.name))
    progress(f"{_name(attempt)} from {attempt.node.name}: {reason}; waiting for a checkpoint")
    if attempt.parent is not None:
        basebackup_protocol.upload_manifest(connection, read_manifest(stores, attempt.parent))
    header = basebackup_protocol.begin(connection, replace(request, incremental=attempt.parent is not None))
    if header.timeline != attempt.node.timeline:
        raise ServerError(f"{attempt.node.name} went to timeline {header.timeline} meanwhile", "take it again")
    return StartedBackup(connection=connection, header=header, node=attempt.node, parent=attempt.parent, why=reason)


def read_manifest(stores: Sequence[Store], backup: Backup) -> bytes:
    """The manifest of a backup from the first store that gives it whole.

    Raises:
        PodsError: none does.
    """
    failure: PodsError | None = None
    for store in stores:
        try:
            body = store.get(backup_key(backup.system_identifier, backup.name, MANIFEST))
            parse(body)
        except PodsError as error:
            failure = error
        else:
            return body
    raise failure or RefusedError("there is no store")


def _name(attempt: Attempt) -> str:
    return "A full backup" if attempt.parent is None else f"An incremental backup on {attempt.parent.name}"
