"""Declared databases and roles, made in the primary once it serves."""

from collections.abc import Iterable, Iterator
from dataclasses import replace

from cluster.errors import PodsError
from compose.console import Console
from compose.operations import provision
from compose.operations.convergence.state import Convergence
from compose.operations.databases.drift import Drift
from compose.operations.databases.execution import converge
from compose.operations.steps import Step

_SHOWN = 6
"""Lines and names of each kind that people are shown; the rest is counted."""


def converge_databases(run: Convergence) -> Iterator[Step]:
    """What cannot be made stops nothing else: it is said, and the run fails at its end."""
    yield Step("Making declared databases and roles", lambda _: _converge(run), quiet=True)


def _converge(run: Convergence) -> None:
    superuser = run.stack.superuser(run.primary)
    try:
        converged = converge(superuser, run.stack.settings, run.stack.role_passwords)
    except PodsError as fault:
        run.undeclared = fault
        return
    report(run.console, converged.made, converged.drift)
    run.undeclared = converged.failure
    if converged.made and run.provisioned is not None:
        run.provisioned = replace(run.provisioned, pooled_defaults=provision.pooled_defaults(superuser))


def report(console: Console, made: list[str], drift: Iterable[Drift]) -> None:
    """What was made, and what the server has that is not declared."""
    if made:
        console.note("made in the primary: " + shortened(made))
    lines = [each.text for each in drift]
    if lines:
        console.note(f"not declared, and left alone: {shortened(lines, '; ')}; inv config.render --diff has the SQL")


def shortened(names: list[str], between: str = ", ") -> str:
    """The first few, and how many there are beyond."""
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return between.join(names[:_SHOWN]) + more
