"""Containers: joined to their networks, replaced where their definition changed, started, reloaded."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace

from cluster.endpoints import POOLER, PROXY
from cluster.errors import PodsError, TimedOutError
from cluster.naming import ARCHIVE_SLOT
from cluster.slots import drop_slot
from compose.console import Progress
from compose.engine.containers import send_signal
from compose.engine.networks import join_nodes
from compose.engine.published_ports import obstructs, present_endpoints, wanted_endpoint
from compose.home import passwords
from compose.operations.convergence.primary import provision_if_reachable
from compose.operations.convergence.state import Convergence
from compose.operations.open_transactions import refuse_long
from compose.operations.pooler_consoles import console_access
from compose.operations.pooler_pause import open_pools, paused, release
from compose.operations.promotion.candidate import unfit_replicas
from compose.operations.promotion.switchover import hand_over
from compose.operations.reload import reload_node, reload_optional, reload_pooler, reload_primary_port, renew_pooled
from compose.operations.rolling.drained_replica import drained
from compose.operations.rolling.lowered_limits import await_known
from compose.operations.rolling.rolling_restart import await_close, closed_reason
from compose.operations.save_logs import save_logs
from compose.operations.start import lowers_limits, not_running, start_and_wait
from compose.operations.steps import Step


def join_networks(run: Convergence) -> Iterator[Step]:
    """A cluster of an earlier version, all in one network, is moved over container by container."""

    def join(_: Progress) -> None:
        moving = [*run.staying, run.primary, POOLER, "exporter", "health", "backup"]
        running = {name: run.before[name] for name in moving if name in run.before and run.before[name].started}
        if join_nodes(run.stack.client, run.stack.compose, running):
            run.console.note("the cluster moves to networks by need; docs/explanation/safety.md says which")

    yield Step("Joining the networks of the nodes", join, quiet=True)


def replace_changed(run: Convergence) -> Iterator[Step]:
    """Running services whose definition changed are replaced one after the other, what others need last."""
    services = run.services
    present = present_endpoints(run.stack.settings, run.stack.topology, run.before.values())
    lower = run.was_well(run.primary) and lowers_limits(replace(run.stack, elsewhere=present))
    if lower:
        services.insert(0, services.pop(services.index(run.primary)))
    for service in services:
        if not run.is_behind(service):
            continue
        if run.careful and service in run.stack.topology.names:
            refuse_long(run.stack, [service])
        if run.careful and service == run.primary and not lower and hand_over_if_fit(run):
            continue  # it was started anew as a replica
        yield Step(f"Replacing {service}, whose definition changed", _replacement(run, service))
        if lower and service == run.primary:
            yield Step(
                "Waiting until replicas know of lower limits", lambda step: await_known(run.stack, step), quiet=True
            )


def hand_over_if_fit(run: Convergence) -> bool:
    """Let a replica that was replaced before take over, if one can; an operation with its own undo."""
    reasons = unfit_replicas(run.stack)
    if all(reasons.values()):
        for name, reason in reasons.items():
            run.console.warn(f"{name} does not become the primary: it {reason}")
        return False
    run.adopt(hand_over(run.stack, run.console, by="inv images.update").stack)
    return True


def _replacement(run: Convergence, service: str) -> Callable[[Progress], None]:
    """Clients of the primary wait at PgBouncer meanwhile (PAUSE), readers are led past a replica, where it runs."""

    def replace(step: Progress) -> None:
        aside = _free_port(run, step, service)
        _keep_log(run, service)
        with _without_clients(run, step, service):
            failed = start_and_wait(run.stack, step, [service, *aside], _open_again(run, service))
            if failed and run.careful and service in run.staying:
                raise not_running(run.stack, service)
            if run.careful and service in run.staying:
                await_close(run.stack, step, service)
        if failed and service == run.primary:
            failed = start_and_wait(run.stack, step, failed)
        if failed and run.careful:
            raise not_running(run.stack, service)
        run.report(failed)  # start_missing tries again

    return replace


def _keep_log(run: Convergence, service: str) -> None:
    stack = run.stack
    failed = save_logs(stack.client, stack.home, stack.topology, [run.before[service]])
    if failed:
        run.console.warn(failed)


def _open_again(run: Convergence, service: str) -> Callable[[], bool] | None:
    """For the primary: it lets clients in, which wait; its container is called healthy later."""
    return (lambda: not closed_reason(run.stack, service)) if service == run.primary else None


@contextmanager
def _without_clients(run: Convergence, step: Progress, service: str) -> Iterator[None]:
    """Unless that cannot be had in time: then it is replaced all the same, if the run is not careful."""
    held = run.was_well(POOLER) and not run.moves(POOLER)
    with ExitStack() as clients:
        if held and service == run.primary:
            if not clients.enter_context(paused(run.stack, run.console)) and run.careful:
                raise TimedOutError(
                    f"{service} was not replaced, since its transactions do not end",
                    "end them, then run this again; inv up does not wait for them",
                )
        elif held and service in run.staying and run.was_well(service) and not run.moves(service):
            try:
                clients.enter_context(drained(run.stack, service, step))
            except PodsError as error:
                if run.careful:
                    raise
                run.console.warn(f"readers of {service} are cut off: {error.message}")
        yield


def reload_unwell(run: Convergence) -> Iterator[Step]:
    """A node that runs and is not well may be so for a parameter that was taken back: it has to read that first."""
    now = run.stack.containers()
    nodes = [name for name in run.stack.topology.names if name in now and now[name].status == "running"]
    unwell = [name for name in nodes if not now[name].well]

    def signal(_: Progress) -> None:
        for name in unwell:
            send_signal(run.stack.client, now[name].id, "HUP")

    if unwell:
        yield Step("Reloading " + ", ".join(unwell), signal, quiet=True)


def _free_port(run: Convergence, step: Progress, service: str) -> list[str]:
    """Where services change ports with each other, those in the way are stopped; returns them, to be moved as well."""
    endpoint = wanted_endpoint(run.stack.settings, run.stack.topology, service)
    if endpoint is None or not run.moves(service):
        return []
    now = run.stack.containers()
    ours = [name for name in now if name in run.services and name != service and now[name].started]
    aside = [name for name in ours if obstructs(endpoint, now[name]) and run.moves(name)]
    if aside:
        run.stack.compose.follow(step, "stop", *aside)
    return aside


def start_missing(run: Convergence) -> Iterator[Step]:
    """Start every service that does not run as it shall."""
    now = run.stack.containers()
    missing = [service for service in run.services if not run.as_wanted(service, now)]
    frozen = [service for service in missing if service in now and now[service].status == "paused"]

    def start(step: Progress) -> None:
        for service in frozen:
            run.stack.compose.run("unpause", service)
        run.failed = _start_and_split(run, step, missing)
        run.report(run.failed)

    if missing:
        yield Step("Starting " + ", ".join(missing), start)


def _start_and_split(run: Convergence, step: Progress, services: list[str]) -> list[str]:
    """Those that are not well. A replica whose WAL is gone ends the waiting, for itself alone."""
    failed = start_and_wait(run.stack, step, services, lambda: _waits_in_vain(run, services))
    lost = [name for name in failed if name in run.lost]
    rest = [name for name in failed if name not in lost]
    return [*lost, *start_and_wait(run.stack, step, rest)] if lost and rest else failed


def _waits_in_vain(run: Convergence, services: list[str]) -> bool:
    """Whether one of ``services`` needs WAL that the primary no longer has."""
    provision_if_reachable(run)
    return bool(set(run.lost) & set(services))


def reload_changed(run: Convergence) -> Iterator[Step]:
    """Servers that were running take changed files and certificates up without a restart."""
    yield Step("Reloading changed nodes", lambda _: _reload_nodes(run), quiet=True)
    if run.was_well(PROXY):
        yield Step("Reloading HAProxy", lambda _: reload_primary_port(run.stack), quiet=True)
    if "backup" not in run.stack.optional_services:
        yield Step(f"Dropping {ARCHIVE_SLOT}", lambda _: _drop_archive_slots(run), quiet=True)
    yield Step("Reloading changed services", lambda _: _reload_optional(run), quiet=True)
    if run.was_well(POOLER):
        yield Step("Reloading PgBouncer", lambda _: _reload_pooler(run), quiet=True)


def renew_connections(run: Convergence) -> Iterator[Step]:
    """What is set on roles and databases holds for new server connections, and PgBouncer keeps old ones for an hour.

    Some of it, such as search_path and TimeZone, it remembers even longer, and restores for every new client.
    """
    if run.provisioned is not None:
        digest = run.provisioned.pooled_defaults
        yield Step("Renewing PgBouncer's server connections", lambda _: _renew_connections(run, digest), quiet=True)


def _renew_connections(run: Convergence, digest: str) -> None:
    before, now = run.before.get(POOLER), run.stack.containers().get(POOLER)
    same = before is not None and now is not None and (before.id, before.started) == (now.id, now.started)
    same |= run.stack.topology.engine == "patroni"  # there are others on hosts
    if renew_pooled(run.stack, digest, same=same):
        run.console.note("settings of roles or databases changed: PgBouncer opens its server connections anew")


def _reload_nodes(run: Convergence) -> None:
    for node in run.stack.topology.names:
        if run.was_well(node):
            reload_node(run.stack, node)


def _drop_archive_slots(run: Convergence) -> None:
    """Nobody streams an archive any more: its slots would hold WAL back until they break."""
    for node in run.stack.topology.local_names:
        if run.was_well(node) and drop_slot(run.stack.access(node, passwords.ARCHIVE), ARCHIVE_SLOT):
            run.console.note(f"{ARCHIVE_SLOT} on {node} is gone, since PODS_BACKUP is off")


def _reload_optional(run: Convergence) -> None:
    """Those that were not replaced by new containers, which have everything new."""
    now = run.stack.containers()
    for service in run.stack.optional_services:
        if run.was_well(service) and service in now and now[service].id == run.before[service].id:
            reload_optional(run.stack, service, run.before[service])


def _reload_pooler(run: Convergence) -> None:
    reload_pooler(run.stack)
    opened = open_pools(run.stack)
    if opened:
        run.console.note(f"let clients into {', '.join(opened)} again, closed by somebody on PgBouncer's console")
    release(console_access(run.stack))  # clients that an update which was killed left waiting
