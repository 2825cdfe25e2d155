"""The file of Patroni's agent on one host, without a password: pods-patroni gives those in its environment. Pure."""

from typing import Any

from cluster.config.docker_hosts import ETCD_PORT, NODE_PORT, PATRONI_PORT, DockerHosts, Host
from cluster.config.settings import Settings
from cluster.roles import SUPERUSER
from compose.render.hosts.failover_pace import PACES

NAMESPACE = "/service/"
"""What Patroni's keys in the store begin with; after it comes the project."""
PATRONI_USER = "patroni"
"""In the store, and whoever may give agents orders."""
_RUNTIME = "/run/pods"
_TLS = {"sslmode": "verify-full", "sslrootcert": "/run/tls/ca.crt", "channel_binding": "require"}


def store_prefix(project: str) -> str:
    """What all keys of this cluster in the store begin with."""
    return f"{NAMESPACE}{project}/"


def patroni_yml(settings: Settings, hosts: DockerHosts, host: Host) -> str:
    """The text of patroni.yml."""
    import yaml

    body = {
        "scope": settings.project,
        "namespace": NAMESPACE,
        "name": host.name,
        "log": {"type": "plain", "level": "INFO", "format": "%(asctime)s patroni %(levelname)s: %(message)s"},
        "etcd3": {
            "hosts": [f"{member.etcd}:{ETCD_PORT}" for member in hosts.with_role("etcd")],
            "protocol": "https",
            "username": PATRONI_USER,
            "cacert": "/run/ha/ca.crt",
            "cert": "/run/ha/patroni.crt",
            "key": "/run/ha/patroni.key",
        },
        "restapi": _interface(host),
        "ctl": {"cacert": "/run/ha/ca.crt", "certfile": "/run/ha/patroni.crt", "keyfile": "/run/ha/patroni.key"},
        # a lost store or an empty directory must never become a new cluster
        "bootstrap": {"method": "refuse", "refuse": {"command": "pods-patroni refuse", "no_params": True}},
        "postgresql": _server(host),
        "watchdog": {"mode": "off"},
        "tags": _tags(settings, hosts, host),
    }
    return "# Made by PODS from .env and config/hosts.toml; changes here are lost.\n" + yaml.safe_dump(
        body, sort_keys=False, width=120
    )


def _interface(host: Host) -> dict[str, Any]:
    """Anybody who gets to the port may ask; whoever gives orders shows a certificate of our authority, and a password.

    No list of addresses: a request from the agent's own host comes from the gateway of the bridge, which is nobody's.
    """
    return {
        "listen": f"0.0.0.0:{PATRONI_PORT}",
        "connect_address": f"{host.name}:{PATRONI_PORT}",
        "certfile": "/run/ha/patroni.crt",
        "keyfile": "/run/ha/patroni.key",
        "cafile": "/run/ha/ca.crt",
        "verify_client": "optional",
        "server_tokens": "Minimal",
        "authentication": {"username": PATRONI_USER},
    }


def _server(host: Host) -> dict[str, Any]:
    return {
        "listen": f"*:{NODE_PORT}",
        "connect_address": f"{host.name}:{NODE_PORT}",
        "data_dir": "/var/lib/postgresql/18/docker",
        "bin_dir": "/usr/lib/postgresql/18/bin",
        "config_dir": f"{_RUNTIME}/patroni",
        "custom_conf": f"{_RUNTIME}/server.conf",
        "pgpass": f"{_RUNTIME}/patroni.pgpass",
        # the superuser comes over the socket alone, known by who runs the agent
        "use_unix_socket": True,
        "authentication": {
            "superuser": {"username": SUPERUSER},
            "replication": {"username": "replicator", **_TLS},
            "rewind": {"username": "rewinder", **_TLS},
        },
        "parameters": {
            "unix_socket_directories": "/var/run/postgresql",
            "hba_file": "/etc/pods/pg_hba.conf",
            "ident_file": "/etc/pods/pg_ident.conf",
        },
        "create_replica_methods": ["pods"],
        "pods": {"command": "pods-patroni replica", "keep_data": True},
    }


def _tags(settings: Settings, hosts: DockerHosts, host: Host) -> dict[str, Any]:
    """With `first:N` those wait in the order of the file, as they do on one host in the order of their making."""
    if not settings.sync.startswith("first"):
        return {}
    nodes = [each.name for each in hosts.with_role("node")]
    return {"sync_priority": len(nodes) - nodes.index(host.name)}


def guard_text(settings: Settings) -> str:
    """What pods-guard is started with: after how many seconds of the agent's silence a primary is ended."""
    return f"{PACES[settings.failover_pace].guard}\n"
