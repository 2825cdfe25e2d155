"""Tasks about certificates."""

from invoke.context import Context
from invoke.tasks import task

from compose.console import Console


@task(auto_shortflags=False)
def renew(c: Context) -> None:
    """Make every certificate anew and reload; no client notices."""
    from compose.operations.restart import renew_certificates
    from compose.stack import open_stack

    renew_certificates(open_stack(), Console())
