"""Rules for the chain in which Docker lets an administrator decide, as text: PODS changes no firewall. Pure.

Published ports pass by the rules for what the host itself takes (`ufw`, `firewalld`). In this chain the address is the
container's already, so that the one that was published is asked of the connection's record.
"""

from cluster.config.docker_hosts import (
    ETCD_PEER_PORT,
    ETCD_PORT,
    NODE_PORT,
    PATRONI_PORT,
    POOLER_PORT,
    DockerHosts,
    Host,
)
from cluster.config.settings import Settings

_INTERNAL = (ETCD_PORT, ETCD_PEER_PORT, PATRONI_PORT)
_OPEN = (NODE_PORT, POOLER_PORT)
CHAIN = "PODS"


def docker_user_rules(settings: Settings, hosts: DockerHosts, host: Host) -> str:
    """A script for `sh`: run again it makes the same rules; of one host."""
    clients = [network for network in settings.clients if network[0].isdigit()]
    others = [each.address for each in hosts.hosts if each.name != host.name]
    unnamed = (
        "# PODS_CLIENTS names no addresses, so applications elsewhere get in by none of these: set it, then print anew."
    )
    lines = [
        "#!/bin/sh",
        "# Made by PODS from config/hosts.toml. Nothing runs this: read it, then run it as root, and see to it that it",
        "# runs again at boot. It lets the hosts of the cluster in, and applications (PODS_CLIENTS) to the databases.",
        *([] if clients else [unnamed]),
        "set -eu",
        f"chain={CHAIN}-{settings.project}",
        'iptables -N "$chain" 2> /dev/null || iptables -F "$chain"',
        'iptables -A "$chain" -i br-+ -j RETURN  # containers of this very host',
        *(_rule(host, f"-s {address}", port) for address in others for port in (*_INTERNAL, *_OPEN)),
        *(_rule(host, f"-s {network}", port) for network in clients for port in _OPEN),
        *(_rule(host, "", port, "DROP") for port in (*_INTERNAL, *_OPEN)),
        'iptables -C DOCKER-USER -j "$chain" 2> /dev/null || iptables -I DOCKER-USER -j "$chain"',
    ]
    return "\n".join(lines) + "\n"


def _rule(host: Host, source: str, port: int, target: str = "RETURN") -> str:
    published = f"--ctstate NEW --ctorigdst {host.address} --ctorigdstport {port}"
    return f'iptables -A "$chain" -p tcp {source + " " if source else ""}-m conntrack {published} -j {target}'
