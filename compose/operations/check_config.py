"""Looking at configuration without changing it."""

import difflib
from collections.abc import Iterator, Mapping

from cluster.config.env_file import origin_notes
from cluster.config.settings import Settings
from cluster.errors import MachineError
from cluster.services import store_names
from cluster.topology import Topology
from cluster.topology_file import load
from compose.engine.host import host_facts_of
from compose.home import passwords, rendered_files, role_passwords
from compose.home.paths import Home
from compose.home.store_directory import check_store
from compose.operations import preflight
from compose.operations.alerts.receivers import check_receivers, has_own_file
from compose.operations.databases.declared_extensions import missing_extensions
from compose.operations.databases.execution import planned, statement
from compose.operations.databases.plan import ServerChange
from compose.operations.hosts.leader_socket import with_superuser
from compose.render.config_files import render_files
from compose.render.postgresql_conf import fixed_parameters, serializable
from compose.render.preloaded_libraries import NO_STATISTICS, leaves_out_statistics, refuse_left_out
from compose.stack import Stack, open_home


def check_configuration() -> list[str]:
    """Check all that can be checked at rest; return what was found good, in lines.

    Raises:
        PodsError: the first thing that is wrong.
    """
    home, settings = open_home()
    passwords.check_env(home)
    check_store(home, settings, "")
    lines = [f".env and environment: {settings.project}, {settings.database}, ports from {settings.primary_port}"]
    lines += origin_notes(home.path, s3="s3" in store_names(settings))
    preflight.check_addresses(settings)
    lines += _receiver_notes(home, settings)
    topology = load(home.topology)
    preflight.check_possible(settings, topology or Topology.first(settings, preflight.measure_host(home, 1)))
    if topology is None:
        return [*lines, "no cluster yet: nothing else to check"]
    found = preflight.check_data(home, topology)
    check_store(home, settings, topology.system_identifier)
    if topology.system_identifier:
        passwords.read(home)
        role_passwords.read(home, settings)
    lines += [
        f"topology: {', '.join(topology.names)}",
        "secrets: present, closed to others" if topology.system_identifier else "secrets: made by the first inv up",
        _data_line(topology, found),
    ]
    differing = len(rendered_files.changes(home, _rendered(home, settings, topology)))
    shown = f"{differing} differ; see inv config.render --diff, and inv up" if differing else "as they should be"
    return [*lines, *_parameter_notes(home, settings, topology), f"generated files: {shown}"]


def _data_line(topology: Topology, found: Mapping[str, preflight.DataState]) -> str:
    if topology.engine != "local":
        return "data: on its hosts; see inv hosts.status"
    return "data: none yet" if found[topology.primary] is None else "data: this cluster's, PostgreSQL 18"


def _receiver_notes(home: Home, settings: Settings) -> Iterator[str]:
    """Who gets alerts."""
    if note := check_receivers(home, settings):
        yield note
    elif settings.alert_to and not has_own_file(home):
        yield f"alerts go to {', '.join(settings.alert_to)}; what that needs is in secrets/alerts"


def _parameter_notes(home: Home, settings: Settings, topology: Topology) -> Iterator[str]:
    """What of the user's own parameters does not do what its line says."""
    parameters = rendered_files.read_user_files(home).parameters
    refuse_left_out(settings, parameters)
    if overridden := _overridden(home, settings, topology):
        yield "config/postgresql.conf sets what the cluster needs otherwise, without effect: " + ", ".join(overridden)
    if leaves_out_statistics(parameters):
        yield NO_STATISTICS
    if topology.replicas and serializable(parameters):
        yield "config/postgresql.conf makes every session serializable, which no replica can: they get repeatable read"


def rendered_text(*, diff: bool) -> str:
    """All generated files one after the other, or a unified diff against the disk and the SQL for the primary."""
    home, settings = open_home()
    topology = load(home.topology) or Topology.first(settings, preflight.measure_host(home, settings.replicas + 1))
    rendered = _rendered(home, settings, topology)
    if not diff:
        return "".join(f"### {name}\n{text}\n" for name, text in rendered.items())
    changed = "".join(_diff(name, *pair) for name, pair in rendered_files.changes(home, rendered).items())
    return changed + (_statements(Stack(home, settings, topology)) if topology.system_identifier else "")


def _statements(stack: Stack) -> str:
    """What would be sent to the primary, and what ends the drift that nobody fights."""
    try:
        with with_superuser(stack) as opened:
            superuser = opened.superuser(stack.topology.primary)
            missing, drift = planned(superuser, stack.settings, stack.role_passwords)
            missing += missing_extensions(opened)
    except MachineError as fault:
        return f"# what would change in the primary is not known: {fault.message}\n"
    lines = [f"# {change.database}: {change.title}\n{statement(change)};\n" for change in missing]
    lines += [f"# not declared, and left alone: {each.text}\n# {_one_line(each.cure)};\n" for each in drift]
    return "".join(lines)


def _one_line(change: ServerChange) -> str:
    return f"in {change.database}: " + " ".join(statement(change).split())


def _diff(name: str, old: str, new: str) -> str:
    lines = difflib.unified_diff(
        old.splitlines(keepends=True), new.splitlines(keepends=True), f"on disk/{name}", f"wanted/{name}"
    )
    return "".join(line if line.endswith("\n") else line + "\n" for line in lines)


def _rendered(home: Home, settings: Settings, topology: Topology) -> dict[str, str]:
    facts = host_facts_of(home, settings, topology)
    return render_files(settings, topology, facts, rendered_files.read_user_files(home))


def _overridden(home: Home, settings: Settings, topology: Topology) -> list[str]:
    text = rendered_files.read_user_files(home).parameters
    lines = [line.strip() for line in text.splitlines() if line.strip() and not line.strip().startswith("#")]
    named = {words[0].lower() for line in lines if (words := line.replace("=", " ").split())}
    return sorted(named & fixed_parameters(settings, topology, topology.primary))
