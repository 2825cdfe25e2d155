"""Tasks about extensions."""

from invoke.context import Context
from invoke.tasks import task

from compose.console import Console


@task(
    name="list",
    default=True,
    help={"archive": "ask the package archive too: what it has, and for the next major version", "json": "print data"},
    auto_shortflags=False,
)
def list_(c: Context, archive: bool = False, json: bool = False) -> None:
    """List extensions, where they are used, and what is newer."""
    from compose.operations.databases.extension_inventory import inventory
    from compose.report.extension_table import print_extensions
    from compose.report.status import print_json
    from compose.stack import open_stack

    rows = inventory(open_stack(), Console(), archive=archive)
    print_json(rows) if json else print_extensions(rows)


@task(
    positional=["database", "name"],
    help={"database": "the database", "name": "the extension", "to": "the version; without it the newest there is"},
    auto_shortflags=False,
)
def update(c: Context, database: str, name: str, to: str = "") -> None:
    """Bring an extension of a database to another version."""
    from compose.operations.databases.update_extension import update_extension
    from compose.stack import open_stack

    update_extension(open_stack(), Console(), database, name, to)
