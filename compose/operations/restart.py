"""Restarts and reloads of a running cluster."""

from cluster.endpoints import POOLER, PROXY
from compose.console import Console
from compose.home import certificates
from compose.operations.copies import lifecycle
from compose.operations.home_identity import changing
from compose.operations.hosts.fleet_config import renew_keys, send_files
from compose.operations.hosts.leader_change import restart_members
from compose.operations.pooler_pause import paused
from compose.operations.reload import has_new_secrets, reload_node, reload_pooler, show_new
from compose.operations.replicas.remote_upkeep import bring_up
from compose.operations.rolling.lowered_limits import await_known
from compose.operations.rolling.remote_restart import restart_there
from compose.operations.rolling.rolling_restart import await_writes, require_well, restart_container, restart_rolling
from compose.operations.start import lowers_limits
from compose.stack import Stack


def restart(stack: Stack, console: Console, only: str | None, *, rolling: bool = False) -> None:
    """Restart ``only``, or every service: replicas first, then the primary, then PgBouncer and what needs it.

    A primary whose limits get lower goes first: a replica does not start with less than its primary has.
    ``rolling``: no transaction of a pool fails of it, and the primary is another one afterwards, where one can be.
    """
    with changing(stack, "restart") as stack:
        if stack.topology.engine == "patroni":
            restart_members(stack, console, [only] if only else [])
            return
        services = [stack.check_service(only)] if only else [*stack.services, *_copies(stack)]
        if rolling:
            nodes = [name for name in services if name in stack.topology.names]
            stack = restart_rolling(stack, console, nodes)
            services = [name for name in services if name not in (*nodes, *(() if only else (PROXY,)))]
            if not only and not has_new_secrets(stack, POOLER, stack.containers()[POOLER]):
                services.remove(POOLER)
                console.note("PgBouncer goes on as it is, for it has nothing new to read; inv restart --node pgbouncer")
        elif not only and lowers_limits(stack):
            services.remove(stack.topology.primary)
            _restart_one(stack, console, stack.topology.primary)
            with console.step("Waiting until replicas know of lower limits", quiet=True) as step:
                await_known(stack, step)
        for service in services:
            _restart_one(stack, console, service)


def _restart_one(stack: Stack, console: Console, service: str) -> None:
    """Clients of the primary wait at PgBouncer, if that can be had."""
    with console.step(f"Restarting {service}") as step:
        if service == stack.topology.primary:
            with paused(stack, console):
                restart_container(stack, service)
                await_writes(stack, step, service)
        elif host := next((node.host for node in stack.topology.remote_nodes if node.name == service), ""):
            restart_there(stack, step, service, host)
        else:
            stack.compose.follow(step, "restart", service)
        require_well(stack, step, service)


def _copies(stack: Stack) -> list[str]:
    """Those that run beside the cluster; after all that matters more."""
    running = stack.containers() if stack.topology.copies else {}
    return [copy.name for copy in stack.topology.copies if copy.name in running]


def renew_certificates(stack: Stack, console: Console) -> None:
    """Make every certificate anew and let the servers take them up without a restart."""
    with changing(stack, "certs.renew") as stack:
        running = stack.containers()
        with console.step("Making certificates") as step:
            made = certificates.ensure_all(stack.home, stack.settings, stack.topology, renew=True)
            show_new(stack.client, stack.settings, stack.topology, made)
            made += renew_keys(stack)
            step.result = ", ".join(made)
        for node in stack.topology.names:
            if node in running and running[node].status == "running":
                with console.step(f"Reloading {node}"):
                    reload_node(stack, node, force=True)
        bring_up(stack, console)
        send_files(stack, console)
        if POOLER in running and running[POOLER].status == "running":
            with console.step(f"Reloading {POOLER}"):
                reload_pooler(stack)
        lifecycle.reload_all(stack, running)
