"""`inv up`: bring the cluster from whatever state it is in to the one that is wanted.

First everything that can be refused is checked, then what containers need is prepared, then converge.py
goes on. `up` after any interruption is the repair. It destroys nothing: a replica whose data cannot be used is moved
aside and cloned anew, only while the primary is healthy; the primary's data is never touched.
"""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from cluster.config.env_file import RETIRED, origin_notes, retired_in_file
from cluster.config.server_settings import MOST_REPLICAS
from cluster.config.settings import Settings
from cluster.errors import RefusedError, UsageError
from cluster.postgres import data_directory
from cluster.services import SUPERVISOR, store_names
from cluster.topology import Topology
from cluster.topology_file import load, save
from compose.console import Console
from compose.engine import containers, daemon, image_build, image_registry
from compose.engine.host import host_facts_with
from compose.home import alert_secrets, certificates, passwords, pgpass, rendered_files, role_passwords
from compose.home.declarations_file import ensure_template
from compose.home.operation_lock import exclusive
from compose.home.paths import Home
from compose.home.store_directory import check_store
from compose.operations import preflight
from compose.operations.alerts.receivers import OWN, check_receivers
from compose.operations.converge import converge
from compose.operations.copies import lifecycle
from compose.operations.databases.extension_guard import check_extensions
from compose.operations.home_identity import moved_from, refuse_lost
from compose.operations.hosts.upkeep import converge_hosts, settle_move
from compose.operations.image_states import note_images
from compose.operations.pooler_limits import REMEDY, missing_files
from compose.operations.preflight import DataState
from compose.operations.reload import show_new
from compose.operations.replicas.remote_upkeep import refuse_promoted
from compose.operations.replicas.scaling import scale_to
from compose.operations.try_config import try_configuration, try_receivers
from compose.render.config_files import render_files
from compose.render.host_facts import HostFacts
from compose.render.monitoring import MESSAGES_PATH, RECEIVERS_PATH
from compose.render.postgresql_conf import USER_HBA
from compose.render.preloaded_libraries import NO_STATISTICS, leaves_out_statistics, refuse_left_out
from compose.render.server_parameters import USER_PARAMETERS
from compose.stack import Stack

if TYPE_CHECKING:
    from docker import DockerClient


@dataclass(frozen=True, slots=True)
class DesiredCluster:
    """Options of `up`: an engine where there is none, a number of replicas (None: as it is), no questions.

    ``restored``: the first data comes from a backup, and secrets may have been kept for it.
    """

    install_engine: bool = False
    replicas: int | None = None
    yes: bool = False
    restored: bool = False


def up(home: Home, settings: Settings, console: Console, wanted: DesiredCluster) -> Stack:
    """Converge the cluster in ``home`` and return it, running and verified."""
    if wanted.replicas is not None:
        settings = _with_replicas(settings, wanted.replicas)
    with exclusive(home.lock, "up"):
        settle_move(home, settings, console)
        stack, data = _inspect_and_prepare(home, settings, console, wanted)
        if stack.topology.engine == "patroni":
            return converge_hosts(stack, console)
        stack = converge(stack, console, data)
        lifecycle.keep(stack, console)
        note_images(stack)
        if short := missing_files(stack, stack.containers().values()):
            console.warn(f"{short}; {REMEDY}")
        return stack if wanted.replicas is None else scale_to(stack, console, wanted.replicas, yes=wanted.yes)


def prepare(home: Home, settings: Settings, console: Console, wanted: DesiredCluster) -> Stack:
    """All that `up` does before the first container starts; the lock is the caller's."""
    return _inspect_and_prepare(home, settings, console, wanted)[0]


def _inspect_and_prepare(
    home: Home, settings: Settings, console: Console, wanted: DesiredCluster
) -> tuple[Stack, dict[str, DataState]]:
    """What can be refused is refused, what is missing made; and what each node's directory holds."""
    # a cluster that exists was started by this Compose before; asking for its version takes as long as a look
    client = daemon.ensure(settings, console, install=wanted.install_engine, check=not home.topology.exists())
    found = containers.of_project(client, settings.project)
    topology = _desired(home, settings, found, wanted)
    if before := moved_from(client, home, topology.project, topology, found):
        console.note(f"this home was {before} when its containers were made; they are made anew from {home.path}")
    check_extensions(Stack(home, settings, topology, client), found)
    data = _check(home, settings, topology, found)
    refuse_promoted(Stack(home, settings, topology, client))
    for name in containers.remove_leftovers(client, found):
        console.note(f"removed {name}, left by an interrupted operation")
    for name in containers.remove_services(client, found, containers.RETIRED):
        console.note(f"removed {name}, a service that is no more")
    if settings.failover != "auto":  # at once: it acts by itself
        for name in containers.remove_services(client, found, (SUPERVISOR,)):
            console.note(f"removed {name}, since PODS_FAILOVER is {settings.failover}")
    for note in origin_notes(home.path, s3="s3" in store_names(settings)):
        console.note(note)
    if note := check_receivers(home, settings):
        console.note(note)
    for variable in retired_in_file(home.path):
        console.note(f"{variable} in .env is no more: {RETIRED[variable]}")
    return _prepare(home, settings, topology, console, client), data


