"""What a Docker host gets of this home's secrets: the passwords, keys and certificates of its own services, no more.

No authority's key is ever among them, nor the superuser's password: on a host the superuser comes over a Unix socket.
"""

import secrets
from collections.abc import Iterator
from pathlib import Path

from cluster.config.docker_hosts import Host
from cluster.errors import RefusedError
from cluster.files import write_atomically
from compose.home.ha_certificates import ha_authority, holder_directory
from compose.home.passwords import ADMIN, AUTH_QUERY, MONITOR, REPLICATION, password_file, read_password
from compose.home.paths import Home
from compose.home.permissions import check_secrets

ETCD_ROOT, ETCD_PATRONI, PATRONI_API, REWIND = "etcd_root", "etcd_patroni", "patroni_api", "rewind"
"""Who administers the consensus store; who Patroni is there; who may give an agent orders; who reads for pg_rewind."""
OF_HOSTS = (ETCD_ROOT, ETCD_PATRONI, PATRONI_API, REWIND)
_OF_ETCD: tuple[str, ...] = ()
"""An etcd needs no password itself: `inv` gives its administrator's on standard input."""
_OF_NODE = (REPLICATION, MONITOR, REWIND, ETCD_PATRONI, PATRONI_API)
_OF_POOLER = (AUTH_QUERY, MONITOR, ADMIN)


def ensure_hosts_passwords(home: Home) -> None:
    """Generate what is missing."""
    check_secrets(home)
    for name in OF_HOSTS:
        if not password_file(home, name).exists():
            write_atomically(password_file(home, name), secrets.token_urlsafe(32) + "\n", 0o600)


def hosts_password(home: Home, name: str) -> str:
    """One of them.

    Raises:
        RefusedError: it is missing, open to others or empty.
    """
    return read_password(password_file(home, name))


def host_secrets(home: Home, host: Host) -> dict[str, bytes]:
    """The secret files of a host, by path below its home; each is for uid 999 there and has mode 0600.

    Raises:
        RefusedError: one is missing here.
    """
    check_secrets(home)
    return {str(path): _read(home.path / source) for path, source in _paths(home, host)}


def _paths(home: Home, host: Host) -> Iterator[tuple[str, Path]]:
    names = {
        *(_OF_ETCD if "etcd" in host.roles else ()),
        *(_OF_NODE if "node" in host.roles else ()),
        *(_OF_POOLER if "pooler" in host.roles else ()),
    }
    for name in sorted(names):
        yield f"secrets/{name}_password", password_file(home, name)
    own = holder_directory(home, host.name)
    for role, stem in (("etcd", "etcd"), ("node", "patroni")):
        if role in host.roles:
            for kind in ("crt", "key"):
                yield f"secrets/ha/{stem}/{stem}.{kind}", own / f"{stem}.{kind}"
            yield f"secrets/ha/{stem}/ca.crt", own / "ca.crt"
    if "pooler" in host.roles:
        # the authority's own: a host that has a pooler alone has no keys beside which a copy lies
        yield "secrets/ha/guide/ca.crt", ha_authority(home).certificate
        yield from _server(home, "pgbouncer", f"pgbouncer-{host.name}")
    if "node" in host.roles:
        yield from _server(home, host.name, host.name)


def _server(home: Home, service: str, source: str) -> Iterator[tuple[str, Path]]:
    for name in ("server.crt", "server.key", "ca.crt"):
        yield f"secrets/tls/{service}/{name}", home.tls / source / name


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise RefusedError(f"{path} is missing", "put it back from your copy") from None
