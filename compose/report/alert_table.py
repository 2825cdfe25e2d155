"""How alerts and silences look on a terminal and as JSON. Names, comments and texts may be anybody's: none reaches the
terminal but as letters (`printable`, in cluster/alerts.py).
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass

from cluster.alerts import AlertList, AlertStatus, Silence
from cluster.units import human_seconds, utc
from compose.console import COMMAND
from compose.operations.alerts.silences import SilenceOutcome
from compose.report.pools import Cell
from compose.report.status import table


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertReport:
    """Everything `inv alerts.list` says: the fields are the keys of its JSON. ``error``: what is not known, and why."""

    alerts: tuple[AlertStatus, ...]
    reports: tuple[AlertStatus, ...]
    silences: tuple[Silence, ...]
    error: str


def alert_report(alerts: AlertList, silences: Sequence[Silence]) -> AlertReport:
    """Of what was read."""
    return AlertReport(alerts=alerts.alerts, reports=alerts.reports, silences=tuple(silences), error=alerts.error)


def print_alerts(report: AlertReport) -> None:
    """A line an alert, what to type first, and the silences."""
    if report.alerts:
        head = ["alert", "severity", "state", "node", "since (UTC)", "for", "says"]
        table(head, [_cells(alert) for alert in report.alerts])
        _print_commands(report.alerts)
    for each in report.reports:
        print(f"{each.name}: {each.summary}")
    if report.silences:
        head = ["silenced", "node", "until (UTC)", "by", "why", "id"]
        table(head, [_silence_cells(silence) for silence in report.silences])
    print(_last_line(report))


def _last_line(report: AlertReport) -> str:
    if report.error:
        return f"! {report.error}"
    loud = sum(alert.loud for alert in report.alerts)
    if not loud:
        return "✓ nothing fires that anybody is told of"
    return f"✗ {loud} alert{' fires' if loud == 1 else 's fire'}"


def _cells(alert: AlertStatus) -> list[Cell]:
    age = human_seconds(max(0.0, time.time() - alert.since))
    return [alert.name, alert.severity, state_words(alert), alert.node, utc(alert.since), age, alert.summary]


def state_words(alert: AlertStatus) -> str:
    """Its state, and what it is owed to."""
    if alert.state == "silenced" and alert.silenced_until is not None:
        return f"silenced until {utc(alert.silenced_until)[:16]}"
    return f"follows from {', '.join(alert.inhibited_by)}" if alert.state == "inhibited" else alert.state


def _print_commands(alerts: Sequence[AlertStatus]) -> None:
    """What the runbook of each begins with; those of the same name and command once."""
    pairs = dict.fromkeys((alert.name, alert.command) for alert in alerts if alert.command)
    rows = [(name, COMMAND.in_words(command)) for name, command in pairs]
    if rows:
        table(["alert", "look first"], rows)


def _silence_cells(silence: Silence) -> list[Cell]:
    what = silence.alert or ", ".join(silence.matchers)
    return [what, silence.node, utc(silence.until), silence.by, silence.comment, silence.id]


def print_silenced(outcome: SilenceOutcome) -> None:
    """What nobody is told of now, until when, and what goes on counting."""
    silence = outcome.silence
    moved = f", not {utc(outcome.before)} any more" if outcome.before is not None else ""
    print(f"nobody is told of {_subject(silence)} until {utc(silence.until)} UTC{moved} ({silence.id})")
    print(f"  {len(outcome.fires) or 'none'} of it fires now")
    print(
        COMMAND.in_words(
            "  inv status and the health page count what is wrong all the same, above all what is critical"
        )
    )
    print(COMMAND.in_words(f"  to end it: inv alerts.unsilence --name {silence.alert}"))


def print_unsilenced(ended: Sequence[Silence]) -> None:
    """A line a silence."""
    for silence in ended:
        print(f"{_subject(silence)} is silenced no more ({silence.id})")
    if not ended:
        print("nothing was silenced")


def _subject(silence: Silence) -> str:
    return (silence.alert or ", ".join(silence.matchers)) + (f" of {silence.node}" if silence.node else "")
