"""`python -m guide`: follow the primary until told to stop; with a word, what an operation asks of it.

The result goes to stdout as JSON; an error is ``{"error", "hint"}`` and the exit code of its kind.
"""

import argparse
import json
import signal
import sys

from cluster.documents import to_json
from cluster.errors import PodsError
from cluster.json_log import choose_log_format
from guide.follower import Guide, GuideFiles


def main(argv: list[str] | None = None) -> int:
    """Do one thing and print how it went."""
    arguments = _parser().parse_args(argv)
    if arguments.command == "serve":
        choose_log_format("guide")
        guide = Guide()
        signal.signal(signal.SIGTERM, lambda *_: guide.stopped.set())
        guide.run()
        return 0
    try:
        result = _answer(arguments)
    except PodsError as error:
        print(json.dumps({"error": error.message, "hint": error.hint}))  # noqa: T201 - the answer
        return error.exit_code
    print(json.dumps(result))  # noqa: T201 - the answer
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="guide")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("serve")
    commands.add_parser("status")
    hold = commands.add_parser("hold")
    hold.add_argument("--seconds", type=float, default=60.0, help="after which clients go on whatever happens")
    hold.add_argument("--patience", type=float, default=10.0, help="seconds for open transactions to end")
    commands.add_parser("release").add_argument("--patience", type=float, default=20.0)
    commands.add_parser("forget", help="the order to hold, and wait for nothing")
    return parser


def _answer(arguments: argparse.Namespace) -> object:
    from guide import requests

    files = GuideFiles()
    if arguments.command == "hold":
        requests.hold(files, arguments.seconds, arguments.patience)
        return {"held": True}
    if arguments.command == "release":
        return to_json(requests.release(files, arguments.patience))
    if arguments.command == "forget":
        requests.forget(files)
        return {}
    return to_json(requests.status_now(files))


if __name__ == "__main__":
    sys.exit(main())
