"""Extensions that databases are declared with, made when every node has their libraries."""

from collections.abc import Iterator

from cluster.extensions import resolved
from compose.operations.convergence.state import Convergence
from compose.operations.databases.declared_extensions import make_declared
from compose.operations.steps import Step


def make_extensions(run: Convergence) -> Iterator[Step]:
    """Last of all: what cannot be made stops nothing else, and the run fails at its end."""
    if any(resolved(each.extensions) for each in run.stack.settings.declared.databases):
        yield Step("Making extensions", lambda _: _make(run), quiet=True)


def _make(run: Convergence) -> None:
    now = run.stack.containers()
    running = [name for name in run.staying if name in now and now[name].status == "running"]
    behind = [name for name in running if now[name].definition != run.definitions[name] or name in run.absent]
    if behind:
        # its readers would be the first to find out
        run.console.warn(f"extensions wait for {', '.join(behind)}, whose libraries are those of before")
        return
    made, failed = make_declared(run.stack)
    if made:
        run.console.note("made in the primary: " + ", ".join(made))
    for fault in failed if run.undeclared else failed[1:]:
        run.console.warn(str(fault))
    run.undeclared = run.undeclared or next(iter(failed), None)
