"""`inv extension.update`: one extension of one database, to the version that the nodes have; never in passing."""

from dataclasses import replace

from cluster.errors import UsageError
from cluster.postgres.connection import connect, fetch_all
from compose.console import Console
from compose.operations.databases.extension_inventory import NodeExtension
from compose.operations.databases.extension_plan import Installed
from compose.operations.databases.extensions import converge_extensions
from compose.operations.home_identity import changing
from compose.stack import Stack


def update_extension(stack: Stack, console: Console, database: str, name: str, version: str) -> None:
    """Update, as safely as it is made.

    Raises:
        PodsError: it is not there, not in that version, or not safe.
    """
    with changing(stack, "extension.update") as stack:
        superuser = replace(stack.superuser(stack.topology.primary), database=database)
        with connect(superuser) as connection:
            installed = {each.name: each for each in fetch_all(connection, "extensions_installed", Installed)}
            there = {each.name: each.version for each in fetch_all(connection, "extension_names", NodeExtension)}
        if name not in installed:
            known = ", ".join(sorted(installed))
            raise UsageError(f"{database} has no extension {name}", f"it has: {known}")
        _refuse_declared(stack, database, name, version or there.get(name, ""))
        wanted = version or there.get(name, installed[name].version)
        if wanted == installed[name].version:
            console.note(f"{name} in {database} is {wanted} already")
            return
        with console.step(f"Updating {name} in {database} to {wanted}"):
            converge_extensions(superuser, "", {name: wanted})


def _refuse_declared(stack: Stack, database: str, name: str, version: str) -> None:
    """The next `up` would want the declared one back."""
    for each in stack.settings.declared.databases:
        declared = each.extensions.get(name, "")
        if each.name == database and declared not in ("", version):
            raise UsageError(
                f"config/databases.toml: databases.{database} has {name} in version {declared}",
                f"write {version} there and run inv up, which updates it",
            )
