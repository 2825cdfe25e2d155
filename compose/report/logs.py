"""`inv logs`: what services write, from the engine while their containers are there, and from what is kept of it."""

import json
import re
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from heapq import merge

from cluster.documents import to_json
from cluster.endpoints import POOLER
from cluster.errors import UsageError
from cluster.log_entries import LONGEST, LogEntry, container_entry, printable, text_line
from compose.engine.containers import Container
from compose.home import kept_logs
from compose.stack import Stack

MOST_LINES = 100_000
"""Of one container's log, which the engine hands over as a whole."""
_AGO = re.compile(r"(\d{1,6})([smhd])\Z")
_SECONDS: Mapping[str, int] = {"s": 1, "m": 60, "h": 3600, "d": 86_400}


@dataclass(frozen=True, slots=True, kw_only=True)
class LogRequest:
    """What is wanted: of which services ("": all), how many lines of each, or all since a moment."""

    service: str = ""
    lines: int = 100
    since: float | None = None
    audit: bool = False


def parse_since(text: str, now: float) -> float:
    """``2h``, ``30m``, ``7d``, or a time as ISO 8601, UTC unless it says otherwise; in Unix seconds.

    Raises:
        UsageError: it is neither.
    """
    if found := _AGO.match(text):
        return now - int(found[1]) * _SECONDS[found[2]]
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise UsageError(f"--since {printable(text)!r} is no time", "use 30m, 2h, 7d, or 2026-11-27T14:00") from None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def check_logged(stack: Stack, name: str) -> str:
    """``name`` if it is a service, or something is kept of one that is no more."""
    return name if name in kept_logs.services(stack.home) else stack.check_service(name)


def log_request(
    service: str | None, lines: int, since: str | None, *, audit: bool, follow: bool, json: bool
) -> LogRequest:
    """What the flags ask for.

    Raises:
        UsageError: they do not go together.
    """
    if follow and (since or audit or json):
        raise UsageError("--follow shows what the engine gets, as it is", "leave out --since, --audit and --json")
    if lines < 1:
        raise UsageError(f"--lines {lines} is no number of lines", "give one that is greater than 0")
    moment = None if since is None else parse_since(since, time.time())
    return LogRequest(service=service or "", lines=lines, since=moment, audit=audit)


def show_engine_logs(stack: Stack, request: LogRequest, *, follow: bool) -> int:
    """What Compose shows, without what bends a terminal; its exit code."""
    argv = ["logs", f"--tail={request.lines}", *(["--follow"] if follow else [])]
    argv += [request.service] if request.service else []
    with subprocess.Popen(
        stack.compose.argv(*argv), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=stack.compose.whole_environment
    ) as process:
        assert process.stdout is not None
        try:
            while line := process.stdout.readline(LONGEST):
                print(printable(line.decode(errors="replace").rstrip("\n"), LONGEST), flush=follow)
        except KeyboardInterrupt:  # how --follow ends; Compose got it too
            process.wait()
            return 0
        return process.wait()


def print_entries(entries: Iterable[LogEntry], *, as_json: bool) -> None:
    """An entry a line."""
    for entry in entries:
        print(json.dumps(to_json(entry)) if as_json else text_line(entry))
    sys.stdout.flush()


def log_entries(stack: Stack, request: LogRequest) -> Iterator[LogEntry]:
    """Of all services that are wanted, in the order of their times."""
    found = stack.containers()
    names = [request.service] if request.service else sorted({*found, *kept_logs.services(stack.home)})
    streams = [_of_service(stack, name, found.get(name), request) for name in names]
    return merge(*streams, key=lambda entry: kept_logs.unix_time(entry.time) or 0.0)


def _of_service(stack: Stack, name: str, container: Container | None, request: LogRequest) -> Iterator[LogEntry]:
    own = name in (*stack.topology.local_names, POOLER) and kept_logs.writes(stack.home, name)
    engine = [] if own or request.audit or container is None else _of_engine(stack, container, request)
    if request.since is not None:
        yield from kept_logs.since(stack.home, name, request.since, audit=request.audit)
        yield from engine
        return
    kept = kept_logs.latest(stack.home, name, request.lines, audit=request.audit)
    yield from [*kept, *engine][-request.lines :]


def _of_engine(stack: Stack, container: Container, request: LogRequest) -> Sequence[LogEntry]:
    tail = request.lines if request.since is None else MOST_LINES
    since = None if request.since is None else int(request.since)
    text = stack.client.api.logs(container.id, tail=tail, timestamps=True, since=since)
    return [container_entry(container.service, line[:LONGEST]) for line in text.splitlines() if line]
