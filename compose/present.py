"""How the cluster looks on a terminal and as JSON: renderings of one report."""

import json
import sys
import time
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from cluster.desired import web_address
from cluster.naming import slot_of
from cluster.postgres import host_endpoint
from cluster.units import human_seconds, human_size
from compose.containers import Container
from compose.secrets import APP, GRAFANA, password_file
from compose.stack import Stack
from exporters.snapshot import Snapshot

if TYPE_CHECKING:
    from compose.console import Console
    from compose.doctor import Finding


def status_report(stack: Stack) -> dict[str, Any]:
    """Everything `inv status` says, as data. Sizes in bytes, durations in seconds."""
    running = stack.containers()
    snapshot = stack.snapshot()
    verdict = stack.judge(snapshot)
    return {
        "project": stack.topology.project,
        "home": str(stack.home.path),
        "healthy": verdict.healthy,
        "reasons": list(verdict.reasons),
        "notes": list(verdict.notes),
        "primary": stack.topology.primary,
        "nodes": [_node(stack, snapshot, running.get(name), name) for name in stack.topology.names],
        "pools": [_pool(snapshot, name, hosts) for name, hosts in stack.pools.items()],
        "backup": backup_report(stack),
    }


def backup_report(stack: Stack) -> dict[str, Any] | None:
    """What the backup service last said: last_success (Unix seconds), last_backup, archive_lag_seconds; or None."""
    try:
        told: dict[str, Any] = json.loads((stack.home.data / "backup" / "state" / "state.json").read_text())
    except (OSError, ValueError):
        return None
    return told if "backup" in stack.watchers else None


def _node(stack: Stack, snapshot: Snapshot, container: Container | None, name: str) -> dict[str, Any]:
    facts, slot, standby = snapshot.nodes[name].facts, snapshot.slot(slot_of(name)), snapshot.standby(name)
    replica = stack.topology.role(name) == "replica"
    return {
        "name": name,
        "role": _role(facts.in_recovery) if facts else stack.topology.role(name),
        "wanted_role": stack.topology.role(name),
        "state": _state(snapshot, container, name),
        "port": host_endpoint(stack.settings, stack.topology, name)[1],
        "timeline": facts.timeline if facts else None,
        "lsn": str(facts.lsn) if facts else None,
        "lag_bytes": snapshot.lag_bytes(name) if replica else None,
        "lag_seconds": snapshot.lag_seconds(name) if replica else None,
        "sync": standby.sync_state if standby else None,
        "slot": slot.name if slot else None,
        "wal_status": slot.wal_status if slot else None,
        "retained_bytes": slot.retained_bytes if slot else None,
        "io_method": facts.io_method if facts else None,
        "uptime": facts.uptime if facts else None,
        "connections": facts.connections if facts else None,
        "pending_restart": list(facts.pending_restart) if facts else [],
        "error": snapshot.nodes[name].error,
    }


def _role(in_recovery: bool) -> str:
    return "replica" if in_recovery else "primary"


def _state(snapshot: Snapshot, container: Container | None, name: str) -> str:
    facts = snapshot.nodes[name].facts
    if facts is not None:
        return "running" if not facts.in_recovery else facts.receiver_status or "not streaming"
    if container is None:
        return "no container"
    return "not answering" if container.status == "running" else container.status


def _pool(snapshot: Snapshot, name: str, hosts: tuple[str, ...]) -> dict[str, Any]:
    pool = next((p for p in snapshot.pooler.pools if p.name == name), None)
    return {
        "name": name,
        "target": list(pool.hosts if pool else hosts),
        "clients": pool.clients_active if pool else None,
        "waiting": pool.clients_waiting if pool else None,
        "max_wait": pool.max_wait if pool else None,
        "servers_active": pool.servers_active if pool else None,
        "servers_idle": pool.servers_idle if pool else None,
        "size": pool.size if pool else None,
    }


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
    print(f"✓ {report['project']} is healthy" if report["healthy"] else f"✗ {report['project']} is degraded")
    for reason in report["reasons"]:
        print(f"  - {reason}")
    for note in report["notes"]:
        print(f"  note: {note}")


def _print_backup(told: dict[str, Any] | None) -> None:
    if told is None:
        return
    age = human_seconds(time.time() - told["last_success"]) if told["last_success"] else None
    last = f"last backup {told['last_backup']}, {age} ago" if age else "no backup yet"
    lag = told["archive_lag_seconds"]
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
        f"any libpq client takes it from there with PGPASSFILE={stack.home.secrets / 'pgpass'}.",
        "Or simply: inv psql",
        *_pages(stack),
    ]
    return "\n".join(lines)


def _pages(stack: Stack) -> list[str]:
    """Where to look at the cluster in a browser."""
    settings, secure = stack.settings, "s" if stack.settings.health_tls == "on" else ""
    address = web_address(settings)
    pages = {
        "health": f"http{secure}://{address}:{settings.health_port}/",
        "grafana": f"http://{address}:{settings.grafana_port}/ (admin; {password_file(stack.home, GRAFANA)})",
        "prometheus": f"http://{address}:{settings.prometheus_port}/",
        "alertmanager": f"http://{address}:{settings.alertmanager_port}/",
    }
    shown = [f"  {name:<14} {url}" for name, url in pages.items() if name in stack.watchers]
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
