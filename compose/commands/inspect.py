"""Tasks that look at the cluster and talk to it."""

from invoke.context import Context
from invoke.exceptions import Exit
from invoke.tasks import task

from cluster.errors import EXIT_DEGRADED
from compose.console import Console


@task(default=True, help={"json": "print data instead of tables"}, auto_shortflags=False)
def status(c: Context, json: bool = False) -> None:
    """Show nodes, pools and what is not as it should be."""
    from compose.report.status import print_json, print_status, status_report
    from compose.stack import open_stack

    report = status_report(open_stack())
    print_json(report) if json else print_status(report)
    if not report.healthy:
        raise Exit(code=EXIT_DEGRADED)


@task(
    help={
        "since": "statements since then: 15m, 1h, 2d, yesterday, or a moment such as 2026-11-27T08:00 (UTC)",
        "database": "only what is of this database, and of the cluster",
        "top": "how many statements by each measure",
        "full": "statements whole, with their queryid, not cut to the width of the terminal",
        "json": "print data instead",
    },
    positional=[],
    auto_shortflags=False,
)
def insight(
    c: Context, since: str = "1h", database: str = "", top: int = 10, full: bool = False, json: bool = False
) -> None:
    """Show what hurts: statements, waits, tables, indexes."""
    from compose.report.insight.insight_report import InsightFlags, insight_document, print_insight
    from compose.report.status import print_json
    from compose.stack import open_stack

    found = insight_document(open_stack(), InsightFlags(since=since, database=database, top=top))
    print_json(found) if json else print_insight(found, full=full)


@task(help={"json": "print data instead of a table"}, auto_shortflags=False)
def history(c: Context, json: bool = False) -> None:
    """Show who was the primary when, and why."""
    from compose.report.history import history_report, print_history
    from compose.report.status import print_json
    from compose.stack import open_stack

    report = history_report(open_stack())
    print_json(report) if json else print_history(report)


@task(
    help={
        "service": "only this node, or pgbouncer",
        "follow": "go on as lines come",
        "lines": "how many from the end, of each service",
        "since": "all from then on: 30m, 2h, 7d, or a time such as 2026-11-27T14:00",
        "audit": "what pgaudit recorded (PODS_AUDIT), and nothing else",
        "json": "a JSON object per line",
    },
    positional=[],
    auto_shortflags=False,
)
def logs(
    c: Context,
    service: str | None = None,
    follow: bool = False,
    lines: int = 100,
    since: str | None = None,
    audit: bool = False,
    json: bool = False,
) -> None:
    """Show what the services say."""
    from compose.report.hosts.host_logs import host_log_entries, is_on_host
    from compose.report.logs import check_logged, log_entries, log_request, print_entries, show_engine_logs
    from compose.stack import open_stack

    stack = open_stack()
    on_host = is_on_host(stack, service)
    chosen = check_logged(stack, service) if service and not on_host else service
    request = log_request(chosen, lines, since, audit=audit, follow=follow, json=json)
    if on_host:
        print_entries(host_log_entries(stack, request, follow=follow), as_json=json)
        return
    if follow or not (json or audit or since or not stack.containers()):
        code = show_engine_logs(stack, request, follow=follow)
        if code:
            raise Exit(code=code)
        return
    print_entries(log_entries(stack, request), as_json=json)


@task(
    help={
        "node": "connect to this node directly",
        "pool": "connect through PgBouncer to this pool (default: the write pool; for stdin the primary)",
        "user": "log in as this role (default: the application's)",
        "superuser": "log in as postgres; needs --node",
        "database": "with --node: this database (default: the application's; with --superuser: postgres)",
        "command": "run this SQL and end",
    },
    auto_shortflags=False,
)
def psql(
    c: Context,
    node: str | None = None,
    pool: str | None = None,
    user: str | None = None,
    superuser: bool = False,
    database: str | None = None,
    command: str | None = None,
) -> None:
    """Open psql, through a pool or on one node."""
    from compose.operations.psql import PsqlTarget, run_psql
    from compose.stack import open_stack

    target = PsqlTarget(node=node, pool=pool, user=user, superuser=superuser, database=database)
    code = run_psql(open_stack(), target, command)
    if code:
        raise Exit(code=code)


@task(
    help={
        "database": "this database (default: the application's)",
        "role": "log in as this role (default: the owner of the database)",
        "as": "for what: uri, env, psql, python, asyncpg, sqlalchemy, django, node, prisma, jdbc, rails or compose",
        "json": "print data instead",
    },
    positional=[],
    auto_shortflags=False,
)
def connect(
    c: Context, database: str | None = None, role: str | None = None, as_: str | None = None, json: bool = False
) -> None:
    """Print what to paste into a program that connects."""
    from cluster.documents import to_json
    from compose.report.connection.choice import chosen_details
    from compose.report.connection.forms import connection_form, connection_summary
    from compose.report.status import print_json
    from compose.stack import open_stack

    details = chosen_details(open_stack(), database, role)
    if json:
        print_json({**to_json(details), "uris": details.uris})
    else:
        print(connection_form(as_, details) if as_ is not None else connection_summary(details), end="")


@task(help={"json": "print data instead of lines"}, auto_shortflags=False)
def doctor(c: Context, json: bool = False) -> None:
    """Find what will hurt before it does."""
    from compose.operations.doctor import examine
    from compose.report.status import print_findings, print_json
    from compose.stack import open_home

    home, settings = open_home()
    findings = examine(home, settings)
    print_json(findings) if json else print_findings(findings, Console())
    if any(finding.hurts for finding in findings):
        raise Exit(code=EXIT_DEGRADED)
