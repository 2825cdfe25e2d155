"""`inv images.update`: new images, tried, then rolled out node by node; and the way back to those before.

Until the new images have proven themselves nothing of the cluster is touched. Then the topology names them, and from
there on whatever is interrupted is finished by the next run, or by `inv up`. The images before stay where they are.
"""

import contextlib
import re
from collections.abc import Iterator, Mapping, Set
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from cluster.errors import MachineError, RefusedError
from cluster.images import Build, stamp_of
from cluster.sizing import derive
from compose.console import Console
from compose.engine import image_build, image_registry
from compose.engine.host import host_facts_of
from compose.engine.hosts.host_engine import HostEngine
from compose.engine.hosts.host_sessions import reach_hosts
from compose.engine.package_changes import Change, waiting
from compose.operations import preflight
from compose.operations.converge import converge
from compose.operations.copies import lifecycle
from compose.operations.databases.extension_guard import check_extensions
from compose.operations.home_identity import changing
from compose.operations.hosts.absent_hosts import refuse_absent
from compose.operations.hosts.fleet_config import hosts_behind
from compose.operations.hosts.upkeep import converge_hosts
from compose.operations.image_states import note_images, running_images
from compose.operations.open_transactions import refuse_long
from compose.operations.rolling.rolling_restart import refuse_unhealthy
from compose.operations.try_images import refuse_older, try_images, version_text
from compose.operations.up import DesiredCluster, prepare
from compose.render.compose_file import definitions
from compose.render.host_facts import HostFacts
from compose.stack import Stack

if TYPE_CHECKING:
    from docker import DockerClient

_WITH_APT = ("postgres", "pgbouncer", "services", "prometheus")
"""Images of ours; the others are as the registry has them, in the release that PODS names."""


def check(stack: Stack, console: Console) -> dict[str, tuple[Change, ...]]:
    """What a rebuild would change, by image; written down for the exporter.

    Raises:
        MachineError: the archive does not answer.
        RefusedError: nothing runs.
    """
    images = running_images(stack)
    ours = _with_apt(stack.topology.image_source)
    inspected = {role: image for role, image in images.items() if role in ours}
    if "postgres" not in inspected:
        raise RefusedError("no node runs, so there is no image to look at", "run: inv up")
    inspected = {"postgres": inspected["postgres"], **inspected}
    with console.step("Asking the archive for newer packages"):
        found = waiting(stack.client, stack.settings, stack.topology.project, stack.home.rendered, inspected)
    if stack.topology.image_source == "registry":
        found["postgres"] += tuple(_of_registry(stack, console))
    note_images(stack, found, datetime.now(UTC).timestamp())
    return found


def _of_registry(stack: Stack, console: Console) -> Iterator[Change]:
    try:
        digests = image_registry.newer_official(stack.client, stack.settings, stack.topology.image_base)
    except MachineError as error:  # what apt says is known all the same
        console.warn(error.message)
        return
    if digests is not None:
        yield Change(package=image_build.OFFICIAL, old=digests[0], new=digests[1], origin="registry", security=False)


def _with_apt(source: str) -> tuple[str, ...]:
    return _WITH_APT if source == "debian" else _WITH_APT[:3]


def update(stack: Stack, console: Console, *, force: bool) -> None:
    """Bring the images up to date and roll them out; nothing where nothing waits, unless ``force``.

    Raises:
        PodsError: it cannot be done; before the first node is touched nothing has changed then.
    """
    with changing(stack, "images.update", builds=True) as stack:
        check_extensions(stack, ())
        refuse_absent(stack)
        if (late := behind(stack)) and not _missing(stack):
            console.note(f"still with other images: {', '.join(late)}; going on with what was begun")
            _roll_out(stack, console)
            return
        refuse_unhealthy(stack)
        refuse_long(stack, stack.topology.names)
        _base_name(stack)
        found = check(stack, console)
        if not any(found.values()) and not force:
            console.note("nothing waits: the archive has no newer package for any image")
            return
        _roll_out(_made(stack, console), console)


def go_back(stack: Stack, console: Console) -> None:
    """Roll out the images of before the last update; what it made is remembered in their place.

    Raises:
        RefusedError: there are none to go back to.
    """
    with changing(stack, "images.update", builds=True) as stack:
        refuse_absent(stack)
        before = stack.topology.images_before
        if before is None:
            raise RefusedError("there was no update to go back from", "inv images.check says how old the images are")
        topology = stack.topology.with_build(before)
        if gone := _missing(stack.with_topology(topology)):
            raise RefusedError(f"the images before are gone: {', '.join(gone)}", "a new version of PODS wants new ones")
        _roll_out(lifecycle.enter(stack, topology), console)


def behind(stack: Stack) -> list[str]:
    """Running services whose container is not of the definition that the topology gives."""
    topology = stack.topology
    wanted = definitions(
        stack.settings,
        topology,
        derive(stack.settings, topology.sizing),
        host_facts_of(stack.home, stack.settings, topology),
    )
    return [
        name
        for name, container in stack.containers().items()
        if name in wanted and name in stack.services and container.definition != wanted[name]
    ] + hosts_behind(stack)


