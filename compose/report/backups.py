"""How backups look on a terminal."""

from typing import Any

from cluster.units import human_seconds, human_size, utc
from compose.console import COMMAND, Console
from compose.operations.backups.request import RestoreResult
from compose.report.copies import access
from compose.report.status import table


def print_backups(rows: list[dict[str, Any]]) -> None:
    """One line per backup and store."""
    head = ["backup", "store", "kind", "builds on", "ended (UTC)", "size", "data", "from", "WAL", "verified", "held"]
    table(head, [_backup(row) for row in rows])
    for why in dict.fromkeys(row["untrusted"] for row in rows if row["untrusted"]):
        text = f"(!) not to be trusted: {why}. A restore takes a full one where it can; inv backup.now --type full"
        print(COMMAND.in_words(text))


def _backup(row: dict[str, Any]) -> list[Any]:
    return [
        row["name"],
        row["store"],
        row["kind"] + (" (!)" if row["untrusted"] else ""),
        row["parent"],
        utc(row["stopped"]),
        human_size(row["size"]),
        human_size(row["data_bytes"]),
        row["node"],
        f"{row['start_lsn']}–{row['stop_lsn']}",
        _verified(row),
        row["hold"] or None,
    ]


def _verified(row: dict[str, Any]) -> str | None:
    if row["damaged"]:
        return f"DAMAGED: {row['damaged']}"
    return None if row["verified"] is None else utc(row["verified"])


def print_windows(found: list[dict[str, Any]]) -> None:
    """The intervals, and what is missing."""
    rows = [_window(store["store"], window) for store in found for window in store["windows"]]
    table(["store", "timeline", "from (UTC)", "to (UTC)", "from LSN", "to LSN", "backups"], rows)
    for store in found:
        for lost in store["missing"]:
            print(f"! {store['store']}: segment {lost['segment']} is {_why_lost(lost)}")


def _why_lost(lost: dict[str, Any]) -> str:
    return "damaged" if lost["damaged"] else "missing (a recorded gap)" if lost["known"] else "missing"


def _window(store: str, window: dict[str, Any]) -> list[Any]:
    moments = [utc(window["since"]), utc(window["until"])]
    return [store, window["timeline"], *moments, window["start_lsn"], window["end_lsn"], len(window["backups"])]


def print_taken(taken: dict[str, Any], console: Console) -> None:
    """What a backup came to."""
    share = f"{human_size(taken['size'])} of {human_size(taken['data_bytes'])}"
    where = ", ".join(taken["stores"])
    print(f"{taken['name']}: {share} from {taken['node']} in {human_seconds(taken['seconds'])}, in {where}")
    if taken["why"]:
        console.note(taken["why"])
    for store, why in taken["failures"].items():
        console.warn(f"not in {store}: {why}")


def print_verified(found: list[dict[str, Any]]) -> None:
    """One line per backup and store."""
    for each in found:
        detail = f": {each['detail']}" if each["detail"] else ""
        print(f"{'✓' if each['ok'] else '✗'} {each['name']} in {each['store']}{detail}")


def all_good(found: list[dict[str, Any]]) -> bool:
    """Whether every backup that was verified is whole."""
    return all(each["ok"] for each in found)


def wrong_wal(found: list[dict[str, Any]]) -> list[str]:
    """The segments that are damaged, or missing and nothing explains it."""
    wrong: list[str] = []
    for each in found:
        wrong += each["scrub"]["damaged"]
        lost = [one for one in each["missing"] if not one["damaged"] and not one["known"]]
        wrong += [f"{one['segment']} (missing)" for one in lost]
    return wrong


def wal_good(found: list[dict[str, Any]]) -> bool:
    """Whether all WAL that was verified is whole, and all there."""
    return not wrong_wal(found)


def print_scrubbed(found: list[dict[str, Any]]) -> list[str]:
    """What was read of each store's WAL, and where something is wrong, what can be restored to; what is wrong."""
    for each in found:
        scrub = each["scrub"]
        read = f"{scrub['segments']} segments, {human_size(scrub['bytes'])}, in {human_seconds(scrub['seconds'])}"
        print(f"{'✓' if wal_good([each]) else '✗'} WAL in {each['store']}: {read}")
        for segment, why in scrub["damaged"].items():
            print(f"  segment {segment} is damaged: {why}")
        for one in each["missing"]:
            if not one["damaged"]:
                print(f"  segment {one['segment']} is {_why_lost(one)}")
    wrong = wrong_wal(found)
    if wrong:
        print("what can be restored to:")
        print_windows([{**each, "missing": []} for each in found])
    return wrong


_MOST_NAMES = 8
"""Databases that a drill names; the others it counts."""


def _opened(names: list[str]) -> str:
    what = f"{len(names)} database{'' if len(names) == 1 else 's'}"
    more = f" and {len(names) - _MOST_NAMES} more" if len(names) > _MOST_NAMES else ""
    return f"  {what} opened and checked: {', '.join(names[:_MOST_NAMES])}{more}"


def print_drill(found: dict[str, Any]) -> None:
    """What a drill saw."""
    newest = f", newest commit {utc(found['newest'])}" if found.get("newest") else ""
    if found["ok"]:
        print(f"✓ {found['backup']} restored and recovered in {human_seconds(found['rto'])}{newest}")
        print(_opened(found["databases"]))
        return
    for problem in found["problems"]:
        print(f"✗ {problem}")
    for each in found["assertions"]:
        if not each["holds"]:
            print(f"✗ {each['name']}: {each['detail']}")


def print_restored(done: RestoreResult) -> None:
    """Where a restore came to."""
    newest = f", newest commit {utc(done.newest)}" if done.newest else ""
    print(f"restored from {done.backup} up to {done.lsn}{newest}")
    if done.directory:
        print(f"data directory: {done.directory} (PostgreSQL 18, shut down cleanly)")
    if done.copy:
        listening = f"{done.copy} listens on {done.address}, {access(done.writable)}"
        print(f"{listening}; {COMMAND.name} psql --node {done.copy}")
        print(f"to take it away: {COMMAND.name} backup.discard {done.copy}")
    for name, path in done.aside.items():
        print(f"what {name} held is kept in {path}; delete it when you are sure")
