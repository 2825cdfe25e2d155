"""Tasks about the databases of the cluster."""

from invoke.context import Context
from invoke.tasks import task

from compose.console import Console


@task(
    help={
        "name": "the new database",
        "owner": "the role that makes its tables (default: one of the database's name, made with it)",
        "extensions": "names, separated by commas",
        "pool_size": "server connections of each of its pools (default: its share)",
    },
    auto_shortflags=False,
)
def add(
    c: Context, name: str, owner: str | None = None, extensions: str | None = None, pool_size: str | None = None
) -> None:
    """Declare a database, make it, and say how to connect."""
    from compose.console import whole_number
    from compose.operations.databases.additions import declare, listed
    from compose.report.databases import print_database_made
    from compose.stack import open_stack

    given = {"owner": owner, "extensions": listed(extensions), "pool_size": whole_number("--pool-size", pool_size)}
    values = {key: value for key, value in given.items() if value is not None}
    print_database_made(declare(open_stack(), Console(), "databases", name, values), name)


@task(name="list", default=True, help={"json": "print data instead of a table"}, auto_shortflags=False)
def list_(c: Context, json: bool = False) -> None:
    """List the databases: owner, size, pools, who may enter."""
    from compose.operations.databases.inventory import databases
    from compose.report.databases import print_databases
    from compose.report.status import print_json
    from compose.stack import open_stack

    found = databases(open_stack())
    print_json(found) if json else print_databases(found)


@task(help={"name": "the database", "yes": "do not ask"}, auto_shortflags=False)
def drop(c: Context, name: str, yes: bool = False) -> None:
    """Take away a database; its last state is kept."""
    from compose.operations.databases.drop_database import drop_database
    from compose.report.databases import print_database_dropped
    from compose.stack import open_stack

    print_database_dropped(name, drop_database(open_stack(), Console(), name, yes=yes))
