"""Tasks about settings and generated files."""

from invoke.context import Context
from invoke.tasks import task

from compose.console import Console


@task(help={"json": "print data instead of lines"}, auto_shortflags=False)
def check(c: Context, json: bool = False) -> None:
    """Check .env, topology, secrets and your own files."""
    from compose.operations.check_config import check_configuration
    from compose.report.status import print_json

    lines = check_configuration()
    if json:
        print_json(lines)
        return
    console = Console()
    for line in lines:
        console.line(f"✓ {line}")


@task(help={"diff": "show what differs from the files on disk"}, auto_shortflags=False)
def render(c: Context, diff: bool = False) -> None:
    """Print the generated files, or how they would change."""
    from compose.operations.check_config import rendered_text

    print(rendered_text(diff=diff), end="")


@task(help={"dry_run": "only say what would change, and what that needs"}, auto_shortflags=False)
def apply(c: Context, dry_run: bool = False) -> None:
    """Let changed parameters take effect, by what each needs."""
    from compose.operations.apply_config import apply_config, plan_config
    from compose.report.config_plan import print_plan
    from compose.stack import open_stack

    stack = open_stack()
    if dry_run:
        print_plan(plan_config(stack), stack.topology)
        return
    apply_config(stack, Console())
