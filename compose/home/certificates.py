"""The project's own certificate authority, and a certificate for every server it runs.

Directories, not files, are mounted into containers: a renewed certificate is a rename inside one, which a file mount
would not follow. A key fits one face: it is good for the names of its own service, and a service that serves no TLS has
none.
"""

import os
from collections.abc import Sequence
from pathlib import Path

from cluster.certificate_report import CA, NAME, write_ends
from cluster.config.settings import Settings
from cluster.files import write_atomically
from cluster.topology import Topology
from compose.home.certificate_authority import SERVER, CertificateAuthority, expires
from compose.home.certificate_names import Faces, faces_of
from compose.home.paths import Home, service_user
from compose.home.permissions import check_secrets


def authority(home: Home) -> CertificateAuthority:
    """The one that signs what PostgreSQL, PgBouncer and the pages show."""
    return CertificateAuthority(home.tls, "ca")


def ensure(home: Home, faces: Faces, *, renew: bool = False, project: str = "pods") -> list[str]:
    """Make the CA and certificates that are missing, expiring, or good for other names; return whose were made.

    Args:
        home: the cluster's home.
        faces: each service gets ``secrets/tls/<service>/``.
        renew: make every certificate anew (the CA stays).
        project: names the CA.
    """
    check_secrets(home)
    for directory in (home.secrets, home.tls):
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    renew = authority(home).ensure(f"PODS CA of {project}") or renew
    made = []
    for service, wanted in faces.items():
        if not wanted:
            _only_the_ca(home, service)
        elif renew or not _as_wanted(home, service, wanted):
            _make_certificate(home, service, wanted)
            made.append(service)
    return made


def ensure_all(home: Home, settings: Settings, topology: Topology, *, renew: bool = False) -> list[str]:
    """Make what is missing for every server of the cluster, good for this host's names; return whose was made."""
    faces = faces_of(settings, topology)
    made = ensure(home, faces, renew=renew, project=settings.project)
    write_ends(home.rendered / "services" / NAME, _ends(home, [name for name, names in faces.items() if names]))
    return made


def _ends(home: Home, services: Sequence[str]) -> dict[str, float]:
    """When each certificate ends (Unix seconds), the CA's among them."""
    files = {CA: home.ca, **{service: home.tls / service / "server.crt" for service in services}}
    return {name: ends.timestamp() for name, path in files.items() if (ends := expires(path)) is not None}


def _only_the_ca(home: Home, service: str) -> None:
    """What a client checks with; a key that the service had is gone with what it was good for."""
    directory = _directory(home, service)
    for name in ("server.crt", "server.key"):
        (directory / name).unlink(missing_ok=True)
    copy = directory / "ca.crt"
    if not copy.exists() or copy.read_bytes() != home.ca.read_bytes():
        write_atomically(copy, home.ca.read_text(), 0o644, _owner())


def _directory(home: Home, service: str) -> Path:
    directory = home.tls / service
    directory.mkdir(mode=0o700, exist_ok=True)
    if owner := _owner():
        os.chown(directory, *owner)
    return directory


def _owner() -> tuple[int, int] | None:
    return service_user() if os.geteuid() == 0 else None


def _as_wanted(home: Home, service: str, names: Sequence[str]) -> bool:
    """Whether the service's certificate is as it should be, and the copy of the CA beside it."""
    directory = home.tls / service
    copy = directory / "ca.crt"
    same_ca = copy.exists() and copy.read_bytes() == home.ca.read_bytes()
    return same_ca and authority(home).as_wanted(directory, "server", names, SERVER)


def _make_certificate(home: Home, service: str, names: Sequence[str]) -> None:
    directory, owner = _directory(home, service), _owner()
    write_atomically(directory / "ca.crt", home.ca.read_text(), 0o644, owner)
    authority(home).issue(directory, "server", service, names, SERVER, owner)
