"""Silences: nobody is told of an alert for a while. What the verdict counts it counts all the same."""

import difflib
import os
import pwd
import re
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from cluster.alerts import WATCHDOG, AlertStatus, Silence, matcher
from cluster.errors import MachineError, RefusedError, UsageError
from cluster.http.client import request_json
from compose.home.passwords import ALERTMANAGER
from compose.operations.alerts.alert_readings import SILENCES, end_silence, read_alerts, read_silences, web_access
from compose.render.alert_names import alert_names
from compose.stack import Stack

SHORTEST, LONGEST = 60, 30 * 86400
_SPAN = re.compile(r"(\d{1,6})\s*(min|m|h|d)\Z")
_SECONDS = {"m": 60, "min": 60, "h": 3600, "d": 86400}
_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\Z")
COMMENT = "inv alerts.silence"
_COMMENT_LENGTH = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class SilenceRequest:
    """Alerts of one name, perhaps of one node, for some seconds."""

    name: str
    node: str | None
    seconds: int
    comment: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SilenceOutcome:
    """What holds now; ``before``: until when it would have held already. ``fires``: what it keeps quiet now."""

    silence: Silence
    before: float | None
    fires: tuple[AlertStatus, ...]


def parse_span(text: str) -> int:
    """Seconds of 30m, 2h or 1d.

    Raises:
        UsageError: it is none, or too short or long to be meant.
    """
    match = _SPAN.match(text.strip())
    if match is None:
        raise UsageError(f"--for {text[:40]!r} is no duration", "give minutes, hours or days: 30m, 2h, 1d")
    seconds = int(match[1]) * _SECONDS[match[2]]
    if not SHORTEST <= seconds <= LONGEST:
        raise UsageError(f"--for {text[:40]!r} is too {'short' if seconds < SHORTEST else 'long'}", "from 1m to 30d")
    return seconds


def silence(stack: Stack, request: SilenceRequest) -> SilenceOutcome:
    """Silence, or move the end of the silence that there is already.

    Raises:
        UsageError: there is no such alert, or it is about no node.
        RefusedError: there is no such node, or the alert is one that must go on.
    """
    _check(stack, request)
    now = time.time()
    wanted = _matchers(stack, request)
    same = next((each for each in read_silences(stack) if _is_same(each, wanted)), None)
    body = {
        "matchers": wanted,
        "startsAt": _rfc3339(same.begins if same else now),
        "endsAt": _rfc3339(now + request.seconds),
        "createdBy": _operator(),
        "comment": request.comment,
        **({"id": same.id} if same else {}),
    }
    made = request_json(web_access(stack, ALERTMANAGER), SILENCES, method="POST", body=body)
    return _outcome(stack, made, before=same.until if same else None, name=request.name)


def _outcome(stack: Stack, made: Any, *, before: float | None, name: str) -> SilenceOutcome:
    alerts, silences = read_alerts(stack)
    number = made.get("silenceID") if isinstance(made, dict) else None
    found = next((each for each in silences if each.id == number), None)
    if found is None:
        raise MachineError("Alertmanager took the silence, and does not have it", "see inv alerts.list")
    about = [each for each in alerts.alerts if each.name == name and found.node in (None, each.node)]
    fires = tuple(each for each in about if each.state != "pending")
    return SilenceOutcome(silence=found, before=before, fires=fires)


def _check(stack: Stack, request: SilenceRequest) -> None:
    known = alert_names()
    check_name(request.name)
    if request.name == WATCHDOG:
        raise RefusedError(
            f"{WATCHDOG} says that alerts arrive at all: who waits for it would raise the alarm",
            "pause the check at the service that waits for it",
        )
    if len(request.comment) > _COMMENT_LENGTH:
        raise UsageError(f"--comment has more than {_COMMENT_LENGTH} characters", "say it in fewer")
    if request.node is not None:
        stack.check_service(request.node)
        if not known[request.name]:
            raise UsageError(f"{request.name} is about no node", "leave --node out")


def check_name(name: str) -> None:
    """Refuse what is no alert.

    Raises:
        UsageError: says which is near.
    """
    known = alert_names()
    if name not in known:
        near = difflib.get_close_matches(name, known, 1, 0.6)
        hint = f"did you mean {near[0]}?" if near else "docs/reference/alerts.md has them all"
        raise UsageError(f"there is no alert {name[:60]!r}", hint)


def _matchers(stack: Stack, request: SilenceRequest) -> list[dict[str, Any]]:
    labels = {"alertname": request.name, "cluster": stack.topology.project}
    labels |= {} if request.node is None else {"node": request.node}
    return [matcher(name, value) for name, value in labels.items()]


def _is_same(silence: Silence, wanted: Sequence[dict[str, Any]]) -> bool:
    return set(silence.matchers) == {f"{each['name']}={each['value']}" for each in wanted}


def _rfc3339(when: float) -> str:
    return datetime.fromtimestamp(when, UTC).isoformat()


def _operator() -> str:
    """Whoever runs this; behind sudo whoever that was."""
    try:
        return os.environ.get("SUDO_USER") or pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        return f"user {os.geteuid()}"


def unsilence(stack: Stack, target: str | None, *, every: bool) -> tuple[Silence, ...]:
    """End a silence by its id, those of an alert, or all of them; those that were ended.

    Raises:
        UsageError: neither or both is given, or there is no such alert.
        RefusedError: there is no such silence.
    """
    if (target is None) is not every:
        raise UsageError("name a silence", "its id, an alert, or --all; inv alerts.list shows them")
    silences = read_silences(stack)
    ended = silences if target is None else _chosen(silences, target)
    for each in ended:
        end_silence(stack, each)
    return ended


def _chosen(silences: Sequence[Silence], target: str) -> tuple[Silence, ...]:
    if _ID.match(target):
        found = tuple(each for each in silences if each.id == target)
        if not found:
            raise RefusedError(f"there is no silence {target}", "inv alerts.list shows those that hold")
        return found
    found = tuple(each for each in silences if each.alert == target)
    if not found:
        check_name(target)
    return found
