"""Tasks that start and stop the cluster."""

from invoke.context import Context
from invoke.tasks import task

from compose.console import Console, whole_number


@task(
    help={
        "install_engine": "install and start a Docker engine where there is none (Debian, Ubuntu; root)",
        "replicas": "add or remove replicas until there are so many",
        "yes": "do not ask before removing replicas",
    },
    auto_shortflags=False,
)
def up(c: Context, install_engine: bool = False, replicas: str | None = None, yes: bool = False) -> None:
    """Bring the cluster up, or back to what it should be."""
    from compose.operations.up import DesiredCluster
    from compose.operations.up import up as converge
    from compose.report.connection_help import connection_help
    from compose.stack import open_home

    home, settings = open_home()
    wanted = DesiredCluster(install_engine, whole_number("--replicas", replicas), yes)
    stack = converge(home, settings, Console(), wanted)
    print(connection_help(stack))


@task(
    help={"purge": "delete the cluster's data and secrets too", "yes": "do not ask"},
    auto_shortflags=False,
)
def down(c: Context, purge: bool = False, yes: bool = False) -> None:
    """Stop the cluster; its data stays."""
    from compose.operations.down import down as take_down
    from compose.stack import open_home

    home, settings = open_home()
    take_down(home, settings, Console(), purge=purge, yes=yes)


@task(
    help={
        "node": "restart only this node, or pgbouncer",
        "rolling": "no transaction fails of it: readers go elsewhere, and another node becomes the primary",
    },
    auto_shortflags=False,
)
def restart(c: Context, node: str | None = None, rolling: bool = False) -> None:
    """Restart nodes one after the other, the primary last."""
    from compose.operations.restart import restart as roll
    from compose.stack import open_stack

    roll(open_stack(), Console(), node, rolling=rolling)


@task(
    help={
        "to": "the replica that becomes the primary; without one the one that lacks least",
        "dry_run": "say what would be done and how long clients would wait, and change nothing",
    },
    auto_shortflags=False,
)
def switchover(c: Context, to: str | None = None, dry_run: bool = False) -> None:
    """Make another node the primary while clients wait a moment."""
    from compose.operations.promotion import switchover as operation
    from compose.stack import open_stack

    stack = open_stack()
    print("\n".join(operation.plan(stack, to)) if dry_run else operation.switchover(stack, Console(), to))


@task(
    help={
        "to": "the replica that becomes the primary; the one that lacks least, unless given",
        "accept_data_loss": "go on though commits of the old primary may be lost",
    },
    auto_shortflags=False,
)
def failover(c: Context, to: str | None = None, accept_data_loss: bool = False) -> None:
    """Make a replica the primary where the primary is gone."""
    from compose.operations.promotion.failover import failover as replace_primary
    from compose.operations.promotion.outlook import FailoverOrder
    from compose.stack import open_stack

    replace_primary(open_stack(), Console(), FailoverOrder(to=to, allowed=None if accept_data_loss else 0))
