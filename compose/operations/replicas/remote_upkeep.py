"""Replicas on other Docker hosts brought to what they shall be: files, images, containers. Never their data."""

from contextlib import ExitStack
from dataclasses import replace

from cluster.errors import MachineError, PodsError, RefusedError
from cluster.postgres.connection import connect, fetch_one
from cluster.topology import Node
from compose.console import Console, Progress
from compose.engine.hosts.host_engine import HostEngine
from compose.engine.hosts.host_sessions import open_hosts
from compose.operations.replicas.remote_site import RemoteSite, wanted_project
from compose.operations.rolling.drained_replica import drained
from compose.render.compose_file import DEFINITION_LABEL
from compose.render.relay import relayed
from compose.render.remote_replica import project_name
from compose.stack import Stack

_PROBE_SECONDS = 2
"""For a replica's answer, before anything else is done."""


def bring_up(stack: Stack, console: Console) -> None:
    """Every replica elsewhere that is a member; one that cannot be brought there stays as it is, and this goes on."""
    for node in on_hosts(stack):
        with console.step(f"Bringing {node.name} to what it shall be") as step:
            if error := try_one(stack, console, step, node):
                step.result = f"it stays as it is: {error.message}"


def refuse_promoted(stack: Stack) -> None:
    """Refuse to work on a cluster of which a replica elsewhere was made a primary of its own by hand.

    Raises:
        RefusedError: one takes writes.
    """
    for node in relayed(stack.topology):
        try:
            with connect(replace(stack.monitor(node.name), connect_timeout=_PROBE_SECONDS)) as connection:
                recovers = fetch_one(connection, "in_recovery", lambda in_recovery: bool(in_recovery))
        except MachineError:
            continue
        if not recovers:
            raise RefusedError(
                f"{node.name} on host {node.host} takes writes: it was promoted there, and two do not join",
                "go on with its data: docs/how-to/second-host.md; or with what is here: on that host "
                f"docker stop {project_name(stack.topology, node.host)}-{node.name}-1, then inv up and "
                f"inv replica.reclone {node.name}, which keeps its data aside there",
            )


def on_hosts(stack: Stack) -> list[Node]:
    """The replicas elsewhere that are neither coming nor going."""
    return [node for node in relayed(stack.topology) if node.state in ("member", "catching_up")]


def try_one(stack: Stack, console: Console, step: Progress, node: Node) -> PodsError | None:
    """`bring_one`, or why it could not be done."""
    try:
        with open_hosts(stack.home, stack.settings, [node.host]) as engines:
            bring_one(stack, console, step, node.name, engines[node.host])
    except PodsError as error:
        return error
    return None


def bring_one(stack: Stack, console: Console, step: Progress, name: str, engine: HostEngine) -> None:
    """One replica, through the engine of its host.

    Raises:
        PodsError: the replica is not well afterwards.
    """
    refuse_promoted(stack)
    site = RemoteSite(engine, name)
    changed = site.bring_files(stack, step)
    container = site.container()
    wanted = wanted_project(stack, name)["services"][name]["labels"][DEFINITION_LABEL]
    if container is not None and container.well and container.definition == wanted:
        if changed:
            site.reload()
        return
    if not site.holds_replica(stack):
        raise MachineError(f"there is no data of this cluster on host {engine.name}", f"inv replica.reclone {name}")
    with ExitStack() as clients:
        if container is not None and container.well:
            _lead_past(stack, console, step, name, clients)
        site.start(stack, step)


def _lead_past(stack: Stack, console: Console, step: Progress, name: str, clients: ExitStack) -> None:
    """Readers are led past a replica that is replaced while it runs, if their transactions end in time."""
    try:
        clients.enter_context(drained(stack, name, step))
    except PodsError as error:
        console.warn(f"readers of {name} are cut off: {error.message}")


def down_there(stack: Stack, console: Console, *, purge: bool) -> None:
    """Stop replicas on other hosts, and remove their containers; with ``purge`` data and files too."""
    for node in relayed(stack.topology):
        with console.step(f"Stopping {node.name} on host {node.host}") as step:
            try:
                with open_hosts(stack.home, stack.settings, [node.host]) as engines:
                    site = RemoteSite(engines[node.host], node.name)
                    site.stop(stack, step)
                    if purge:
                        site.delete(stack)
                        site.unmake(stack)
            except PodsError as error:
                step.result = f"it goes on there: {error.message}"
