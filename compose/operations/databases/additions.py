"""`inv database.add` and `inv role.add`: an entry in config/databases.toml, and what it declares made at once.

Everything that can be refused is refused before the file is written. From then on the file holds the declaration,
whatever happens: what was begun is finished by `up`, and nothing that was made is ever undeclared by accident.
"""

from collections.abc import Mapping
from dataclasses import replace

from cluster.config.databases import FILE
from cluster.config.databases_text import Value, with_entry
from cluster.errors import PodsError, RefusedError
from compose.console import Console
from compose.home.declarations_file import DeclarationsFile
from compose.operations.apply_config import apply_changes, refuse_replacements, refuse_restarts
from compose.operations.home_identity import changing
from compose.stack import Stack

_SECTIONS = {"databases": "database", "roles": "role"}


def declare(stack: Stack, console: Console, section: str, name: str, values: Mapping[str, Value]) -> Stack:
    """Write the entry and make what it says; the cluster with it.

    Raises:
        PodsError: it cannot be; either nothing was changed, or the file has it and `up` goes on. Says which.
    """
    kind = _SECTIONS[section]
    with changing(stack, f"{kind}.add") as stack:
        file = DeclarationsFile(stack.home)
        text, settings = file.changed(stack.settings, lambda text: with_entry(text, section, name, values))
        wanted = replace(stack, settings=settings)
        later = _left_to_up(wanted)
        if later is None:
            refuse_restarts(wanted)
        with console.step(f"Declaring the {kind} {name} in config/{FILE}"):
            file.write(text)
        if later is not None:
            raise RefusedError(f"the {kind} {name} is declared, and {later}", "run inv up, which makes it")
        try:
            apply_changes(wanted, console)
        except PodsError as fault:
            raise type(fault)(f"the {kind} {name} is in config/{FILE}; {fault.message}", _goes_on(fault)) from None
    return wanted


def listed(text: str | None) -> list[str] | None:
    """The names of a flag, which are separated by commas; None where it was not given."""
    return None if text is None else [name.strip() for name in text.split(",") if name.strip()]


def _left_to_up(stack: Stack) -> str | None:
    """Why not all of it can be done without other containers."""
    try:
        refuse_replacements(stack)
    except RefusedError as refusal:
        return refusal.message
    return None


def _goes_on(fault: PodsError) -> str:
    return fault.hint if "inv up" in fault.hint else f"{fault.hint}; then inv up goes on".removeprefix("; then ")
