"""Tasks about the images that the cluster runs."""

from invoke.context import Context
from invoke.exceptions import Exit
from invoke.tasks import task

from cluster.errors import EXIT_DEGRADED
from compose.console import Console


@task(default=True, help={"json": "print data instead of tables"}, auto_shortflags=False)
def check(c: Context, json: bool = False) -> None:
    """Say how old the images are and what an update brings."""
    from compose.operations.update_images import check as check_images
    from compose.report.image_table import image_rows, print_images
    from compose.report.status import print_json
    from compose.stack import open_stack

    stack = open_stack()
    rows = image_rows(stack, check_images(stack, Console()))
    print_json(rows) if json else print_images(rows)
    if any(row.security for row in rows):
        raise Exit(code=EXIT_DEGRADED)


@task(
    help={"force": "make them anew even if nothing waits", "back": "go back to the images of before the last update"},
    auto_shortflags=False,
)
def update(c: Context, force: bool = False, back: bool = False) -> None:
    """Make new images, try them, and roll them out."""
    from cluster.errors import UsageError
    from compose.operations import update_images as operation
    from compose.stack import open_stack

    if force and back:
        raise UsageError("--force and --back are two different things", "give one")
    stack, console = open_stack(), Console()
    operation.go_back(stack, console) if back else operation.update(stack, console, force=force)
