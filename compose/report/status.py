"""How the cluster looks on a terminal and as JSON: renderings of one report."""

import json
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from cluster.backup_status import STATUS_FILE, BackupStatus, BackupSummary, parse_status
from cluster.certificate_report import NAME, ending, read_ends
from cluster.documents import OMIT_NONE, to_json
from cluster.errors import PodsError, RefusedError
from cluster.history import PrimaryChange, since
from cluster.hosts.hosts_status import HostsStatus, hosts_status
from cluster.observed.primary_port import PortStatus, port_status
from cluster.pool_status import PoolStatus, pool_statuses
from cluster.remedies import split_remedy, with_remedy
from cluster.service_verdict import ServicesReading
from cluster.status import NodeStatus, node_status
from cluster.units import human_seconds, human_size
from cluster.view import View
from compose.console import COMMAND
from compose.engine.containers import Container
from compose.engine.published_ports import moving_notes, present_endpoints
from compose.home.paths import read_backup_state, read_supervisor
from compose.report.copies import CopyStatus, copy_lines, copy_statuses
from compose.report.hosts.host_table import HEAD, host_rows, summary
from compose.report.hosts.silent_members import with_host_faults
from compose.report.pools import Cell, pool_tables
from compose.report.seen_containers import down_services, explained, read_containers
from compose.stack import Stack

if TYPE_CHECKING:
    from compose.console import Console
    from compose.operations.doctor import Finding


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusReport:
    """Everything `inv status` says: the fields are the keys of its JSON. Sizes in bytes, durations in seconds."""

    project: str
    home: str
    healthy: bool
    reasons: tuple[str, ...]
    notes: tuple[str, ...]
    primary: str
    primary_change: PrimaryChange | None
    primary_port: PortStatus
    nodes: tuple[NodeStatus, ...]
    pools: tuple[PoolStatus, ...]
    backup: BackupSummary | None
    hosts: HostsStatus | None = field(default=None, metadata=OMIT_NONE)
    copies: tuple[CopyStatus, ...]


def status_report(stack: Stack) -> StatusReport:
    """Observe and judge the cluster."""
    snapshot, hosts = stack.observe()
    seen = read_containers(stack, snapshot)
    running = seen.found
    elsewhere = present_endpoints(stack.settings, stack.topology, running.values())
    if elsewhere:  # .env was changed, and `up` has not come yet
        snapshot = replace(stack, elsewhere=elsewhere).snapshot()
    view = stack.view(
        with_host_faults(stack, explained(stack, snapshot, seen), hosts),
        ServicesReading(
            backup=read_backups(stack), down=down_services(stack, seen), supervisor=read_supervisor(stack.home)
        ),
        hosts,
    )
    notes = (*seen.notes, *_certificate_notes(stack), *moving_notes(elsewhere))
    verdict = view.verdict.with_more((), notes)
    reasons = (*_foreign_settings(stack), *verdict.reasons)
    return StatusReport(
        project=stack.topology.project,
        home=str(stack.home.path),
        healthy=not reasons,
        reasons=reasons,
        notes=verdict.notes,
        primary=view.topology.primary,
        primary_change=view.primary_change or _failed_over(stack, view),
        primary_port=port_status(view.settings.primary_port, view.snapshot.port),
        nodes=tuple(_node(stack, view, running.get(name), name) for name in stack.topology.names),
        pools=pool_statuses(view),
        backup=view.backup,
        hosts=hosts_status(stack.settings.hosts, hosts) if hosts else None,
        copies=copy_statuses(stack, running),
    )


def _failed_over(stack: Stack, view: View) -> PrimaryChange | None:
    """How the primary became that where Patroni did it and nobody noted it yet; None where that is not known."""
    if stack.topology.engine == "local" or view.snapshot.primary is None:
        return None
    from compose.operations.hosts.failover_journal import unnoted_failovers
    from compose.operations.hosts.fleet import Fleet

    try:
        found = unnoted_failovers(Fleet(stack, {}))
    except (OSError, PodsError):
        return None
    return found[-1] if found and found[-1].primary == view.topology.primary else None


def _foreign_settings(stack: Stack) -> list[str]:
    """A line where `.env` is of another cluster, or empty: ports and limits then are not this one's."""
    ours, given = stack.topology.project, stack.settings.project
    if ours == given:
        return []
    problem = (
        f"the cluster in {stack.home.path} is called {ours!r}, and PODS_PROJECT is {given!r}: its ports are unknown"
    )
    return [with_remedy(problem, "put .env back; rendered/services/.env has what it said")]


def _certificate_notes(stack: Stack) -> list[str]:
    """A line where certificates end soon: nobody renews them but `up`, and nobody may have run it for long."""
    line = ending(read_ends(stack.home.rendered / "services" / NAME), time.time())
    return [line] if line else []


