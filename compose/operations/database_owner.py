"""Whose the application's database is, and what `up` says of whoever is more than PODS made them."""

from collections.abc import Iterable

from cluster.errors import MachineError
from cluster.postgres.failures import one_line
from cluster.roles import Excess
from compose.console import Console
from compose.operations import provision
from compose.operations.databases.catalog import ServerDatabase
from compose.stack import Stack

REMEDY = "docs/how-to/troubleshoot.md says what to do"


def report_excess(console: Console, found: Iterable[Excess]) -> None:
    """A line for each."""
    for each in found:
        if each.ours:
            console.warn(f"{each.text}, which is not of PODS' making; {REMEDY}")
        else:
            console.note(each.text)


def settle(stack: Stack, console: Console, database: ServerDatabase) -> None:
    """A cluster of before has a database that belongs to its application.

    What stands in the way there stops nothing: the cluster serves, and the next `up` tries again.
    """
    import psycopg

    name, owner = database.name, database.owner
    try:
        settings, found = provision.settle(stack.superuser(stack.topology.primary), database)
    except (MachineError, psycopg.Error) as fault:
        why = fault.message if isinstance(fault, MachineError) else one_line(fault)
        console.warn(f"the database {name} still belongs to {owner}, until the next inv up: {why}")
        return
    console.note(f"the database {name} belongs to postgres now; {owner} may do in it what it could before")
    if settings:
        console.note(f"what {owner} had set on the whole of {name} stays: {', '.join(settings)}")
    report_excess(console, found)
