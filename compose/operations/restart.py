"""Restarts and reloads of a running cluster."""

from cluster.endpoints import POOLER
from cluster.errors import TimedOutError
from compose.console import Console
from compose.home import certificates
from compose.operations.copies import lifecycle
from compose.operations.home_identity import changing
from compose.operations.reload import reload_node, reload_pooler, show_new
from compose.operations.start import lowers_limits, start_and_wait, why_not
from compose.stack import Stack


def restart(stack: Stack, console: Console, only: str | None) -> None:
    """Restart ``only``, or every service: replicas first, then the primary, then PgBouncer.

    A primary whose limits get lower goes first: a replica does not start with less than its primary has.
    """
    with changing(stack, "restart") as stack:
        services = [stack.check_service(only)] if only else [*stack.services, *_copies(stack)]
        if not only and lowers_limits(stack):
            services.insert(0, services.pop(services.index(stack.topology.primary)))
        for service in services:
            with console.step(f"Restarting {service}") as step:
                stack.compose.follow(step, "restart", service)
                if start_and_wait(stack, step, [service]):
                    raise TimedOutError(
                        f"{service} is not well after its restart: {why_not(stack, service)}",
                        "mend that, then run inv up",
                    )


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
            step.result = ", ".join(made)
        for node in stack.topology.names:
            if node in running and running[node].status == "running":
                with console.step(f"Reloading {node}"):
                    reload_node(stack, node, force=True)
        if POOLER in running and running[POOLER].status == "running":
            with console.step(f"Reloading {POOLER}"):
                reload_pooler(stack)
        lifecycle.reload_all(stack, running)
