"""What fires, what is pending, and what is silenced: read from the host."""

from dataclasses import replace
from urllib.parse import quote

from cluster.alerts import AlertList, Silence, in_order, parse_alerts, parse_prometheus, parse_silences
from cluster.errors import MachineError, RefusedError
from cluster.http.client import WebAccess, host_access, request_json
from compose.home.passwords import ALERTMANAGER, PROMETHEUS
from compose.stack import Stack

SILENCES = "/api/v2/silences"


def web_access(stack: Stack, service: str) -> WebAccess:
    """How to reach Prometheus or Alertmanager.

    Raises:
        RefusedError: neither runs here.
    """
    if stack.settings.monitoring == "off":
        raise RefusedError(
            "there are no alerts: PODS_MONITORING is off", "put PODS_MONITORING=on into .env, then: inv up"
        )
    return host_access(stack.settings, service, stack.passwords[service], stack.home.ca)


def read_silences(stack: Stack) -> tuple[Silence, ...]:
    """Those that hold, or will.

    Raises:
        MachineError: Alertmanager does not answer.
    """
    return parse_silences(request_json(web_access(stack, ALERTMANAGER), SILENCES))


def end_silence(stack: Stack, silence: Silence) -> None:
    """End one."""
    request_json(web_access(stack, ALERTMANAGER), f"/api/v2/silence/{quote(silence.id)}", method="DELETE")


def read_alerts(stack: Stack) -> tuple[AlertList, tuple[Silence, ...]]:
    """All alerts, and the silences; what Prometheus alone knows where Alertmanager is away.

    Raises:
        MachineError: neither answers.
    """
    try:
        silences = read_silences(stack)
        found = parse_alerts(request_json(web_access(stack, ALERTMANAGER), "/api/v2/alerts"), silences)
    except MachineError as error:
        return replace(_of_prometheus(stack, "firing", "pending"), error=f"{error.message}: nobody is told"), ()
    try:
        pending = _of_prometheus(stack, "pending")
    except MachineError as error:
        return replace(found, error=error.message), silences
    return replace(found, alerts=in_order((*found.alerts, *pending.alerts))), silences


def _of_prometheus(stack: Stack, *states: str) -> AlertList:
    return parse_prometheus(request_json(web_access(stack, PROMETHEUS), "/api/v1/alerts"), *states)
