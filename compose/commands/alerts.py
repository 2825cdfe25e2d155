"""Tasks about alerts: what fires, silences, and whether anybody would hear of it."""

from invoke.context import Context
from invoke.exceptions import Exit
from invoke.tasks import task

from cluster.errors import EXIT_DEGRADED, EXIT_ENVIRONMENT


@task(name="list", default=True, help={"json": "print data instead of tables"}, auto_shortflags=False)
def list_(c: Context, json: bool = False) -> None:
    """Show what fires, since when, and what is silenced."""
    from compose.operations.alerts.alert_readings import read_alerts
    from compose.report.alert_table import alert_report, print_alerts
    from compose.report.status import print_json
    from compose.stack import open_stack

    report = alert_report(*read_alerts(open_stack()))
    print_json(report) if json else print_alerts(report)
    if report.error:
        raise Exit(code=EXIT_ENVIRONMENT)


@task(
    help={
        "name": "the alert",
        "node": "only of this node or service",
        "for": "how long: 30m, 2h, 1d",
        "comment": "why, for who sees it",
    },
    auto_shortflags=False,
)
def silence(c: Context, name: str, node: str | None = None, for_: str = "2h", comment: str | None = None) -> None:
    """Tell nobody of an alert for a while."""
    from compose.operations.alerts.silences import COMMENT, SilenceRequest, parse_span
    from compose.operations.alerts.silences import silence as begin
    from compose.report.alert_table import print_silenced
    from compose.stack import open_stack

    seconds = parse_span(for_)
    request = SilenceRequest(name=name, node=node, seconds=seconds, comment=comment or COMMENT)
    print_silenced(begin(open_stack(), request))


@task(
    help={"name": "a silence's id, or an alert", "all": "every silence there is"},
    positional=[],
    auto_shortflags=False,
)
def unsilence(c: Context, name: str | None = None, all: bool = False) -> None:
    """End silences: those of an alert, one by its id, or all."""
    from compose.operations.alerts.silences import unsilence as end
    from compose.report.alert_table import print_unsilenced
    from compose.stack import open_stack

    print_unsilenced(end(open_stack(), name, every=all))


@task(
    name="test",
    help={
        "to": "only this kind: mailto, slack, telegram, discord, teams, ntfy or webhook",
        "severity": "critical or warning, where a file of your own routes by it",
        "json": "print data instead of lines",
    },
    positional=[],
    auto_shortflags=False,
)
def test_(c: Context, to: str | None = None, severity: str = "warning", json: bool = False) -> None:
    """Send a test alert, and see who takes it."""
    from compose.console import Console
    from compose.operations.alerts.trial_alert import send_test
    from compose.report.alert_deliveries import print_deliveries
    from compose.report.status import print_json
    from compose.stack import open_stack

    with Console().step("Sending a test alert, and waiting for its receivers"):
        found = send_test(open_stack(), to or "", severity)
    print_json(found) if json else print_deliveries(found)
    if any(each.state != "delivered" for each in found):
        raise Exit(code=EXIT_DEGRADED)
