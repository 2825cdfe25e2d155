"""What shall lie on a host: images and files, by what the cluster has there."""

from cluster.config.docker_hosts import Host
from cluster.hosts_state import HostsState
from compose.engine import daemon
from compose.engine.host import host_facts_of
from compose.engine.hosts.image_transfer import image_identity
from compose.engine.hosts.shipped_files import HostFile
from compose.operations.hosts.host_payload import host_payload
from compose.operations.replicas.remote_site import replica_files
from compose.stack import Stack


def host_images(stack: Stack, host: Host) -> list[str]:
    """References of the images for what the host shall run, of those that this machine has already."""
    images = host_facts_of(stack.home, stack.settings, stack.topology).images
    wanted = [images.postgres]
    if images.hosts and {"etcd", "node"} & set(host.roles):
        wanted.append(images.hosts)
    if "pooler" in host.roles:
        wanted += [images.pgbouncer, images.services]
    client = daemon.connect()
    return [reference for reference in wanted if image_identity(client, reference)]


def host_content(stack: Stack, state: HostsState, host: Host) -> dict[str, HostFile] | None:
    """The files that shall lie on a host now; None while a move between engines decides that, and not `hosts.sync`."""
    if state.phase in ("prepared", "patroni"):
        return host_payload(stack, host)
    if state.phase != "none":
        return None
    node = next((each for each in stack.topology.nodes if each.host == host.name), None)
    return {} if node is None else replica_files(stack, node.name)
