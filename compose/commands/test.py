"""The task that runs every gate."""

import subprocess
import sys
from typing import TYPE_CHECKING

from invoke.context import Context
from invoke.exceptions import Exit
from invoke.tasks import task

from compose.console import Console

if TYPE_CHECKING:
    from cluster.config.settings import Settings

PROGRAMS = {"chromium": "chromium", "haproxy": "haproxy"}
"""Programs that tests use where they are there, and their Debian packages."""


@task(
    help={
        "install_engine": "install and start a Docker engine where there is none (Debian, Ubuntu; root), and the "
        "browser and load balancer that tests use (Debian)"
    },
    auto_shortflags=False,
)
def test(c: Context, install_engine: bool = False) -> None:
    """Run every quality gate, the integration tests included."""
    from cluster.config.env_file import PROJECT_ROOT
    from compose.engine import daemon
    from compose.stack import open_home

    _, settings = open_home()
    daemon.ensure(settings, Console(), install=install_engine)
    if install_engine:
        _install_programs(settings, Console())
    done = subprocess.run(
        [sys.executable, "-m", "nox", "--non-interactive", "-s", "lint", "types", "unit", "integration"],
        cwd=PROJECT_ROOT,
        check=False,
    )
    if done.returncode:
        raise Exit(code=1)


def _install_programs(settings: "Settings", console: Console) -> None:
    from compose.engine import apt

    missing = [package for program, package in PROGRAMS.items() if not apt.has(program)]
    if not missing or apt.this_system().id != "debian":
        return
    stale = apt.accepts_stale(settings.stale_mirror)
    with console.step("Installing " + " and ".join(missing) + " for the tests") as step:
        if not apt.has_index():
            apt.update(step, stale=stale)
        apt.install([*missing, "fonts-dejavu-core"], step, stale=stale)
