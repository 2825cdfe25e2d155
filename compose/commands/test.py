"""The task that runs every gate."""

import subprocess
import sys

from invoke.context import Context
from invoke.exceptions import Exit
from invoke.tasks import task

from compose.console import Console


@task(
    help={"install_engine": "install and start a Docker engine where there is none (Debian, Ubuntu; root)"},
    auto_shortflags=False,
)
def test(c: Context, install_engine: bool = False) -> None:
    """Run every quality gate, the integration tests included."""
    from cluster.settings import PROJECT_ROOT
    from compose import engine
    from compose.stack import open_home

    _, settings = open_home()
    engine.ensure(settings, Console(), install=install_engine)
    done = subprocess.run(
        [sys.executable, "-m", "nox", "--non-interactive", "-s", "lint", "types", "unit", "integration"],
        cwd=PROJECT_ROOT,
        check=False,
    )
    if done.returncode:
        raise Exit(code=1)
