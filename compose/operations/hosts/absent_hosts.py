"""Hosts that do not answer: what is done to all of them, one after the other, is not begun without one."""

from collections.abc import Mapping

from cluster.errors import RefusedError
from compose.operations.pooler_consoles import PoolerConsoles
from compose.stack import Stack


def refuse_absent(stack: Stack) -> None:
    """Refuse where a host does not answer: it would be left as it was, and a second one away is no majority.

    Raises:
        RefusedError: says which, and why; nothing where PODS itself decides.
    """
    if stack.topology.engine == "local":
        return
    if absent := absent_hosts(stack):
        name = next(iter(absent))
        raise RefusedError(
            f"not every host answers: {'; '.join(f'{each} ({why})' for each, why in absent.items())}",
            f"start it, then run this again; if it is lost for good: inv hosts.remove {name} --gone",
        )


def absent_hosts(stack: Stack) -> Mapping[str, str]:
    """Hosts on which nothing answers, and why."""
    found = {name: host.away for name, host in stack.read_hosts().hosts.items() if host.away}
    return {**found, **_poolers(stack)}


def _poolers(stack: Stack) -> Mapping[str, str]:
    """Those that have a PgBouncer alone, and no agent or vote that could be asked."""
    alone = [host.name for host in stack.settings.hosts.hosts if host.roles == ("pooler",)]
    if not alone:
        return {}
    consoles = PoolerConsoles(stack, alone)
    for _ in consoles.each():
        pass
    return {name: consoles.silent[name] for name in alone if name in consoles.silent}
