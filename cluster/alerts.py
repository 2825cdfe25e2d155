"""Alerts as Prometheus and Alertmanager have them, and silences, for `inv alerts.list`, the page and the API. Pure.

Rules of PODS label them, and their texts may hold names that others gave. PodsWatchdog is none of them: where it is
missing, Prometheus hands nothing on, and that nothing fires is no news.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Literal

from cluster.documents import printable

WATCHDOG = "PodsWatchdog"
REPORT = "report"
"""The label of a report: news and no alert."""
Severity = Literal["critical", "warning", "info"]
AlertState = Literal["firing", "pending", "silenced", "inhibited"]
SEVERITIES: tuple[Severity, ...] = ("critical", "warning", "info")
STATES: tuple[AlertState, ...] = ("firing", "inhibited", "silenced", "pending")
LONGEST = 500
"""Characters of a text."""
Time = Annotated[float, "Unix time"]


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertStatus:
    """One alert. ``command`` is what its runbook begins with, ``runbook`` that one's address."""

    name: str
    severity: Severity
    state: AlertState
    node: str | None
    since: Time
    summary: str
    command: str
    runbook: str
    silenced_until: Time | None = None
    inhibited_by: tuple[str, ...] = ()

    @property
    def loud(self) -> bool:
        """Whether somebody is to be told of it."""
        return self.state == "firing" and self.severity != "info"


@dataclass(frozen=True, slots=True, kw_only=True)
class Silence:
    """A silence: of alerts of one name, perhaps of one node; ``alert`` is "" where its matchers are others."""

    id: str
    alert: str
    node: str | None
    begins: Time
    until: Time
    by: str
    comment: str
    matchers: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertList:
    """Alerts, the worst first. ``error``: why that is not all that is known; "" where it is."""

    alerts: tuple[AlertStatus, ...] = ()
    reports: tuple[AlertStatus, ...] = ()
    error: str = ""


def matcher(name: str, value: str) -> dict[str, Any]:
    """A matcher of Alertmanager's API: the label has this value."""
    return {"name": name, "value": value, "isRegex": False, "isEqual": True}


def parse_silences(answer: object) -> tuple[Silence, ...]:
    """Of `/api/v2/silences`: those that hold, or will."""
    found = (_silence(each) for each in _objects(answer) if _text(each, "status", "state") in ("active", "pending"))
    return tuple(sorted(found, key=lambda silence: (silence.until, silence.id)))


def _silence(raw: Mapping[str, Any]) -> Silence:
    matchers = list(_objects(raw.get("matchers")))
    exact = {
        str(each.get("name")): str(each.get("value"))
        for each in matchers
        if each.get("isRegex") is False and each.get("isEqual", True) is True
    }
    plain = len(exact) == len(matchers) and exact.keys() <= {"alertname", "cluster", "node"}
    return Silence(
        id=_text(raw, "id"),
        alert=printable(exact.get("alertname", "")) if plain else "",
        node=printable(exact["node"]) if plain and "node" in exact else None,
        begins=_moment(raw.get("startsAt")),
        until=_moment(raw.get("endsAt")),
        by=_text(raw, "createdBy"),
        comment=_text(raw, "comment"),
        matchers=tuple(_shown_matcher(each) for each in matchers),
    )


def _shown_matcher(raw: Mapping[str, Any]) -> str:
    sign = ("=" if raw.get("isEqual", True) else "!") + ("~" if raw.get("isRegex") else "")
    sign = "!=" if sign == "!" else sign
    return f"{_text(raw, 'name')}{sign}{_text(raw, 'value')}"


def parse_alerts(answer: object, silences: Iterable[Silence]) -> AlertList:
    """Of Alertmanager's `/api/v2/alerts`."""
    raw = list(_objects(answer))
    until = {silence.id: silence.until for silence in silences}
    names = {_text(each, "fingerprint"): _text(each, "labels", "alertname") for each in raw}
    watched = any(name == WATCHDOG for name in names.values())
    error = "" if watched else f"Prometheus hands no alerts to Alertmanager ({WATCHDOG} is not there)"
    return _listed((_of_alertmanager(each, until, names) for each in raw), raw, error)


