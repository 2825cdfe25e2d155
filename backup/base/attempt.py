"""Beginning a backup: the ways to do it in order of preference, until a server agrees.

A server that cannot give an incremental backup says so before the first byte, in its own words: summaries are missing,
or a replica has had no restart point since the last one. Then the next way is tried; the last is a full backup.
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
from cluster.postgres.replication import Replication, ServerError, replicate


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One way: from which node, on what parent (None: full), and why."""

    node: SourceNode
    parent: Backup | None
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Begun:
    """A server has agreed and is about to send."""

    connection: Replication
    opening: basebackup_protocol.BackupHeader
    node: SourceNode
    parent: Backup | None
    why: str

    @property
    def kind(self) -> Kind:
        """What it will be."""
        return "full" if self.parent is None else "incremental"


def attempts(basis: ParentChoice, source: SourceNode, primary: SourceNode) -> tuple[Attempt, ...]:
    """The replica first, then the primary; full when neither gives an incremental one."""
    nodes = dict.fromkeys((source, primary))
    ways = [Attempt(node=node, parent=basis.parent, why=basis.why) for node in nodes]
    if basis.parent is not None:
        ways += [Attempt(node=node, parent=None, why="") for node in nodes]
    return tuple(ways)


@contextmanager
def begin_one(
    ways: Sequence[Attempt],
    nodes: Mapping[str, Access],
    stores: Sequence[Store],
    request: basebackup_protocol.Request,
    told: Callable[[str], None],
) -> Iterator[Begun]:
    """The first way that a server agrees to; its connection is closed at the end.

    Raises:
        RefusedError: no server agrees; the words of the last.
        MachineError: none could be asked.
    """
    refusal: PodsError = RefusedError("there is no node to take a backup from")
    for way in ways:
        with ExitStack() as stack:
            try:
                begun = _begin(stack, way, nodes[way.node.name], stores, request, told, str(refusal.message))
            except PodsError as error:
                refusal = error
                told(f"{_name(way)} from {way.node.name} is not to be had: {error}")
                continue
            yield begun
            return
    raise refusal


def _begin(
    stack: ExitStack,
    way: Attempt,
    access: Access,
    stores: Sequence[Store],
    request: basebackup_protocol.Request,
    told: Callable[[str], None],
    refusal: str,
) -> Begun:
    connection = stack.enter_context(replicate(access, node=way.node.name))
    told(f"{_name(way)} from {way.node.name}: {way.why or refusal}; waiting for a checkpoint")
    if way.parent is not None:
        basebackup_protocol.upload_manifest(connection, read_manifest(stores, way.parent))
    opening = basebackup_protocol.begin(connection, replace(request, incremental=way.parent is not None))
    if opening.timeline != way.node.timeline:
        raise ServerError(f"{way.node.name} went to timeline {opening.timeline} meanwhile", "take it again")
    return Begun(connection=connection, opening=opening, node=way.node, parent=way.parent, why=way.why or refusal)


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


def _name(way: Attempt) -> str:
    return "A full backup" if way.parent is None else f"An incremental backup on {way.parent.name}"
