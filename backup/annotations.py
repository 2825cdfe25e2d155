"""Marks on backups: a hold keeps one from retention and deletion, a verification tells whether its bytes are right."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TypeVar

from backup.catalog import Backup
from backup.layout import hold_key, holds_prefix, verified_key, verified_prefix, verified_wal_key
from backup.store import MOST_LISTED, DamagedError, MissingError, Store, at_most, read_text
from cluster.documents import LAST_MOMENT, dump, load
from cluster.errors import RefusedError


@dataclass(frozen=True, slots=True, kw_only=True)
class Hold:
    """Keep the backup ``name`` whatever retention says. ``made`` is Unix seconds."""

    name: str
    made: float
    why: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verified:
    """The last verification of ``name``, at ``when`` (Unix seconds); ``detail`` says what is wrong, "" if ``ok``."""

    name: str
    when: float
    ok: bool
    detail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifiedWal:
    """The last verification of all WAL, at ``when`` (Unix seconds): segments read, and why which are ``damaged``."""

    when: float
    segments: int
    damaged: dict[str, str] = field(default_factory=dict)


Mark = TypeVar("Mark", Hold, Verified)


def hold(store: Store, backup: Backup, mark: Hold) -> None:
    """Hold a backup; a second hold takes the place of the first."""
    store.replace(hold_key(backup.system_identifier, backup.name), _dump(mark))


def release(store: Store, backup: Backup) -> None:
    """Take the hold away; there need not be one."""
    store.delete([hold_key(backup.system_identifier, backup.name)])


def mark_verified(store: Store, backup: Backup, mark: Verified) -> None:
    """Record a verification in place of the one before."""
    store.replace(verified_key(backup.system_identifier, backup.name), _dump(mark))


def forget(store: Store, backup: Backup) -> None:
    """Remove every mark of a backup that is no more."""
    system, name = backup.system_identifier, backup.name
    store.delete([hold_key(system, name), verified_key(system, name)])


def read_holds(store: Store, system: str) -> dict[str, Hold]:
    """Holds by the name of the backup. A hold that cannot be read holds."""
    return _read_all(store, holds_prefix(system), Hold, lambda name: Hold(name=name, made=0.0, why="(unreadable)"))


def read_verified(store: Store, system: str) -> dict[str, Verified]:
    """Last verifications by the name of the backup. One that cannot be read does not count."""
    return _read_all(store, verified_prefix(system), Verified, lambda _: None)


def mark_wal(store: Store, system: str, mark: VerifiedWal) -> None:
    """Record a verification of all WAL in place of the one before."""
    store.replace(verified_wal_key(system), dump(mark, indent=None).encode())


def read_damaged_wal(store: Store, system: str) -> dict[str, str]:
    """Segments that the last verification found damaged, and why. One that cannot be read does not count."""
    try:
        return load(VerifiedWal, read_text(store, verified_wal_key(system)), "a verification of WAL").damaged
    except (MissingError, DamagedError, ValueError):
        return {}


def refuse_held(backups: Iterable[Backup], holds: Mapping[str, Hold]) -> None:
    """Stop whoever is about to delete these.

    Raises:
        RefusedError: one of them is held.
    """
    for backup in backups:
        if backup.name in holds:
            raise RefusedError(
                f"backup {backup.name} is held: {holds[backup.name].why or 'no reason given'}",
                f"inv backup.release --name {backup.name} lets it go",
            )


def _dump(mark: Hold | Verified) -> bytes:
    return dump(mark, indent=None).encode()


def _read_all(store: Store, prefix: str, kind: type[Mark], damaged: Callable[[str], Mark | None]) -> dict[str, Mark]:
    found: dict[str, Mark] = {}
    for stored in list(at_most(store.list(prefix), MOST_LISTED, "marks on backups")):
        mark: Mark | None
        name = stored.key.removeprefix(prefix).removesuffix(".json")
        if name == "wal":
            continue
        try:
            mark = parse(read_text(store, stored.key), kind, name)
        except MissingError:
            continue
        except (ValueError, DamagedError):
            mark = damaged(name)
        if mark is not None:
            found[name] = mark
    return found


def parse(text: str, kind: type[Mark], name: str) -> Mark:
    """Read a mark on the backup ``name``.

    Raises:
        ValueError: it is none.
    """
    mark = load(kind, text, "a mark")
    moments = [getattr(mark, each, 0.0) for each in ("made", "when")]
    if mark.name != name or not all(0 <= moment <= LAST_MOMENT for moment in moments):
        raise ValueError(f"not a mark on {name}")
    return mark
