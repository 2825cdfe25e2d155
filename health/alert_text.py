"""The texts of the page about alerts. Pure.

Moments and not ages: a row changes when something happened, so that whoever is about to press its button finds it.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from cluster.alerts import AlertStatus
from cluster.units import utc
from health.alert_watcher import AlertReading
from health.pool_text import Mood

MOST = 20
"""Alerts on the page: the worst."""
_MOODS: dict[str, Mood] = {"critical": "bad", "warning": "warn", "info": "well"}


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertRow:
    """One alert: alert, severity, since, node, text; ``command`` to copy. ``quiet``: nobody is told of it."""

    cells: tuple[str, ...]
    command: str
    runbook: str
    mood: Mood
    quiet: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertText:
    """Rows, and a line below them: what is not shown or not known, or that there is none."""

    rows: tuple[AlertRow, ...] = ()
    note: str = ""


def alert_text(reading: AlertReading) -> AlertText | None:
    """None where nobody watches."""
    if reading.off:
        return None
    if reading.error:
        return AlertText(note=f"What fires is not known: {reading.error}.")
    more = len(reading.alerts) - MOST
    note = f"and {more} more" if more > 0 else "" if reading.alerts else "No alert fires."
    return AlertText(rows=tuple(_row(alert) for alert in reading.alerts[:MOST]), note=note)


def _row(alert: AlertStatus) -> AlertRow:
    since = f"{utc(alert.since)} UTC"
    text = " · ".join((alert.summary, *_why_quiet(alert)))
    return AlertRow(
        cells=(alert.name, alert.severity, since, alert.node or "–", text),
        command=alert.command,
        runbook=alert.runbook if alert.runbook.startswith(("http://", "https://")) else "",
        mood="well" if alert.state != "firing" else _MOODS[alert.severity],
        quiet=alert.state != "firing",
    )


def _why_quiet(alert: AlertStatus) -> Iterator[str]:
    if alert.state == "silenced":
        yield "silenced" if alert.silenced_until is None else f"silenced until {utc(alert.silenced_until)[:16]} UTC"
    if alert.inhibited_by:
        yield f"follows from {', '.join(alert.inhibited_by)}"