def read_backups(stack: Stack) -> BackupStatus | None:
    """What the backup service said last, or None."""
    if "backup" not in stack.optional_services:
        return None
    try:
        return parse_status(read_backup_state(stack.home, STATUS_FILE))
    except (OSError, ValueError, RefusedError):
        return None


def _node(stack: Stack, view: View, container: Container | None, name: str) -> NodeStatus:
    """As the health service has it; of a node here that does not answer, the state of its container."""
    status = node_status(view, name)
    silent = view.snapshot.nodes[name].facts is None and name in stack.services
    if silent and (container is None or container.status != "running"):
        return replace(status, state=container.status if container else "no container")
    return status


def print_json(data: object) -> None:
    """Data for programs; dataclasses too."""
    print(json.dumps(to_json(data), indent=2))


def print_status(report: StatusReport) -> None:
    """Data for people."""
    print_nodes(report.nodes)
    if report.hosts is not None:
        table(HEAD, host_rows(report.hosts), summary(report.hosts))
    for pools in pool_tables(report.pools):
        table(pools.head, pools.rows, pools.below)
    if report.primary_change is not None:
        print(f"primary: {since(report.primary_change)}")
    print(f"port {report.primary_port.port} leads to {report.primary_port.node or 'nobody'}")
    if report.backup is not None:
        print(_backup_line(report.backup))
    for line in copy_lines(report.copies):
        print(line)
    print(f"✓ {report.project} is healthy" if report.healthy else f"✗ {report.project} is degraded")
    print_reasons(report.reasons, report.notes)


def print_reasons(reasons: Sequence[str], notes: Sequence[str]) -> None:
    """What is wrong, then what is worth knowing."""
    for reason in reasons:
        _print_reason("-", reason)
    for note in notes:
        _print_reason("note:", note)


def _print_reason(mark: str, text: str) -> None:
    """What is wrong, and on a line of its own what to do."""
    problem, remedy = split_remedy(text)
    print(COMMAND.in_words(f"  {mark} {problem}"))
    if remedy:
        print(COMMAND.in_words(f"    → {remedy}"))


def _backup_line(backup: BackupSummary) -> str:
    age = human_seconds(time.time() - backup.last_success) if backup.last_success else None
    last = f"last backup {backup.last_backup}, {age} ago" if age else "no backup yet"
    lag = backup.archive_lag_seconds
    return f"{last}; archive " + ("not begun" if lag is None else f"{lag} s behind")


def print_nodes(nodes: Sequence[NodeStatus]) -> None:
    """One line per node; its host where some are here and some are not."""
    head = ["node", "role", "state", "sync", "port", "TL", "LSN", "lag", "behind", "slot", "WAL kept", "io", "up"]
    rows = [_node_cells(node) for node in nodes]
    if any(node.host for node in nodes) and not all(node.host for node in nodes):
        head.insert(1, "host")
        rows = [[row[0], node.host or "here", *row[1:]] for node, row in zip(nodes, rows, strict=True)]
    table(head, rows)


def _node_cells(node: NodeStatus) -> list[Cell]:
    return [
        node.name,
        _role_cell(node),
        node.state,
        node.sync,
        node.port,
        node.timeline,
        node.lsn,
        human_size(node.lag_bytes),
        human_seconds(node.lag_seconds),
        _slot_cell(node),
        human_size(node.retained_bytes),
        node.io_method,
        human_seconds(node.uptime),
    ]


def _role_cell(node: NodeStatus) -> str:
    apart = ", own pool" if node.pool == "own" else ""
    return node.role + apart + ("" if node.role == node.wanted_role else " (!)")


def _slot_cell(node: NodeStatus) -> str | None:
    lasting = node.wal_status in ("reserved", "extended", None)
    return node.slot if node.slot is None or lasting else f"{node.slot} ({node.wal_status})"


def table(head: Sequence[str], rows: Sequence[Sequence[Cell]], below: str = "") -> None:
    """Columns as wide as their widest cell; plain text, so that it can be copied and searched; a line ``below``."""
    cells = [[("–" if cell is None else str(cell)) for cell in row] for row in rows]
    widths = [max(len(row[i]) for row in [list(head), *cells]) for i in range(len(head))]
    bold, plain = ("\033[1m", "\033[0m") if sys.stdout.isatty() else ("", "")
    print(bold + "  ".join(cell.ljust(width) for cell, width in zip(head, widths, strict=True)).rstrip() + plain)
    for row in cells:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
    print(f"{below}\n" if below else "")


def print_findings(findings: "list[Finding]", console: "Console") -> None:
    """One line per finding, and what to do."""
    for finding in findings:
        console.line(
            f"{'!' if finding.hurts else '✓'} {finding.text}"
            + (f"\n  → {finding.hint}" if finding.hint and finding.hurts else "")
        )