def parse_prometheus(answer: object, *states: str) -> AlertList:
    """Of Prometheus' `/api/v1/alerts`: those in one of ``states`` (firing, pending)."""
    data = answer.get("data") if isinstance(answer, Mapping) else None
    raw = [
        each
        for each in _objects(data.get("alerts") if isinstance(data, Mapping) else None)
        if _text(each, "state") in states
    ]
    return _listed((_of_prometheus(each) for each in raw), raw, "")


def _listed(alerts: Iterable[AlertStatus], raw: Iterable[Mapping[str, Any]], error: str) -> AlertList:
    pairs = [(alert, bool(_text(each, "labels", REPORT))) for alert, each in zip(alerts, raw, strict=True)]
    return AlertList(
        alerts=in_order(alert for alert, report in pairs if not report and alert.name != WATCHDOG),
        reports=in_order(alert for alert, report in pairs if report),
        error=error,
    )


def in_order(alerts: Iterable[AlertStatus]) -> tuple[AlertStatus, ...]:
    """The worst first, of these those that somebody is told of, of these the latest."""
    return tuple(
        sorted(
            alerts,
            key=lambda alert: (
                STATES.index(alert.state),
                SEVERITIES.index(alert.severity),
                -alert.since,
                alert.name,
                alert.node or "",
            ),
        )
    )


def _of_alertmanager(raw: Mapping[str, Any], until: Mapping[str, float], names: Mapping[str, str]) -> AlertStatus:
    status = raw.get("status")
    status = status if isinstance(status, Mapping) else {}
    silenced, inhibited = _texts(status.get("silencedBy")), _texts(status.get("inhibitedBy"))
    state: AlertState = "silenced" if silenced else "inhibited" if inhibited else "firing"
    ends = [until[each] for each in silenced if each in until]
    causes = tuple(sorted({names.get(each) or "another alert" for each in inhibited}))
    return _alert(raw, "startsAt", state, silenced_until=max(ends, default=None), inhibited_by=causes)


def _of_prometheus(raw: Mapping[str, Any]) -> AlertStatus:
    return _alert(raw, "activeAt", "pending" if raw.get("state") == "pending" else "firing")


def _alert(
    raw: Mapping[str, Any],
    since: str,
    state: AlertState,
    *,
    silenced_until: float | None = None,
    inhibited_by: tuple[str, ...] = (),
) -> AlertStatus:
    severity = _text(raw, "labels", "severity")
    return AlertStatus(
        name=_text(raw, "labels", "alertname"),
        severity=severity if severity in SEVERITIES else "info",
        state=state,
        node=_text(raw, "labels", "node") or None,
        since=_moment(raw.get(since)),
        summary=_text(raw, "annotations", "summary"),
        command=_text(raw, "annotations", "command"),
        runbook=_text(raw, "annotations", "runbook_url"),
        silenced_until=silenced_until,
        inhibited_by=inhibited_by,
    )


def _objects(raw: object) -> Iterator[Mapping[str, Any]]:
    return (each for each in raw if isinstance(each, Mapping)) if isinstance(raw, list) else iter(())


def _texts(raw: object) -> list[str]:
    return [each for each in raw if isinstance(each, str)] if isinstance(raw, list) else []


def _text(raw: Mapping[str, Any], *path: str) -> str:
    """A text of an object, or of one within it; "" where there is none."""
    found: object = raw
    for name in path:
        found = found.get(name) if isinstance(found, Mapping) else None
    return printable(found[:LONGEST]) if isinstance(found, str) else ""


def _moment(raw: object) -> float:
    """Unix time of RFC 3339; 0 of anything else."""
    try:
        return datetime.fromisoformat(str(raw)).timestamp()
    except (ValueError, OverflowError):
        return 0.0
