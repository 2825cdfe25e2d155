"""Tasks about replicas."""

from invoke.context import Context
from invoke.tasks import task

from compose.console import Console


@task(name="list", default=True, help={"json": "print data instead of a table"}, auto_shortflags=False)
def list_(c: Context, json: bool = False) -> None:
    """List the replicas and how far behind they are."""
    from compose.report.status import print_json, print_nodes, status_report
    from compose.stack import open_stack

    replicas = [node for node in status_report(open_stack()).nodes if node.role == "replica"]
    print_json(replicas) if json else print_nodes(replicas)


@task(
    help={
        "name": "its name; without one the lowest free replicaN",
        "source": "clone from primary or from this replica; without one the healthiest",
        "max_rate": "clone no faster than this per second, such as 100M",
        "pool": "shared: it joins the pool of all readers; own: only a pool of its own leads to it, say for reports",
        "host": "on this Docker host of config/hosts.toml, as which it is called; without one here",
    },
    auto_shortflags=False,
)
def add(
    c: Context,
    name: str | None = None,
    source: str | None = None,
    max_rate: str | None = None,
    pool: str = "shared",
    host: str = "",
) -> None:
    """Add a replica; nothing else restarts."""
    from compose.operations.replicas.scaling import ReplicaRequest, describe
    from compose.operations.replicas.scaling import add as add_replica
    from compose.stack import open_stack, reopened

    stack = open_stack()
    added = add_replica(stack, Console(), ReplicaRequest(name, source, max_rate, pool, host))
    print(describe(reopened(stack), added))


@task(
    help={
        "name": "the replica",
        "purge": "delete its data instead of keeping it in data/.aside",
        "yes": "do not ask",
        "timeout": "seconds that clients of its pool are given to leave",
    },
    auto_shortflags=False,
)
def remove(c: Context, name: str, purge: bool = False, yes: bool = False, timeout: float = 30.0) -> None:
    """Remove a replica; its data is kept aside."""
    from compose.operations.replicas.scaling import remove as remove_replica
    from compose.stack import open_stack

    remove_replica(open_stack(), Console(), name, purge=purge, yes=yes, patience=timeout)


@task(
    help={
        "name": "the replica",
        "source": "clone from primary or from this replica; without one the healthiest",
        "max_rate": "clone no faster than this per second, such as 100M",
    },
    auto_shortflags=False,
)
def reclone(c: Context, name: str, source: str | None = None, max_rate: str | None = None) -> None:
    """Rebuild a replica; its old data is kept aside."""
    from compose.operations.replicas.scaling import ReplicaRequest
    from compose.operations.replicas.scaling import reclone as rebuild
    from compose.stack import open_stack

    rebuild(open_stack(), Console(), ReplicaRequest(name, source, max_rate))


@task(help={"mode": "off, any:N or first:N"}, auto_shortflags=False)
def sync(c: Context, mode: str) -> None:
    """Let commits wait for replicas, or not; at once."""
    from compose.operations.sync_replication import set_sync
    from compose.stack import open_stack

    set_sync(open_stack(), Console(), mode)


@task(
    help={"name": "the replica", "mode": "shared: it joins the pool of all readers; own: only its own leads to it"},
    auto_shortflags=False,
)
def pool(c: Context, name: str, mode: str) -> None:
    """Let a replica join the pool of all readers, or leave it."""
    from compose.operations.replicas.scaling import set_pool
    from compose.stack import open_stack

    print(set_pool(open_stack(), name, mode))
