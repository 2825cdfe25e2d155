"""`python -m backup`: the service (`serve`), and everything it does when it is asked.

Progress goes to stderr a line at a time, the result to stdout as JSON; an error is ``{"error", "hint"}`` and the exit
code of its kind. `inv backup.*` on the host is the face of it.
"""

import argparse
import json
import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from backup.service.leader_config import LeaderConfig
from cluster.config.mounted import MountedConfig
from cluster.documents import to_json
from cluster.errors import PodsError
from cluster.json_log import choose_log_format

Result = Any
"""Dataclasses, or what JSON has."""
Arguments = argparse.Namespace


def main(argv: list[str] | None = None) -> int:
    """Do one thing and tell how it went."""
    arguments = _parser().parse_args(argv)
    if scratch := os.environ.get("TMPDIR"):  # on disk: what a store wants whole may be larger than memory
        Path(scratch).mkdir(mode=0o700, exist_ok=True)
    if arguments.command == "serve":
        from backup.service.daemon import BackupDaemon

        choose_log_format("backup")
        BackupDaemon(LeaderConfig()).run()
        return 0
    try:
        result = _COMMANDS[arguments.command](arguments)
    except PodsError as error:
        print(json.dumps({"error": error.message, "hint": error.hint}))  # noqa: T201 - the answer
        return error.exit_code
    print(json.dumps(to_json(result)))  # noqa: T201 - the answer
    return 0


def progress(line: str) -> None:
    """What is being done."""
    print(line, file=sys.stderr, flush=True)  # noqa: T201 - the progress


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="backup")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("serve")
    commands.add_parser("now").add_argument("--type", choices=["full", "incremental", "auto"], default="auto")
    for name in ("list", "windows", "verify-wal", "archive-now"):
        commands.add_parser(name)
    commands.add_parser("prune").add_argument("--dry-run", action="store_true")
    for name in ("show", "hold", "release", "delete", "verify"):
        commands.add_parser(name).add_argument("--name", default="")
    commands.choices["hold"].add_argument("--why", default="")
    for name in ("drill", "adopt"):
        commands.add_parser(name).add_argument("--store", default="")
    _add_position(commands.add_parser("hand-out"))
    for name in ("plan", "restore"):
        _add_target(commands.add_parser(name))
    commands.choices["restore"].add_argument("--passwords", action="store_true")
    return parser


def _add_position(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--timeline", type=int, required=True)
    parser.add_argument("--start", required=True)


def _add_target(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--name", default="latest")
    parser.add_argument("--to", default="latest")
    parser.add_argument("--kind", default=None)
    parser.add_argument("--timeline", type=int, default=None)
    parser.add_argument("--store", default="")
    parser.add_argument("--system", default="")


def _now(arguments: Arguments) -> Result:
    from backup.service.commands import take_now

    return take_now(LeaderConfig(), arguments.type, progress)


def _list(_: Arguments) -> Result:
    from backup.service.commands import list_backups

    return list_backups(MountedConfig())


def _windows(_: Arguments) -> Result:
    from backup.service.commands import list_windows

    return list_windows(MountedConfig())


def _show(arguments: Arguments) -> Result:
    from backup.service.commands import show

    return show(MountedConfig(), arguments.name)


def _prune(arguments: Arguments) -> Result:
    from backup.service.context import open_context
    from backup.service.prune import prune

    return prune(open_context(MountedConfig()), progress, dry_run=arguments.dry_run)


def _mark(arguments: Arguments) -> Result:
    from backup.service.commands import mark

    return mark(MountedConfig(), arguments.command, arguments.name, getattr(arguments, "why", ""))


def _adopt(arguments: Arguments) -> Result:
    from backup.service.commands import adopt

    return adopt(MountedConfig(), arguments.store)


def _verify(arguments: Arguments) -> Result:
    from backup.service.context import open_context
    from backup.service.verification import verify

    return [
        {"store": store, "name": found.name, "ok": found.ok, "detail": found.detail}
        for store, found in verify(open_context(MountedConfig()), arguments.name, progress)
    ]


def _verify_wal(_: Arguments) -> Result:
    from backup.service.context import open_context
    from backup.service.verification import verify_wal

    return verify_wal(open_context(MountedConfig()), progress)


def _hand_out(arguments: Arguments) -> Result:
    from backup.service.context import open_context
    from backup.service.hand_out import hand_out
    from cluster.postgres.lsn import Lsn

    return hand_out(open_context(LeaderConfig()), arguments.timeline, Lsn.parse(arguments.start), progress)


def _archive_now(_: Arguments) -> Result:
    from backup.service.context import open_context
    from backup.service.flush_wal import require_archived

    return require_archived(open_context(LeaderConfig()))


def _drill(arguments: Arguments) -> Result:
    from backup.service.context import open_context
    from backup.service.verification import drill

    context = open_context(MountedConfig())
    found = drill(context, context.store(arguments.store), progress)
    return {"ok": found.ok, **to_json(found)}


def _plan(arguments: Arguments) -> Result:
    from backup.service.restore_request import planned

    context, _, plan = planned(LeaderConfig(), arguments, progress)
    return {
        "lines": list(plan.lines()),
        "space": plan.space,
        "timeline": plan.timeline,
        "system": plan.backup.system_identifier,
        "backup": plan.backup.name,
        "project": context.inside.topology.project,
    }


def _restore(arguments: Arguments) -> Result:
    from backup.service.restore_request import restore_into

    return restore_into(LeaderConfig(), arguments, progress)


_COMMANDS: Mapping[str, Callable[[Arguments], Result]] = {
    "now": _now,
    "list": _list,
    "windows": _windows,
    "show": _show,
    "prune": _prune,
    "hold": _mark,
    "release": _mark,
    "delete": _mark,
    "adopt": _adopt,
    "verify": _verify,
    "verify-wal": _verify_wal,
    "drill": _drill,
    "hand-out": _hand_out,
    "archive-now": _archive_now,
    "plan": _plan,
    "restore": _restore,
}

if __name__ == "__main__":
    sys.exit(main())