def _with_replicas(settings: Settings, count: int) -> Settings:
    """The first `up` makes as many replicas as it was asked for."""
    if not 0 <= count <= MOST_REPLICAS:
        raise UsageError(f"--replicas {count} is not possible", f"give a number from 0 to {MOST_REPLICAS}")
    return replace(settings, replicas=count)


def _desired(home: Home, settings: Settings, found: list[containers.Container], wanted: DesiredCluster) -> Topology:
    """The topology on disk, or the first one."""
    known = load(home.topology)
    if known is None:
        first = Topology.first(settings, preflight.measure_host(home, settings.replicas + 1))
        _refuse_unknown_data(home, first)
        if all(home.is_at(each.directory) for each in found):  # of others moved_from knows more
            refuse_lost(home, settings.project, found, secrets=not wanted.restored)
        return first
    if known.project != settings.project:
        raise RefusedError(
            f"the cluster in {home.path} is called {known.project!r}, and PODS_PROJECT is {settings.project!r}",
            "set it back; another cluster wants another PODS_HOME",
        )
    return preflight.with_own_port(settings, known)


def _refuse_unknown_data(home: Home, first: Topology) -> None:
    for node in [*first.names, *preflight.strangers(home, first)]:
        if data_directory.holds_data(home.node(node)):
            raise RefusedError(
                f"{home.node(node)} holds data, but there is no {home.topology.name} that knows it",
                "put back data/topology.json (rendered/services/topology.json is a copy), or move the data away",
            )


def _check(
    home: Home, settings: Settings, topology: Topology, found: list[containers.Container]
) -> dict[str, DataState]:
    """Everything that can be refused is refused here, before anything changes."""
    passwords.check_env(home)
    data = preflight.check_data(home, topology)
    preflight.check_own_ports(settings, replace(topology, copies=()), found)  # the cluster does not wait for a copy
    preflight.check_disk(home, sum(state is None for state in data.values()))
    check_store(home, settings, topology.system_identifier)
    if topology.image_source and settings.images not in ("auto", topology.image_source):
        raise RefusedError(
            f"this cluster's images stand on {topology.image_base}, and PODS_IMAGES is {settings.images!r}",
            "set it back; data made on one base is not moved to another silently",
        )
    preflight.check_possible(settings, topology)
    check_receivers(home, settings)
    if topology.system_identifier:
        passwords.read(home)
        role_passwords.read(home, settings)
    return data


def _prepare(home: Home, settings: Settings, topology: Topology, console: Console, client: "DockerClient") -> Stack:
    """Images, files, secrets and certificates: all that is needed before a container starts.

    A cluster's first secrets come after its topology, so that those without one are always of a cluster whose data/ is
    missing. Later ones come before the files, which say what is in force: backups sealed with a key, for one.
    """
    first = not topology.system_identifier
    ensure_template(home)
    if not first:
        passwords.ensure(home, settings, first=False)
    if not topology.image_base:
        source, base = image_registry.choose(client, settings, console)
        images = image_build.ensure(client, settings, source, base, console)
        lift = daemon.may_lift_memlock(client, images.postgres, containers.one_off_labels(topology.project))
        topology = replace(topology, image_source=source, image_base=base, lift_memlock=lift)
        if settings.monitoring == "on" and settings.grafana == "auto" and source != "registry":
            console.note("Grafana is left out, as no registry gives its image (PODS_GRAFANA=on, once it is loaded)")
    else:
        wanted = topology.build
        images = image_build.ensure(client, settings, topology.image_source, wanted.base, console, wanted.stamp)
    facts = host_facts_with(home, images)
    write_tried_files(home, settings, topology, facts, console)
    save(home.topology, home.topology_copy, topology)
    if first:
        passwords.ensure(home, settings, first=True)
    role_passwords.ensure(home, settings)
    alert_secrets.ensure(home)
    pgpass.ensure(home, settings, topology)
    show_new(client, settings, topology, certificates.ensure_all(home, settings, topology))
    return Stack(home, settings, topology, client)


def write_tried_files(home: Home, settings: Settings, topology: Topology, facts: HostFacts, console: Console) -> None:
    """Write what differs; the user's own files only after a server started with them."""
    user = rendered_files.read_user_files(home)
    check_receivers(home, settings)
    refuse_left_out(settings, user.parameters)
    rendered = render_files(settings, topology, facts, user)
    changed = rendered_files.changes(home, rendered)
    directory = f"rendered/nodes/{topology.primary}"
    if any(changed.get(f"{directory}/{name}", ("", ""))[1] for name in (USER_PARAMETERS, USER_HBA)):
        files = {name: text for name, text in rendered.items() if name.startswith(directory)}
        with console.step("Trying your own configuration in a throw-away server"):
            try_configuration(home, topology.project, files, facts)
    if leaves_out_statistics(user.parameters):
        console.note(NO_STATISTICS)
    if RECEIVERS_PATH in changed and (user.receivers or settings.alert_to):
        origin = OWN if user.receivers else "PODS_ALERT_TO"
        with console.step(f"Checking {'your own ' if user.receivers else ''}{origin}"):
            texts = {path: rendered[path] for path in (RECEIVERS_PATH, MESSAGES_PATH)}
            try_receivers(home, topology.project, texts, facts, origin)
    rendered_files.write(home, changed)
