"""Making a topology the wanted one: saved, rendered, certified; what belonged to nodes that are gone is removed."""

import shutil

from cluster.topology import Topology
from cluster.topology_file import save
from compose.engine.host import host_facts_of
from compose.home import certificates, pgpass, rendered_files
from compose.home.certificate_names import faces_of
from compose.operations.reload import reload_node, reload_pooler
from compose.render.config_files import render_files
from compose.stack import Stack


def publish(stack: Stack, topology: Topology) -> Stack:
    """Save ``topology``, render it, and let PgBouncer and the primary take it up. No container is touched.

    The topology is saved first: whatever is interrupted after that, `inv up` renders again.
    """
    home = stack.home
    save(home.topology, home.topology_copy, topology)
    pgpass.ensure(home, stack.settings, topology)
    certificates.ensure_all(home, stack.settings, topology)
    write_files(stack, topology)
    _forget_strangers(stack, topology)
    published = stack.with_topology(topology)
    reload_node(published, topology.primary)
    reload_pooler(published)
    return published


def write_files(stack: Stack, topology: Topology) -> None:
    """Write the generated files of ``topology`` that differ, with the user's own as the last `up` accepted them."""
    rendered_files.write(stack.home, file_changes(stack, topology))


def file_changes(stack: Stack, topology: Topology) -> dict[str, tuple[str, str]]:
    """The generated files of ``topology`` that differ from what is on disk: path → (on disk, wanted)."""
    home = stack.home
    accepted = rendered_files.accepted_user_files(home, topology.primary)
    rendered = render_files(stack.settings, topology, host_facts_of(home, stack.settings, topology), accepted)
    return rendered_files.changes(home, rendered)


def _forget_strangers(stack: Stack, topology: Topology) -> None:
    """Rendered files and certificates of nodes that are no more."""
    kept = faces_of(stack.settings, topology)
    for directory in (stack.home.rendered / "nodes", stack.home.tls):
        for path in directory.iterdir():
            if path.is_dir() and path.name not in kept:
                shutil.rmtree(path)
