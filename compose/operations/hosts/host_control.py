"""Whom the hosts obey: what changes them begins only on the machine that they name (compose/engine/hosts/claims.py).

A copy of a home has all secrets, and by them Patroni and PostgreSQL would obey it as well: two machines that change one
cluster undo each other's work, and each has a lock that the other does not see.
"""

from collections.abc import Iterable

from cluster.errors import PodsError
from compose.engine.hosts.claims import foreign_claim
from compose.engine.hosts.host_engine import HostEngine
from compose.engine.hosts.host_sessions import on_every, reach_hosts
from compose.stack import Stack

OWN_CHECK = "hosts.add"
"""Looks itself at the one host that it is about, which it may take over."""


def refuse_foreign_hosts(stack: Stack, operation: str) -> None:
    """Nothing, where it is about no host or every host that is reached obeys this machine.

    Raises:
        RefusedError: one is controlled from another machine; says which and what to do.
    """
    concerned = stack.topology.engine == "patroni" or operation.startswith("hosts.")
    if not concerned or operation == OWN_CHECK or not stack.settings.hosts.hosts:
        return
    with reach_hosts(stack.home, stack.settings, stack.settings.hosts.names) as reached:
        refuse_foreign(each for each in reached.values() if isinstance(each, HostEngine))


def refuse_foreign(engines: Iterable[HostEngine]) -> None:
    """The same, of hosts that are open.

    Raises:
        RefusedError: as above.
    """
    found = on_every({each.name: each for each in engines}, _foreign)
    if refused := next(filter(None, found.values()), None):
        raise refused


def _foreign(engine: HostEngine) -> PodsError | None:
    """A host that cannot say it, since its home is gone or its disk is away, is refused by whoever needs it."""
    try:
        claim = engine.claim()
    except PodsError:
        return None
    return foreign_claim(engine.host, claim, engine.control)