def _made(stack: Stack, console: Console) -> Stack:
    """New images, tried, and the topology that names them, saved; if anything fails, nothing of that is left."""
    client, settings, old = stack.client, stack.settings, stack.topology
    stamp = stamp_of(datetime.now(UTC))
    base = f"{_base_name(stack)}-{stamp}"
    topology = old.with_build(Build(base=base, stamp=stamp))
    facts = host_facts_of(stack.home, settings, topology)
    roles = image_build.wanted_roles(settings, old.image_source)
    try:
        image_build.bring_base(client, settings, old.image_source, base, console, stamp)
        image_build.ensure(client, settings, old.image_source, base, console, stamp)
        with console.step("Trying the new images in throw-away containers") as step:
            versions = try_images(stack, topology, facts, roles)
            refuse_older(version_text(stack, running_images(stack)["postgres"], "postgres"), versions["postgres"])
            step.result = versions["postgres"]
    except BaseException:
        _remove(client, [*_references(stack, facts, ours=True), base])
        raise
    made = tuple((name, _id(client, name)) for name in (base, *_references(stack, facts)))
    return lifecycle.enter(stack, old.with_build(Build(base=base, stamp=stamp, made=made)))


def _base_name(stack: Stack) -> str:
    """``pods/base:forky``: the suite stays, whatever .env says now; data is not moved to another libc in passing."""
    if stack.topology.image_source != "debian":
        return image_build.BASES + image_build.OFFICIAL.replace(":", "-")
    suite = re.sub(r"-[0-9]{8}T[0-9]{6}Z\Z", "", stack.topology.image_base.removeprefix(image_build.BASES))
    if suite != stack.settings.debian_suite:
        raise RefusedError(
            f"this cluster's images stand on {suite}, and PODS_DEBIAN_SUITE is {stack.settings.debian_suite!r}",
            "set it back; data made on one suite is not moved to another in passing",
        )
    return image_build.BASES + suite


def _references(stack: Stack, facts: HostFacts, *, ours: bool = False) -> list[str]:
    roles = image_build.wanted_roles(stack.settings, stack.topology.image_source)
    chosen = [role for role in roles if not ours or role in _with_apt(stack.topology.image_source)]
    return list(dict.fromkeys(getattr(facts.images, role) for role in chosen))


def _missing(stack: Stack) -> list[str]:
    """Images of the topology that are not there: settings ask for others than were made."""
    facts = host_facts_of(stack.home, stack.settings, stack.topology)
    return [name for name in _references(stack, facts) if not image_build.has(stack.client, name)]


def _id(client: "DockerClient", reference: str) -> str:
    raw: Mapping[str, object] = client.api.inspect_image(reference)  # type: ignore[no-untyped-call]
    return str(raw["Id"])


def _roll_out(stack: Stack, console: Console) -> None:
    """Replicas one by one, each close behind before the next; one becomes the primary, the old one follows."""
    if stack.topology.engine == "local":
        data = preflight.check_data(stack.home, stack.topology)
        done = converge(stack, console, data, careful=True)
    else:
        done = converge_hosts(prepare(stack.home, stack.settings, console, DesiredCluster()), console)
    lifecycle.keep(done, console)
    note_images(done)
    for name in _clean(done):
        console.note(f"removed the unused image {name}")


def _clean(stack: Stack) -> Iterator[str]:
    """Images that an update of this project made, here or on hosts, and that neither present nor way back needs.

    One that a container of whatever cluster stands on stays: the engine refuses.
    """
    topology = stack.topology
    kept = {
        image_build.recipes(topology.image_source, topology.image_base, topology.build.stamp)["postgres"].reference,
        *topology.build.references,
        *_references(stack, host_facts_of(stack.home, stack.settings, stack.topology)),
    }
    if stack.topology.images_before is not None:
        kept |= stack.topology.images_before.references
    yield from _remove_others(stack.client, stack.topology.project, kept)
    if stack.topology.engine != "local":
        with reach_hosts(stack.home, stack.settings, stack.settings.hosts.names) as found:
            for name, host in found.items():
                if isinstance(host, HostEngine) and not host.host.local:
                    removed = _remove_others(host.client, stack.topology.project, kept)
                    yield from (f"{image} on {name}" for image in removed)


def _remove_others(client: "DockerClient", project: str, kept: Set[str]) -> Iterator[str]:
    for image in client.api.images(filters={"label": f"{image_build.OWNER_LABEL}={project}"}):
        tags = image.get("RepoTags") or []
        if not kept & set(tags):
            yield from _remove(client, tags)


def _remove(client: "DockerClient", names: list[str]) -> list[str]:
    from docker.errors import APIError

    removed = []
    for name in names:
        with contextlib.suppress(APIError):
            client.api.remove_image(name, noprune=False)
            removed.append(name)
    return removed
