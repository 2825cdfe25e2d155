"""How the cluster looks on a terminal and as JSON: renderings of one report."""

import json
import sys
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from cluster.certificate_report import NAME, ending, read_ends
from cluster.documents import parse_json
from cluster.endpoints import host_endpoint
from cluster.errors import RefusedError
from cluster.http.pages import USER, pages
from cluster.status import View, node, pool
from cluster.units import human_seconds, human_size
from compose.engine.containers import Container
from compose.home.passwords import ALERTMANAGER, APP, GRAFANA, HEALTH, PROMETHEUS, password_file
from compose.home.paths import read_backup_state
from compose.report.copies import copy_lines
from compose.report.copies import report as copies_report
from compose.stack import Stack

if TYPE_CHECKING:
    from compose.console import Console
    from compose.operations.doctor import Finding


def status_report(stack: Stack) -> dict[str, Any]:
    """Everything `inv status` says, as data. Sizes in bytes, durations in seconds."""
    view = stack.view(stack.snapshot())
    running = _containers(stack, view)
    verdict = view.verdict
    return {
        "project": stack.topology.project,
        "home": str(stack.home.path),
        "healthy": verdict.healthy,
        "reasons": list(verdict.reasons),
        "notes": [*verdict.notes, *certificate_notes(stack)],
        "primary": stack.topology.primary,
        "nodes": [_node(view, running.get(name), name) for name in stack.topology.names],
        "pools": [pool(view, name) for name in view.pools],
        "backup": backup_report(stack),
        "copies": copies_report(stack, running),
    }


def _containers(stack: Stack, view: View) -> Mapping[str, Container]:
    """The engine is asked where PostgreSQL does not answer for itself: its SDK takes long to load."""
    silent = any(reading.facts is None for reading in view.snapshot.nodes.values())
    return stack.containers() if silent or stack.topology.copies else {}


def certificate_notes(stack: Stack) -> list[str]:
    """A line where certificates end soon: nobody renews them but `up`, and nobody may have run it for long."""
    line = ending(read_ends(stack.home.rendered / "services" / NAME), time.time())
    return [line] if line else []


def backup_report(stack: Stack) -> dict[str, Any] | None:
    """The backup service's status: last_success (Unix seconds), last_backup, archive_lag_seconds; or None."""
    try:
        state = parse_json(read_backup_state(stack.home, "state.json"))
    except (OSError, ValueError, RefusedError):
        return None
    return state if isinstance(state, dict) and "backup" in stack.optional_services else None


def _node(view: View, container: Container | None, name: str) -> dict[str, Any]:
    """The health service's words; of a node that gives no answer, what Docker says of its container."""
    state = node(view, name)
    if view.snapshot.nodes[name].facts is None and (container is None or container.status != "running"):
        state["state"] = container.status if container else "no container"
    return state


def print_json(data: Any) -> None:
    """Data for programs."""
    print(json.dumps(data, indent=2))


def print_status(report: dict[str, Any]) -> None:
    """Data for people."""
    print_nodes(report["nodes"])
    table(
        ["pool", "leads to", "clients", "waiting", "servers", "of"],
        [
            [
                p["name"],
                ", ".join(p["target"]),
                p["clients"],
                p["waiting"],
                _sum(p["servers_active"], p["servers_idle"]),
                p["size"],
            ]
            for p in report["pools"]
        ],
    )
    _print_backup(report["backup"])
    for line in copy_lines(report["copies"]):
        print(line)
    print(f"✓ {report['project']} is healthy" if report["healthy"] else f"✗ {report['project']} is degraded")
    for reason in report["reasons"]:
        print(f"  - {reason}")
    for note in report["notes"]:
        print(f"  note: {note}")


def _print_backup(state: dict[str, Any] | None) -> None:
    if state is None:
        return
    age = human_seconds(time.time() - state["last_success"]) if state["last_success"] else None
    last = f"last backup {state['last_backup']}, {age} ago" if age else "no backup yet"
    lag = state["archive_lag_seconds"]
    print(f"{last}; archive " + ("not begun" if lag is None else f"{lag} s behind"))


