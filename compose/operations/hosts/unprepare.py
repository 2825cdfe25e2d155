"""`inv hosts.unprepare`: whatever follows the cluster until it moves is taken back. Its data is kept.

That is the standby cluster on the hosts; or, where the cluster is there, the nodes here that an `inv hosts.back` began.
"""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime

from cluster.errors import RefusedError
from cluster.hosts_state import HostsState
from cluster.naming import HOSTS_SLOT
from cluster.postgres.connection import connect, execute
from cluster.slots import drop_slot
from cluster.standby_topology import followers
from compose.console import Console, Progress, ask
from compose.engine import containers
from compose.engine.hosts.host_engine import HostEngine
from compose.engine.hosts.host_sessions import open_hosts
from compose.engine.hosts.shipped_files import MOUNTED
from compose.home.hosts_state_file import load_state, save_state
from compose.operations.apply_topology import publish
from compose.operations.home_identity import changing
from compose.operations.hosts.added_hosts import check_listed
from compose.operations.hosts.fleet import Fleet
from compose.operations.hosts.host_payload import facts_of_hosts
from compose.operations.hosts.local_standby import LocalStandby
from compose.operations.hosts.prepare import ETCD, check_engine, check_phase
from compose.operations.steps import Step, perform
from compose.render.source_relay import SOURCE
from compose.stack import Stack

ASIDE_SCRIPT = f"""
set -eu
kept={MOUNTED}/data/.aside/$1
shift
for name in "$@"; do
    directory={MOUNTED}/data/$name
    [ -d "$directory" ] && [ -n "$(ls -A "$directory")" ] || continue
    mkdir -p -m 0700 "$kept"
    mv -T "$directory" "$kept/$name"
done
"""
"""Moves directories of data aside; nothing is deleted."""


def unprepare(stack: Stack, console: Console, *, yes: bool) -> None:
    """Stop what follows, keep its data aside where it is, and forget it.

    Raises:
        PodsError: something could not be taken back; the next run goes on.
    """
    with changing(stack, "hosts.unprepare") as stack:
        follow = followers(stack.topology)
        if not follow:
            check_engine(stack)
            check_phase(stack, "none", "preparing", "prepared")
        elif load_state(stack.home).phase != "patroni":
            raise RefusedError("the return is decided", "run inv hosts.back again, which ends it")
        check_listed(stack)
        with open_hosts(stack.home, stack.settings) as engines:
            fleet = Fleet(stack, engines)
            names = ", ".join(fleet.engines)
            what = f"{', '.join(follow)} here" if follow else f"etcd, nodes and PgBouncer on {names}"
            if not ask(f"This stops {what}; their data is kept aside there.", yes=yes):
                raise RefusedError("nothing was changed", "confirm it, or give --yes")
            perform(LocalStandby(fleet).removal() if follow else _steps(fleet), console)


def _steps(fleet: Fleet) -> Iterator[Step]:
    stamp = f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}"
    for engine in fleet.engines.values():
        yield Step(f"Stopping what runs on {engine.name}", lambda step, e=engine: _stop(step, e))  # type: ignore[misc]
        yield Step(
            f"Keeping the data on {engine.name} aside",
            lambda step, e=engine: _keep(fleet.stack, step, e, stamp),  # type: ignore[misc]
        )
    yield Step(f"Dropping {HOSTS_SLOT}", lambda _: _release(fleet.stack), quiet=True)
    yield Step("Removing the relays", lambda _: _forget(fleet.stack))


def _stop(step: Progress, engine: HostEngine) -> None:
    if (engine.folder / "compose.yaml").exists():
        engine.follow(step, "down", "--remove-orphans")


def _keep(stack: Stack, step: Progress, engine: HostEngine, stamp: str) -> None:
    names = [ETCD, engine.name]
    image = facts_of_hosts(stack).images.hosts
    engine.run(image, ["-c", ASIDE_SCRIPT, "sh", stamp, *names], entrypoint="bash")
    step.result = f"in {engine.home}/data/.aside/{stamp}, where there was any"


def _release(stack: Stack) -> None:
    primary = stack.superuser(stack.topology.primary)
    drop_slot(primary, HOSTS_SLOT)
    with connect(primary) as connection:
        execute(connection, "drop_rewind_role")


def _forget(stack: Stack) -> None:
    names = [SOURCE, *(node.name for node in stack.topology.standby)]
    found = containers.of_project(stack.client, stack.topology.project)
    publish(stack, replace(stack.topology, standby=()))
    containers.remove_all(stack.client, [each for each in found if each.service in names])
    state: HostsState = load_state(stack.home)
    save_state(stack.home, replace(state, phase="none", cut=None))
