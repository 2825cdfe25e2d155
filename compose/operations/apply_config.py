"""`inv config.apply`: changed parameters take effect, by no more than each needs: a reload, or some nodes' restart.

Restarts are rolling: no transaction of a pool fails. What wants other containers is left to `inv up`.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from cluster.config.databases_file import SERVICES_FILE
from cluster.errors import PodsError, RefusedError
from cluster.observed.snapshot import Snapshot
from cluster.parameter_change import ParameterChange, ServerParameter, changes
from cluster.pools import check_lengths
from cluster.postgres.connection import connect, fetch_all
from cluster.postgres.parameter_file import parameters
from cluster.sizing import derive
from compose.console import Console
from compose.engine.host import host_facts_of
from compose.home import pgpass, rendered_files, role_passwords
from compose.operations.convergence.declared import report
from compose.operations.databases.declared_extensions import make_declared, missing_extensions
from compose.operations.databases.execution import converge, planned
from compose.operations.databases.plan import ServerChange
from compose.operations.home_identity import changing
from compose.operations.hosts.absent_hosts import refuse_absent
from compose.operations.hosts.fleet_config import await_pending, hosts_behind, pending_restarts, send_files
from compose.operations.hosts.leader_change import restart_members
from compose.operations.open_transactions import refuse_long
from compose.operations.provision import pooled_defaults
from compose.operations.reload import reload_node, reload_pooler, reload_primary_port, renew_pooled
from compose.operations.replicas.remote_upkeep import bring_up
from compose.operations.rolling.rolling_restart import refuse_unhealthy, restart_rolling
from compose.operations.up import write_tried_files
from compose.render.compose_file import definitions
from compose.render.config_files import render_files
from compose.render.postgresql_conf import USER_HBA
from compose.render.server_parameters import USER_PARAMETERS
from compose.stack import Stack

_POOLER_INI = "rendered/pgbouncer/pgbouncer.ini"
_PROXY_CFG = "rendered/haproxy/haproxy.cfg"
_SERVICES_FILE = f"rendered/services/{SERVICES_FILE}"


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfigPlan:
    """What `config.apply` would do: parameters by node, nodes whose pg_hba.conf changes, whether PgBouncer reloads.

    ``waiting`` are parameters by node that a reload took up before, and that wait for a restart.
    """

    parameters: Mapping[str, tuple[ParameterChange, ...]]
    access: tuple[str, ...]
    pooler: bool
    waiting: Mapping[str, tuple[str, ...]]
    databases: tuple[ServerChange, ...] = ()
    """What is missing in the primary of what is declared."""
    services: bool = False
    """Whether services are to read other declarations."""
    primary_port: bool = False
    """Whether HAProxy reloads, which ends the sessions on PODS_PRIMARY_PORT."""

    @property
    def restarts(self) -> tuple[str, ...]:
        """Nodes that have to restart."""
        return tuple(
            node
            for node, changed in self.parameters.items()
            if self.waiting.get(node) or any(change.need == "restart" for change in changed)
        )

    @property
    def empty(self) -> bool:
        """Whether nothing is to be done."""
        return not (
            any(self.parameters.values())
            or self.access
            or self.pooler
            or self.restarts
            or self.databases
            or self.services
            or self.primary_port
        )


def plan_config(stack: Stack) -> ConfigPlan:
    """What differs between the files on disk and what the settings and the user's files ask for.

    Raises:
        RefusedError: a container would have to be replaced; a node or a host does not answer.
    """
    refuse_absent(stack)
    refuse_replacements(stack)
    check_lengths(stack.settings, stack.topology)
    home, topology = stack.home, stack.topology
    facts = host_facts_of(home, stack.settings, topology)
    wanted = render_files(stack.settings, topology, facts, rendered_files.read_user_files(home))
    changed = rendered_files.changes(home, wanted)
    snapshot = stack.snapshot()
    silent = [f"{name}: {reading.error}" for name, reading in snapshot.nodes.items() if reading.facts is None]
    if silent:
        raise RefusedError(f"not every node answers: {'; '.join(silent)}", "run inv up first")
    access = [node for node in topology.names if changed.keys() & _access_files(node)]
    return ConfigPlan(
        parameters={node: _changes_of(stack, node, wanted) for node in topology.names},
        access=tuple(access),
        pooler=_POOLER_INI in changed,
        databases=(
            *planned(stack.superuser(topology.primary), stack.settings, stack.role_passwords)[0],
            *missing_extensions(stack),
        ),
        services=_SERVICES_FILE in changed,
        primary_port=_PROXY_CFG in changed,
        waiting=_waiting(stack, snapshot),
    )


def _access_files(node: str) -> set[str]:
    return {f"rendered/nodes/{node}/{name}" for name in (USER_HBA, "pg_hba.conf")}


def refuse_replacements(stack: Stack) -> None:
    """Refuse what only `up` can do.

    Raises:
        RefusedError: a container would have to be replaced; says which.
    """
    facts = host_facts_of(stack.home, stack.settings, stack.topology)
    wanted = definitions(stack.settings, stack.topology, derive(stack.settings, stack.topology.sizing), facts)
    now = stack.containers()
    behind = [name for name in stack.services if name not in now or now[name].definition != wanted[name]]
    behind += hosts_behind(stack)
    if behind:
        raise RefusedError(f"other containers are wanted than run: {', '.join(behind)}", "run inv up, which makes them")


def _changes_of(stack: Stack, node: str, wanted: Mapping[str, str]) -> tuple[ParameterChange, ...]:
    directory = f"rendered/nodes/{node}"
    names = (f"{directory}/postgresql.conf", f"{directory}/{USER_PARAMETERS}")
    on_disk = {path: rendered_files.text_on_disk(stack.home.path / path) for path in names}
    old, new = (parameters(texts[names[0]], {USER_PARAMETERS: texts[names[1]]}) for texts in (on_disk, wanted))
    with connect(stack.monitor(node)) as connection:
        rows = fetch_all(connection, "parameters", ServerParameter, [sorted({*old, *new})])
    return changes(old, new, {row.name.lower(): row for row in rows})


def refuse_restarts(stack: Stack) -> None:
    """Refuse what could only be done with a restart that nobody asked for here.

    Raises:
        PodsError: something else changed that wants one, or the plan itself is refused.
    """
    if nodes := plan_config(stack).restarts:
        raise RefusedError(f"other changes want a restart of {', '.join(nodes)}", "run inv config.apply first")


def apply_config(stack: Stack, console: Console) -> None:
    """Write what differs, reload who has to read it, restart who needs that.

    Raises:
        PodsError: it cannot be done; where a restart would end what runs for long, nothing has changed.
    """
    with changing(stack, "config.apply") as stack:
        apply_changes(stack, console)


def apply_changes(stack: Stack, console: Console) -> None:
    """The same for who holds the cluster already.

    Raises:
        PodsError: as above.
    """
    plan = plan_config(stack)
    if plan.empty:
        console.note("nothing differs: every parameter is in force")
        return
    if plan.restarts:
        refuse_unhealthy(stack)
        refuse_long(stack, plan.restarts)
    facts = host_facts_of(stack.home, stack.settings, stack.topology)
    write_tried_files(stack.home, stack.settings, stack.topology, facts, console)
    role_passwords.ensure(stack.home, stack.settings)
    pgpass.ensure(stack.home, stack.settings, stack.topology)
    failure = _declare(stack, console, plan)
    _reload(stack, console, plan)
    _restart(stack, console, plan)
    if failure:
        raise failure


def _declare(stack: Stack, console: Console, plan: ConfigPlan) -> PodsError | None:
    """What is declared, before anybody is led to it; what one database refuses is said when all else is done."""
    if not plan.databases:
        return None
    with console.step("Making declared databases and roles"):
        superuser = stack.superuser(stack.topology.primary)
        converged = converge(superuser, stack.settings, stack.role_passwords)
        made, failed = make_declared(stack)
    report(console, [*converged.made, *made], converged.drift)
    renew_pooled(stack, pooled_defaults(superuser), same=True)
    return converged.failure or next(iter(failed), None)


def _reload(stack: Stack, console: Console, plan: ConfigPlan) -> None:
    nodes = [node for node in stack.topology.names if plan.parameters[node] or node in plan.access]
    if nodes:
        with console.step("Reloading " + ", ".join(nodes)):
            for node in nodes:
                reload_node(stack, node)
        bring_up(stack, console)
    send_files(stack, console)
    if plan.primary_port:
        with console.step("Reloading HAProxy"):
            reload_primary_port(stack)
    if plan.pooler:
        with console.step("Reloading PgBouncer"):
            reload_pooler(stack)


def _restart(stack: Stack, console: Console, plan: ConfigPlan) -> None:
    """Whoever has to, as they say themselves now that they know all files."""
    if stack.topology.engine != "local":
        if waiting := await_pending(stack, plan.restarts):
            restart_members(stack, console, waiting)
        if waiting := sorted(pending_restarts(stack)):  # a standby has no lower limits than its primary had
            restart_members(stack, console, waiting)
    elif waiting := [name for name, parameters in _waiting(stack, stack.snapshot()).items() if parameters]:
        restart_rolling(stack, console, waiting)


def _waiting(stack: Stack, snapshot: Snapshot) -> Mapping[str, tuple[str, ...]]:
    """Parameters by node that wait for a restart."""
    if stack.topology.engine != "local":
        return pending_restarts(stack)
    return {name: reading.facts.pending_restart for name, reading in snapshot.nodes.items() if reading.facts}