def print_nodes(nodes: list[dict[str, Any]]) -> None:
    """One line per node."""
    table(
        ["node", "role", "state", "sync", "port", "TL", "LSN", "lag", "behind", "slot", "WAL kept", "io", "up"],
        [
            [
                n["name"],
                n["role"] + ("" if n["role"] == n["wanted_role"] else " (!)"),
                n["state"],
                n["sync"],
                n["port"],
                n["timeline"],
                n["lsn"],
                human_size(n["lag_bytes"]),
                human_seconds(n["lag_seconds"]),
                n["slot"]
                and n["slot"] + ("" if n["wal_status"] in ("reserved", "extended", None) else f" ({n['wal_status']})"),
                human_size(n["retained_bytes"]),
                n["io_method"],
                human_seconds(n["uptime"]),
            ]
            for n in nodes
        ],
    )


def _sum(*parts: int | None) -> int | None:
    return None if None in parts else sum(part or 0 for part in parts)


def table(head: list[str], rows: list[list[Any]]) -> None:
    """Columns as wide as their widest cell; plain text, so that it can be copied and searched."""
    cells = [[("–" if cell is None else str(cell)) for cell in row] for row in rows]
    widths = [max(len(row[i]) for row in [head, *cells]) for i in range(len(head))]
    bold, plain = ("\033[1m", "\033[0m") if sys.stdout.isatty() else ("", "")
    print(bold + "  ".join(cell.ljust(width) for cell, width in zip(head, widths, strict=True)).rstrip() + plain)
    for row in cells:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
    print()


def connection_help(stack: Stack) -> str:
    """How to connect, without the password."""
    settings, topology = stack.settings, stack.topology
    lines = [f"{topology.project} is up. Connect as {settings.user}:"]
    targets = [
        ("writes", "pgbouncer", f"{settings.database}_write"),
        ("reads", "pgbouncer", f"{settings.database}_read"),
    ]
    targets += [(name, name, settings.database) for name in topology.names]
    for label, service, database in targets:
        host, port = host_endpoint(settings, topology, service)
        uri = f"postgresql://{settings.user}@{host}:{port}/{database}?sslmode=verify-full&sslrootcert={quote(str(stack.home.ca))}"
        lines.append(f"  {label:<10} {uri}")
    lines += [
        f"The password is in {password_file(stack.home, APP)};",
        f"any libpq client takes it with PGREQUIREAUTH=scram-sha-256 PGPASSFILE={stack.home.app_pgpass}.",
        "Or simply: inv psql",
        *_pages(stack),
    ]
    return "\n".join(lines)


_LOGINS = {"grafana": ("admin", GRAFANA), "prometheus": (USER, PROMETHEUS), "alertmanager": (USER, ALERTMANAGER)}
"""Who logs in to a page, and the secret with the password."""


def _pages(stack: Stack) -> list[str]:
    """Addresses of the web pages, and who logs in to each."""
    logins = dict(_LOGINS)
    if stack.settings.health_auth == "on":
        logins["health"] = ("health", HEALTH)
    shown = []
    for name, page in pages(stack.settings).items():
        if name in stack.optional_services and name != "exporter":
            user, secret = logins.get(name, ("", ""))
            login = f" ({user}; {password_file(stack.home, secret)})" if secret else ""
            shown.append(f"  {name:<14} {page.url}{login}")
    return ["Look at it:", *shown] if shown else []


def log_lines_json(stack: Stack, services: list[str], lines: int) -> None:
    """The last ``lines`` of each service, an object per line."""
    for service, container in sorted(stack.containers().items()):
        if services and service not in services:
            continue
        text = stack.client.api.logs(container.id, tail=lines, timestamps=True).decode(errors="replace")
        for line in text.splitlines():
            moment, _, message = line.partition(" ")
            print(json.dumps({"service": service, "time": moment, "message": message}))


def print_findings(findings: "list[Finding]", console: "Console") -> None:
    """One line per finding, and what to do."""
    for finding in findings:
        console.line(
            f"{'!' if finding.hurts else '✓'} {finding.text}"
            + (f"\n  → {finding.hint}" if finding.hint and finding.hurts else "")
        )
