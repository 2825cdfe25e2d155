"""A store that lost all it knew: etcd's members run, and are new.

A store of ours demands accounts before the first agent starts (prepare.py). One that does not is empty, or was never
finished: it gets its accounts and Patroni's configuration again. Then every agent is started anew, for an agent shows
the token of the store that was, and etcd lets a token wait until it is as far as when that was given: no answer ever
comes. The one whose server takes writes is first, so that it takes the lease; meanwhile failsafe keeps it.
"""

import json

from cluster.errors import PodsError
from cluster.http.etcd_api import config_key
from cluster.http.patroni_api import PatroniApi
from cluster.waiting import wait_until
from compose.console import Console, Progress
from compose.home.hosts_secrets import ETCD_PATRONI, hosts_password
from compose.home.rendered_files import read_user_files
from compose.operations.hosts.fleet import Fleet
from compose.render.hosts.dynamic_config import dynamic_config

LEADER_SECONDS = 120.0


def refill(fleet: Fleet, console: Console, step: Progress) -> None:
    """Accounts and configuration, where the store has none.

    Raises:
        PodsError: no member serves, or nobody leads afterwards.
    """
    store, stack = fleet.any_store, fleet.stack
    if store.accounts_in_force():
        return
    scope = stack.topology.project
    config = dynamic_config(stack.settings, read_user_files(stack.home).parameters)
    # before the accounts: a run that ends in between leaves a store that the next one finds as this one did
    store.put_if_absent(config_key(scope), json.dumps(config))
    store.secure(scope, hosts_password(stack.home, ETCD_PATRONI))
    console.note("etcd had lost all it knew: it has its accounts and Patroni's configuration again")
    reached = [name for name in fleet.agents if name in fleet.engines]
    for name in sorted(reached, key=lambda each: not _writes(fleet.agents[each])):
        fleet.engines[name].follow(step, "restart", "--no-deps", name)
        wait_until(
            lambda: _leaderless(fleet),
            timeout=LEADER_SECONDS,
            what="nobody leads after the store was written anew",
            hint="see inv hosts.status and the logs of the members",
            pause=1.0,
            progress=step.update,
        )


def _writes(agent: PatroniApi) -> bool:
    try:
        return agent.status().primary
    except PodsError:
        return False


def _leaderless(fleet: Fleet) -> str:
    try:
        leader = fleet.leader()
        return "" if _writes(fleet.agents[leader]) else f"{leader} does not take writes yet"
    except PodsError as error:
        return error.message
