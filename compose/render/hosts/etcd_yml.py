"""etcd's configuration on one host. Pure."""

from cluster.config.docker_hosts import ETCD_PEER_PORT, ETCD_PORT, DockerHosts, Host
from cluster.sizing import GB
from compose.render.hosts.failover_pace import Pace

METRICS = "http://127.0.0.1:2381"
"""For the container's own health check; Prometheus reads the same at the port of clients, with a certificate."""
_EVERYWHERE = "0.0.0.0"  # noqa: S104 - within the container; the host publishes it on its cluster address alone


def etcd_yml(project: str, hosts: DockerHosts, host: Host, pace: Pace, *, joins: bool = False) -> str:
    """The text of etcd.yml; ``joins``: the others have data already, and this member was announced to them."""
    import yaml

    members = hosts.with_role("etcd")
    body = {
        "name": host.etcd,
        "data-dir": "/var/lib/etcd/member",
        "listen-client-urls": f"https://{_EVERYWHERE}:{ETCD_PORT}",
        "advertise-client-urls": f"https://{host.etcd}:{ETCD_PORT}",
        "listen-peer-urls": f"https://{_EVERYWHERE}:{ETCD_PEER_PORT}",
        "initial-advertise-peer-urls": _peer(host),
        "initial-cluster": ",".join(f"{member.etcd}={_peer(member)}" for member in members),
        "initial-cluster-state": "existing" if joins else "new",
        "initial-cluster-token": project,
        "strict-reconfig-check": True,
        "listen-metrics-urls": METRICS,
        "client-transport-security": _transport(),
        "peer-transport-security": _transport(),
        "heartbeat-interval": pace.heartbeat,
        "election-timeout": pace.election,
        "quota-backend-bytes": 2 * GB,
        "auto-compaction-mode": "periodic",
        "auto-compaction-retention": "1h",
        "max-snapshots": 5,
        "max-wals": 5,
        "logger": "zap",
        "log-level": "warn",
    }
    return "# Made by PODS from config/hosts.toml; changes here are lost.\n" + yaml.safe_dump(body, sort_keys=False)


def _peer(host: Host) -> str:
    return f"https://{host.etcd}:{ETCD_PEER_PORT}"


def _transport() -> dict[str, str | bool]:
    """Who holds a key of our authority gets in, wherever it comes from.

    An address says little here: a container's own host is seen as the gateway of the bridge.
    """
    return {
        "cert-file": "/run/ha/etcd.crt",
        "key-file": "/run/ha/etcd.key",
        "trusted-ca-file": "/run/ha/ca.crt",
        "client-cert-auth": True,
    }
