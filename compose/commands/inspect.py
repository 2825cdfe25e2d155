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
        "lines": "how many from the end",
        "json": "a JSON object per line",
    },
    positional=[],
    auto_shortflags=False,
)
def logs(c: Context, service: str | None = None, follow: bool = False, lines: int = 100, json: bool = False) -> None:
    """Show what the services say."""
    from compose.report.status import log_lines_json
    from compose.stack import open_stack

    stack = open_stack()
    chosen = [stack.check_service(service)] if service else []
    if json:
        log_lines_json(stack, chosen, lines)
        return
    stack.compose.replace_process("logs", f"--tail={lines}", *(["--follow"] if follow else []), *chosen)


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
