"""Tasks about PgBouncer's pools."""

from invoke.context import Context
from invoke.tasks import task

from compose.console import Console


@task(help={"pool": "only this pool (default: all of them)"}, positional=[], auto_shortflags=False)
def reconnect(c: Context, pool: str | None = None) -> None:
    """Let PgBouncer replace its server connections."""
    from compose.operations.reload import reconnect_pools
    from compose.stack import open_stack

    stack = open_stack()
    console = Console()
    for name, reason in reconnect_pools(stack, stack.check_pool(pool) if pool else "").items():
        console.warn(f"the PgBouncer of {name} keeps its server connections: {reason}")
    console.line("✓ PgBouncer replaces its server connections as transactions end; no client is disconnected")
