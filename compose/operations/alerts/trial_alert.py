"""An alert that is none: sent the way that real ones go, and followed to every receiver.

It ends itself after a while, whatever becomes of who sent it.
"""

import secrets
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote

from cluster.config.alert_receivers import KINDS, receivers_of
from cluster.config.settings import Settings
from cluster.errors import MachineError, PodsError, RefusedError, UsageError
from cluster.http.client import WebAccess, request_bytes, request_json
from compose.home import alert_secrets
from compose.home.passwords import ALERTMANAGER
from compose.home.rendered_files import read_user_files, text_on_disk
from compose.operations.alerts.alert_readings import web_access
from compose.operations.alerts.deliveries import (
    Counts,
    Delivery,
    Integration,
    deliveries,
    parse_counts,
    parse_integrations,
    parse_notices,
)
from compose.operations.alerts.receivers import OWN, check_receivers, has_own_file
from compose.render.alertmanager_yml import ONLY, TEST_ALERT, alertmanager_yml, key_of
from compose.render.monitoring import RECEIVERS_PATH
from compose.stack import Stack

SEVERITIES = ("critical", "warning")
_PATIENCE, _OWN_PATIENCE = 45.0, 150.0
"""Seconds; a route of the user's own may wait for more alerts of its kind before it sends."""
_PAUSE = 0.5
_LASTS = timedelta(minutes=10)


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialAlert:
    """What is sent: by what it is known again, and to which kind of receiver alone; "" for all."""

    mark: str
    cluster: str
    severity: str
    only: str
    begins: datetime = field(default_factory=lambda: datetime.now(UTC))

    def body(self, ends: datetime) -> list[dict[str, Any]]:
        """As Alertmanager's API takes it."""
        labels = {"alertname": TEST_ALERT, "cluster": self.cluster, "severity": self.severity, "test": self.mark}
        summary = "a test: alerts arrive here"
        text = "Sent by inv alerts.test. Nothing is wrong, and nothing is to be done."
        return [
            {
                "labels": labels | ({ONLY: self.only} if self.only else {}),
                "annotations": {"summary": summary, "description": text},
                "startsAt": self.begins.isoformat(),
                "endsAt": ends.isoformat(),
            }
        ]


@dataclass(frozen=True, slots=True)
class Line:
    """How Alertmanager is reached, and its log since a time (Unix seconds)."""

    access: WebAccess
    log: Callable[[float], str]


def send_test(stack: Stack, kind: str, severity: str) -> list[Delivery]:
    """Send one, wait until it is known what became of it, and end it.

    Raises:
        UsageError: there is no such kind of receiver, or severity.
        RefusedError: nobody gets alerts, or not yet.
    """
    if kind and kind not in KINDS:
        raise UsageError(f"--to {kind[:40]!r} is no kind of receiver", f"use one of {', '.join(KINDS)}")
    if severity not in SEVERITIES:
        raise UsageError(f"--severity {severity[:40]!r} is none", f"use one of {', '.join(SEVERITIES)}")
    own = has_own_file(stack.home)
    _check_in_force(stack, kind, own=own)
    alert = TrialAlert(mark=secrets.token_hex(8), cluster=stack.topology.project, severity=severity, only=kind)
    line = Line(web_access(stack, ALERTMANAGER), lambda since: _log(stack, since))
    found = follow(line, alert, _OWN_PATIENCE if own else _PATIENCE)
    if own:
        return [each for each in found if not kind or f"/{_key(kind)}[" in each.receiver]
    return _as_written(stack.settings, kind, found)


