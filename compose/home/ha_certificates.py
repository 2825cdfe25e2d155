"""The certificates of etcd and of Patroni's agents, signed by an authority that signs nothing else.

Whoever holds a key of it opens the consensus store; a key of PostgreSQL or PgBouncer must not. etcd shows its own to
others as a client too, hence both usages. The authority's key stays in this home; each host gets its own alone.
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from cluster.config.docker_hosts import DockerHosts, Host
from cluster.files import write_atomically
from compose.home.certificate_authority import CLIENT, PEER, CertificateAuthority, Usage
from compose.home.paths import Home, containers_owner
from compose.home.permissions import check_secrets

CONTROL, EXPORTER = "control", "exporter"
"""Who else than the hosts has one: `inv`, and the exporter. No host may be called so."""
STEM = "ha-ca"


@dataclass(frozen=True, slots=True)
class _Wanted:
    holder: str
    stem: str
    names: tuple[str, ...]
    usage: Usage


def ha_authority(home: Home) -> CertificateAuthority:
    """The authority of etcd and Patroni."""
    return CertificateAuthority(home.host_secrets, STEM)


def ensure_ha_certificates(home: Home, hosts: DockerHosts, *, project: str, renew: bool = False) -> list[str]:
    """Make what is missing, ends soon or is good for other names; return whose were made, as ``alpha/etcd``."""
    check_secrets(home)
    home.host_secrets.mkdir(mode=0o700, parents=True, exist_ok=True)
    authority = ha_authority(home)
    renew = authority.ensure(f"PODS HA CA of {project}") or renew
    made = []
    for wanted in _wanted(hosts):
        directory, owner = holder_directory(home, wanted.holder), _owner_of(wanted.holder)
        directory.mkdir(mode=0o700, exist_ok=True)
        if owner:
            os.chown(directory, *owner)
        _copy_authority(authority, directory)
        if renew or not authority.as_wanted(directory, wanted.stem, wanted.names, wanted.usage):
            subject = f"{wanted.stem}-{wanted.holder}"
            authority.issue(directory, wanted.stem, subject, wanted.names, wanted.usage, owner)
            made.append(f"{wanted.holder}/{wanted.stem}")
    return made


def holder_directory(home: Home, holder: str) -> Path:
    """Where the keys of a host, of ``control`` or of ``exporter`` are."""
    return home.host_secrets / holder


def _wanted(hosts: DockerHosts) -> Iterator[_Wanted]:
    for host in hosts.hosts:
        if "etcd" in host.roles:
            yield _Wanted(host.name, "etcd", (host.etcd, *_names(host)), PEER)
        if "node" in host.roles:
            yield _Wanted(host.name, "patroni", _names(host), PEER)
    for holder in (CONTROL, EXPORTER):
        yield _Wanted(holder, "client", (holder,), CLIENT)


def _names(host: Host) -> tuple[str, ...]:
    return (host.name, host.address, "localhost", "127.0.0.1")


def _copy_authority(authority: CertificateAuthority, directory: Path) -> None:
    copy = directory / "ca.crt"
    if not copy.exists() or copy.read_bytes() != authority.certificate.read_bytes():
        write_atomically(copy, authority.certificate.read_text(), 0o644)


def _owner_of(holder: str) -> tuple[int, int] | None:
    """The exporter reads its own; those of hosts are shipped."""
    return containers_owner() if holder == EXPORTER else None
