"""What `inv doctor` says of who gets alerts: whether anybody does, and whether messages arrived lately."""

from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import quote

from cluster.config.settings import Settings
from cluster.documents import printable
from cluster.errors import MachineError, PodsError
from cluster.http.client import request_json
from compose.home.passwords import PROMETHEUS
from compose.home.paths import Home
from compose.operations.alerts.alert_readings import web_access
from compose.operations.alerts.receivers import check_receivers, has_own_file
from compose.stack import Stack

GUIDE = "docs/how-to/alert-receivers.md"
_FAILED = 'alertmanager_notifications_failed_total{job="alertmanager"}'
_LATELY = f"sum by (receiver_name, integration) (increase({_FAILED}[1h])) > 0"
Examined = tuple[bool, str, str]
"""Whether it hurts, what was found, what to do."""


def examine_receivers(home: Home, settings: Settings) -> Iterator[Examined]:
    """Whether anybody gets alerts, and hears of it when nobody looks for them any more."""
    if settings.monitoring == "off":
        return
    try:
        note = check_receivers(home, settings)
    except PodsError as error:
        yield True, error.message, error.hint
        return
    if note:
        yield False, note, ""
    if has_own_file(home):
        return
    if not settings.alert_to:
        yield False, f"nobody gets alerts: PODS_ALERT_TO is empty ({GUIDE})", ""
    else:
        yield False, f"alerts go to {', '.join(settings.alert_to)}", ""
    if settings.alert_to and settings.alert_watchdog == "off":
        text = "nobody hears of it when this host is gone: PODS_ALERT_WATCHDOG is off, the dead man's switch"
        yield False, f"{text} ({GUIDE})", ""


def examine_deliveries(stack: Stack) -> Iterator[Examined]:
    """Which messages did not arrive within the last hour; nothing where Prometheus does not answer."""
    if stack.settings.monitoring == "off":
        return
    try:
        answer = request_json(web_access(stack, PROMETHEUS), f"/api/v1/query?query={quote(_LATELY)}")
    except (MachineError, OSError):
        return
    for receiver, kind in _failed(answer):
        text = f"messages by {kind} to Alertmanager's receiver {receiver} did not arrive within the last hour"
        yield True, text, "inv alerts.test shows what each receiver answers"


def _failed(answer: Any) -> list[tuple[str, str]]:
    try:
        rows = [row["metric"] for row in answer["data"]["result"]]
    except (KeyError, TypeError):
        return []
    return sorted((_label(row, "receiver_name"), _label(row, "integration")) for row in rows)


def _label(metric: Mapping[str, object], name: str) -> str:
    return printable(str(metric.get(name, "people")))