def _check_in_force(stack: Stack, kind: str, *, own: bool) -> None:
    settings = stack.settings
    check_receivers(stack.home, settings)
    if own:
        return
    if not settings.alert_to:
        raise RefusedError("nobody gets alerts: PODS_ALERT_TO is empty", "docs/how-to/alert-receivers.md says how")
    if kind and kind not in {receiver.kind for receiver in settings.alert_receivers}:
        raise UsageError(f"no {kind} is in PODS_ALERT_TO", f"it has {', '.join(settings.alert_to)}")
    alert_secrets.ensure(stack.home)
    wanted = alertmanager_yml(settings, read_user_files(stack.home).alert_secrets)
    if text_on_disk(stack.home.path / RECEIVERS_PATH) != wanted:
        raise RefusedError("who gets alerts was changed since the last inv up", "run: inv up")


def follow(line: Line, alert: TrialAlert, patience: float) -> list[Delivery]:
    """Send the alert, wait, and end it."""
    began, before = time.time(), read_counts(line.access)
    _post(line.access, alert, alert.begins + _LASTS)
    try:
        chosen = _chosen(line.access, alert)
        until, settled = time.monotonic() + patience, 0
        while True:
            since = read_counts(line.access).since(before, chosen)
            notices = parse_notices(line.log(began), chosen, alert.mark)
            found = deliveries(chosen, since, notices)
            settled += notices.over or all(each.state == "delivered" for each in found)
            if settled > 1 or time.monotonic() > until:  # twice: what is counted is logged a moment later
                return found
            time.sleep(_PAUSE)
    finally:
        with suppress(PodsError):
            _post(line.access, alert, datetime.now(UTC))


def read_counts(access: WebAccess) -> Counts:
    """Alertmanager's counters now.

    Raises:
        RefusedError: it was started by an earlier version, which did not have it count by receiver.
    """
    counts = parse_counts(request_bytes(access, "/metrics").decode(errors="replace"))
    if not counts.values:
        raise RefusedError("Alertmanager does not count messages by receiver", "run: inv up, which starts it anew")
    return counts


def _post(access: WebAccess, alert: TrialAlert, ends: datetime) -> None:
    request_json(access, "/api/v2/alerts", method="POST", body=alert.body(ends))


def _chosen(access: WebAccess, alert: TrialAlert) -> list[Integration]:
    """The integrations that the route has chosen for the alert.

    Raises:
        RefusedError: it is silenced, or goes to a receiver that has none.
    """
    import yaml

    matcher = quote(f'test="{alert.mark}"')
    found = request_json(access, f"/api/v2/alerts?filter={matcher}")
    if not found:
        raise MachineError(
            "Alertmanager does not have the test alert that it took", "see inv logs --service alertmanager"
        )
    if found[0]["status"]["state"] == "suppressed":
        raise RefusedError("the test alert is silenced, or inhibited", "see inv alerts.list; inv alerts.unsilence")
    names = [each["name"] for each in found[0]["receivers"]]
    config = yaml.safe_load(request_json(access, "/api/v2/status")["config"]["original"])
    chosen = parse_integrations(config, names)
    if not chosen:
        raise RefusedError(f"nobody gets it: its route leads to {', '.join(names)}, which has no way", f"see {OWN}")
    return chosen


def _log(stack: Stack, since: float) -> str:
    container = stack.containers().get(ALERTMANAGER)
    if container is None:
        raise MachineError("Alertmanager does not run", "run: inv up")
    raw = stack.client.api.logs(container.id, since=int(since) - 1)
    return bytes(raw).decode(errors="replace")


def _key(kind: str) -> str:
    return key_of(receivers_of((kind,))[0]).removesuffix("_configs")


def _as_written(settings: Settings, kind: str, found: Sequence[Delivery]) -> list[Delivery]:
    """In the words and the order of PODS_ALERT_TO."""
    by_name = {each.receiver.partition("/")[2]: each for each in found}
    counted: dict[str, int] = {}
    shown = []
    for receiver in settings.alert_receivers:
        if kind and receiver.kind != kind:
            continue
        key = key_of(receiver).removesuffix("_configs")
        index = counted[key] = counted.get(key, -1) + 1
        if (each := by_name.get(f"{key}[{index}]")) is not None:
            shown.append(replace(each, receiver=receiver.text))
    return shown
