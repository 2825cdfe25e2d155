"""What `inv config.apply` would do, on a terminal."""

from cluster.parameter_change import ParameterChange
from cluster.topology import Topology
from compose.operations.apply_config import ConfigPlan
from compose.report.status import table


def print_plan(plan: ConfigPlan, topology: Topology) -> None:
    """A row for each parameter and the nodes on which it changes in the same manner; then what would be done."""
    if plan.empty:
        print("nothing differs: every parameter is in force")
        return
    rows = [[c.name, nodes, c.old or "default", c.new or "default", c.need, c.why] for c, nodes in _by_change(plan)]
    if rows:
        table(["parameter", "nodes", "now", "then", "needs", ""], rows)
    for number, line in enumerate(actions(plan, topology), 1):
        print(f"{number}. {line}")


def _by_change(plan: ConfigPlan) -> list[tuple[ParameterChange, str]]:
    nodes: dict[ParameterChange, list[str]] = {}
    for node, changed in plan.parameters.items():
        for change in changed:
            nodes.setdefault(change, []).append(node)
    return [(change, "all" if len(on) == len(plan.parameters) else ", ".join(on)) for change, on in nodes.items()]


def actions(plan: ConfigPlan, topology: Topology) -> list[str]:
    """What would be done, in order, as sentences."""
    reloaded = [node for node in topology.names if plan.parameters.get(node) or node in plan.access]
    lines = [f"make in the primary: {', '.join(dict.fromkeys(change.title for change in plan.databases))}"]
    lines = lines if plan.databases else []
    lines += [f"reload {', '.join(reloaded)}: no client notices"] if reloaded else []
    lines += ["reload haproxy: sessions on PODS_PRIMARY_PORT end"] if plan.primary_port else []
    lines += ["reload pgbouncer: no client notices"] if plan.pooler else []
    return lines + _restarts(plan, topology)


def _restarts(plan: ConfigPlan, topology: Topology) -> list[str]:
    nodes = plan.restarts
    replicas = [node for node in nodes if node != topology.primary]
    lower = any("the primary first" in change.why for changed in plan.parameters.values() for change in changed)
    lines = [f"restart {name}: readers are led past it" for name in replicas]
    if topology.primary not in nodes:
        return lines
    if lower or not topology.in_state("member"):
        return [f"restart {topology.primary} where it is: its clients wait at PgBouncer", *lines]
    return [*lines, f"another node becomes the primary, its clients wait at PgBouncer; {topology.primary} restarts"]
