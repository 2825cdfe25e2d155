"""All files of one host, ready to be shipped: what is rendered for it, and its own secrets."""

from dataclasses import replace

from cluster.config.docker_hosts import Host
from compose.engine.host import host_facts_of
from compose.engine.hosts.shipped_files import HOST_USER, HostFile, plain_files, secret_files
from compose.home.hosts_secrets import host_secrets
from compose.home.rendered_files import read_user_files
from compose.render.host_facts import HostFacts
from compose.render.hosts.host_files import host_files
from compose.stack import Stack


def host_payload(stack: Stack, host: Host, *, clones: bool = False, joins: bool = False) -> dict[str, HostFile]:
    """The files, by their path below the host's home.

    ``clones``: its node has no data yet, and may copy the leader's. ``joins``: its etcd is added to others.
    """
    rendered = host_files(
        stack.settings,
        stack.topology,
        stack.settings.hosts,
        host,
        facts_of_hosts(stack),
        read_user_files(stack.home),
        clones=clones,
        joins=joins,
    )
    return plain_files(rendered) | secret_files(host_secrets(stack.home, host))


def facts_of_hosts(stack: Stack) -> HostFacts:
    """What containers on hosts are rendered with: this machine's images, and the user they have there."""
    return replace(host_facts_of(stack.home, stack.settings, stack.topology), user=HOST_USER)
