"""Tasks about backups."""

from invoke.context import Context
from invoke.tasks import task

from compose.console import Console

_NAME = "the backup; without one the newest"


@task(
    name="now",
    help={"type": "full, incremental, or auto: as the schedule would", "json": "print data"},
    auto_shortflags=False,
)
def now(c: Context, type: str = "auto", json: bool = False) -> None:
    """Take a backup."""
    from cluster.errors import UsageError
    from compose.operations.backups.client import call
    from compose.report.backups import print_taken
    from compose.report.status import print_json
    from compose.stack import open_stack

    if type not in ("auto", "full", "incremental"):
        raise UsageError(f"--type {type!r} is not possible", "use full, incremental or auto")
    taken = call(open_stack(), Console(), "Taking a backup", "now", f"--type={type}")
    print_json(taken) if json else print_taken(taken, Console())


@task(name="list", default=True, help={"json": "print data instead of a table"}, auto_shortflags=False)
def list_(c: Context, json: bool = False) -> None:
    """List the backups: size, kind, chain, when verified."""
    from compose.operations.backups.client import call
    from compose.report.backups import print_backups
    from compose.report.status import print_json
    from compose.stack import open_stack

    rows = call(open_stack(), Console(), "Reading the stores", "list")
    print_json(rows) if json else print_backups(rows)


@task(help={"json": "print data instead of a table"}, auto_shortflags=False)
def windows(c: Context, json: bool = False) -> None:
    """Show to which moments the cluster can be restored."""
    from compose.operations.backups.client import call
    from compose.report.backups import print_windows
    from compose.report.status import print_json
    from compose.stack import open_stack

    found = call(open_stack(), Console(), "Reading the stores", "windows")
    print_json(found) if json else print_windows(found)


@task(help={"name": _NAME}, auto_shortflags=False)
def show(c: Context, name: str = "latest") -> None:
    """Show all that is known of one backup, as data."""
    from compose.operations.backups.client import call
    from compose.report.status import print_json
    from compose.stack import open_stack

    print_json(call(open_stack(), Console(), "Reading the stores", "show", f"--name={name}"))


@task(help={"name": "the backup", "why": "a reason, for whoever wonders later"}, auto_shortflags=False)
def hold(c: Context, name: str, why: str = "") -> None:
    """Keep a backup whatever retention says."""
    from compose.operations.backups.client import call
    from compose.stack import open_stack

    call(open_stack(), Console(), f"Holding {name}", "hold", f"--name={name}", f"--why={why}")


@task(help={"name": "the backup"}, auto_shortflags=False)
def release(c: Context, name: str) -> None:
    """Let retention have a held backup again."""
    from compose.operations.backups.client import call
    from compose.stack import open_stack

    call(open_stack(), Console(), f"Releasing {name}", "release", f"--name={name}")


@task(help={"name": "the backup", "yes": "do not ask"}, auto_shortflags=False)
def delete(c: Context, name: str, yes: bool = False) -> None:
    """Delete a backup, and those that build on it."""
    from cluster.errors import RefusedError
    from compose.console import ask
    from compose.operations.backups.client import call
    from compose.stack import open_stack

    if not ask(f"This deletes backup {name} and those that build on it, from every store.", yes=yes, expect=name):
        raise RefusedError("nothing was deleted: the backup's name was not confirmed", f"type {name}, or give --yes")
    call(open_stack(), Console(), f"Deleting {name}", "delete", f"--name={name}")


@task(help={"store": "local or s3; without it the first", "yes": "do not ask"}, auto_shortflags=False)
def adopt(c: Context, store: str = "", yes: bool = False) -> None:
    """Take a store as it is, emptied or replaced on purpose."""
    from cluster.errors import RefusedError
    from compose.console import ask
    from compose.operations.backups.adopt import adopt
    from compose.stack import open_stack

    if not ask("What this store held before is not looked for any more.", yes=yes, expect="adopt"):
        raise RefusedError("nothing was changed: it was not confirmed", "type adopt, or give --yes")
    adopt(open_stack(), Console(), store)


@task(help={"dry_run": "only say what would go, and why"}, auto_shortflags=False)
def prune(c: Context, dry_run: bool = False) -> None:
    """Remove what retention does not keep."""
    from compose.operations.backups.client import call
    from compose.stack import open_stack

    flags = ["--dry-run"] if dry_run else []
    for line in call(open_stack(), Console(), "Deciding what stays", "prune", *flags):
        print(line)


