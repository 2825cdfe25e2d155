"""Tasks about more than one Docker host."""

from invoke.context import Context
from invoke.exceptions import Exit
from invoke.tasks import task

from cluster.errors import EXIT_DEGRADED
from compose.console import Console


@task(help={"json": "print data instead of tables"}, auto_shortflags=False)
def status(c: Context, json: bool = False) -> None:
    """Show every Docker host, its vote, its member, and faults."""
    from compose.report.hosts.hosts_report import hosts_report, print_hosts
    from compose.report.status import print_json
    from compose.stack import open_stack

    report = hosts_report(open_stack())
    print_json(report) if json else print_hosts(report)
    if report.reasons:
        raise Exit(code=EXIT_DEGRADED)


@task(
    help={
        "cnpg": "a new or empty directory for the manifests",
        "source": "where Kubernetes reaches the primary, HOST or HOST:PORT; without it as PODS_BIND has it",
        "storage": "disk of each instance, such as 50GB; without it twice what the data takes",
        "image": "PostgreSQL image of the operator, of this major version; without it the operator's default",
        "instances": "how many servers there shall be",
    },
    auto_shortflags=False,
)
def export(c: Context, cnpg: str, source: str = "", storage: str = "", image: str = "", instances: int = 3) -> None:
    """Write the cluster as manifests for CloudNativePG."""
    from compose.operations.hosts.export import ExportOptions, export_manifests
    from compose.stack import open_stack

    options = ExportOptions(cnpg, source, storage, image, instances)
    console = Console()
    for path in export_manifests(open_stack(), options):
        console.line(f"✓ {path}")
    console.line("how to go on: docs/how-to/kubernetes.md")


@task(
    help={
        "firewall": "print rules for the chain DOCKER-USER of each host, for its administrator, instead",
        "json": "print data, not a table",
    },
    auto_shortflags=False,
)
def check(c: Context, firewall: bool = False, json: bool = False) -> None:
    """Say what keeps other Docker hosts from being used."""
    from compose.operations.hosts.host_check import check_hosts
    from compose.report.hosts.check_table import firewall_rules, host_rows, print_hosts
    from compose.report.status import print_json
    from compose.stack import open_home

    home, settings = open_home()
    if firewall:
        print(firewall_rules(settings))
        return
    report = check_hosts(home, settings)
    rows = host_rows(settings.hosts, report)
    print_json({"hosts": rows, "findings": report.findings}) if json else print_hosts(rows, report)
    report.refuse()


@task(
    help={
        "name": "of the host, as in config/hosts.toml",
        "new_key": "the host was set up anew and has another key than the one pinned",
        "take_over": "the machine that controlled it is lost for good: it is this one's from now on",
        "yes": "do not ask whether its key is the right one",
    },
    auto_shortflags=False,
)
def add(c: Context, name: str, new_key: bool = False, take_over: bool = False, yes: bool = False) -> None:
    """Make a Docker host ready for the cluster."""
    from compose.operations.hosts.added_hosts import after_adding
    from compose.operations.hosts.host_membership import HostRequest, add_host
    from compose.stack import open_stack

    console = Console()
    add_host(open_stack(), console, HostRequest(name=name, yes=yes, new_key=new_key, take_over=take_over))
    console.line(after_adding(open_stack()))


@task(
    help={
        "name": "of the host",
        "purge": "delete its data instead of keeping it aside there",
        "gone": "it is lost for good and cannot be reached: only forget it",
        "yes": "do not ask",
    },
    auto_shortflags=False,
)
def remove(c: Context, name: str, purge: bool = False, gone: bool = False, yes: bool = False) -> None:
    """Take a Docker host out of the cluster."""
    from compose.operations.hosts.host_membership import remove_host
    from compose.stack import open_stack

    remove_host(open_stack(), Console(), name, yes=yes, purge=purge, gone=gone)


@task(
    help={"name": "of the host, whose new address is in config/hosts.toml", "yes": "do not ask"},
    auto_shortflags=False,
)
def move(c: Context, name: str, yes: bool = False) -> None:
    """Give a host's part to another machine of that name."""
    from compose.operations.hosts.host_membership import move_host
    from compose.stack import open_stack

    move_host(open_stack(), Console(), name, yes=yes)


@task(
    help={
        "name": "of a host; without one all that were added",
        "json": "print data",
    },
    auto_shortflags=False,
)
def sync(c: Context, name: str | None = None, json: bool = False) -> None:
    """Send to hosts what differs there."""
    from compose.operations.hosts.host_sync import sync_hosts
    from compose.report.status import print_json
    from compose.stack import open_stack

    done = sync_hosts(open_stack(), Console(), [name] if name else [])
    if json:
        print_json(done)


@task(
    help={"yes": "do not ask before PgBouncer and who watches are made anew once, to reach the hosts"},
    auto_shortflags=False,
)
def prepare(c: Context, yes: bool = False) -> None:
    """Make a standby cluster on the hosts, which streams."""
    from compose.operations.hosts.prepare import prepare as make
    from compose.stack import open_stack

    make(open_stack(), Console(), yes=yes)


@task(help={"yes": "do not ask"}, auto_shortflags=False)
def unprepare(c: Context, yes: bool = False) -> None:
    """Take the standby cluster back; keep its data aside."""
    from compose.operations.hosts.unprepare import unprepare as take_back
    from compose.stack import open_stack

    take_back(open_stack(), Console(), yes=yes)


@task(auto_shortflags=False)
def switch(c: Context) -> None:
    """Move the cluster to the hosts while clients wait a moment."""
    from compose.operations.hosts.cutover import switch as cut_over
    from compose.stack import open_stack

    print(cut_over(open_stack(), Console()))


@task(auto_shortflags=False)
def back(c: Context) -> None:
    """Return the cluster to this machine; clients wait a moment."""
    from compose.operations.hosts.homecoming import go_back
    from compose.stack import open_stack

    print(go_back(open_stack(), Console()))
