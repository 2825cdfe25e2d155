"""Tasks about replicas."""

from invoke.context import Context
from invoke.tasks import task


@task(name="list", default=True, help={"json": "print data instead of a table"}, auto_shortflags=False)
def list_(c: Context, json: bool = False) -> None:
    """List the replicas and how far behind they are."""
    from compose.present import print_json, print_nodes, status_report
    from compose.stack import open_stack

    replicas = [node for node in status_report(open_stack())["nodes"] if node["role"] == "replica"]
    print_json(replicas) if json else print_nodes(replicas)