@task(
    help={"name": "the backup; latest, or all", "wal": "read all archived WAL as well, of every backup"},
    auto_shortflags=False,
)
def verify(c: Context, name: str = "latest", wal: bool = False) -> None:
    """Check every byte of a backup against its manifest."""
    from cluster.errors import RefusedError
    from compose.operations.backups.client import call
    from compose.report.backups import all_good, print_scrubbed, print_verified, wal_good
    from compose.stack import open_stack

    stack = open_stack()
    found = call(stack, Console(), "Verifying", "verify", f"--name={name}", good=all_good)
    print_verified(found)
    broken = [each["name"] for each in found if not each["ok"]]
    if wal:
        scrubbed = call(stack, Console(), "Reading the archived WAL", "verify-wal", good=wal_good)
        broken += print_scrubbed(scrubbed)
    if broken:
        raise RefusedError(f"damaged: {', '.join(broken)}", "take a new one: inv backup.now --type full")


@task(help={"store": "restore from this store", "json": "print data"}, auto_shortflags=False)
def drill(c: Context, store: str = "", json: bool = False) -> None:
    """Restore the newest backup on trial, and look at it."""
    from cluster.errors import RefusedError
    from compose.operations.backups.client import call
    from compose.report.backups import print_drill
    from compose.report.status import print_json
    from compose.stack import open_stack

    found = call(
        open_stack(), Console(), "Holding a drill", "drill", f"--store={store}", good=lambda held: bool(held["ok"])
    )
    print_json(found) if json else print_drill(found)
    if not found["ok"]:
        raise RefusedError("the drill failed", "see above; inv backup.verify --name all looks for damaged backups")


@task(
    help={
        "name": "the backup to begin with; without one the newest that leads there",
        "to_time": "stop at this moment, with its offset from UTC: 2026-11-22T10:00:00Z",
        "to_lsn": "stop at this position",
        "to_xid": "stop after this transaction",
        "to_name": "stop at this restore point",
        "to_immediate": "stop as soon as the backup is consistent",
        "timeline": "follow this timeline; without it the newest",
        "store": "from this store; without it the first",
        "system": "on a host without a cluster: whose backup, by system identifier",
        "into": "restore into this new directory",
        "as_node": "restore into a copy of this name, which runs beside the cluster",
        "writable": "let the copy be written to",
        "in_place": "replace this cluster's data; on a host without a cluster make one",
        "plan": "only say what would be done",
        "yes": "do not ask",
    },
    auto_shortflags=False,
)
def restore(
    c: Context,
    name: str = "latest",
    to_time: str | None = None,
    to_lsn: str | None = None,
    to_xid: str | None = None,
    to_name: str | None = None,
    to_immediate: bool = False,
    timeline: str | None = None,
    store: str | None = None,
    system: str | None = None,
    into: str | None = None,
    as_node: str | None = None,
    writable: bool = False,
    in_place: bool = False,
    plan: bool = False,
    yes: bool = False,
) -> None:
    """Restore to any moment: in place, or beside the cluster."""
    from compose.operations.backups.request import RestoreTarget, parse_request
    from compose.operations.backups.restore_to import restore_to
    from compose.report.backups import print_restored

    recovery = {"time": to_time, "lsn": to_lsn, "xid": to_xid, "name": to_name}
    wanted = parse_request(name, recovery, to_immediate, timeline=timeline, store=store, system=system)
    target = RestoreTarget(directory=into or "", copy=as_node or "", in_place=in_place, plan=plan, writable=writable)
    done = restore_to(Console(), wanted, target, yes=yes)
    if done is not None:
        print_restored(done)


@task(help={"name": "the copy", "yes": "do not ask"}, auto_shortflags=False)
def discard(c: Context, name: str, yes: bool = False) -> None:
    """Take away a copy that restore --as-node made."""
    from compose.operations.copies.lifecycle import discard as take_away
    from compose.stack import open_stack

    kept = take_away(open_stack(), Console(), name, yes=yes)
    if kept:
        print(f"what was in {name} is kept in {kept}; delete it when you no longer need it")
