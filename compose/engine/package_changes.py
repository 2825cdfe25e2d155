"""What a rebuild of the images would change: the packages they hold, beside what the archive offers now.

One throw-away container per question: it sees nothing but lists of packages, and only it has a way out, as a build has.
What apt itself would upgrade is the answer, from the sources that the images were made from.
"""

import io
import re
import subprocess
import tarfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from cluster.config.settings import Settings
from cluster.errors import MachineError
from compose.engine import apt, containers
from compose.engine.base_image import proxied
from compose.engine.throwaway_container import Mount, ThrowawayContainer

if TYPE_CHECKING:
    from docker import DockerClient

_STATUS = "/var/lib/dpkg/status"
_TIMEOUT_SECONDS = 180.0
"""Seconds that reading the archive's index may take."""
_UPGRADE = re.compile(r"^Inst (\S+) \[([^\]]+)\] \((\S+) ([^)]*?)(?: \[[^\]]*\])?\)", re.MULTILINE)
"""apt-get(8) --simulate: ``Inst libssl3t64 [3.6.5-1] (3.6.6-1 Debian:testing [amd64])``."""
EXPOSED = re.compile(
    r"postgresql(-client)?-[0-9]+|libpq5|pgbouncer|haproxy|prometheus(-alertmanager)?|openssl|libssl\w*|libc6|libc-bin|libgnutls\w*"
    r"|libgssapi\S*|libkrb5\S*|libldap\w*|libxml2\S*|libicu\S*|libllvm\S*|libpython\S*|python3\S*|libexpat1|liburing2"
    r"|libevent\S*|libcares2|zlib1g|libzstd1|liblz4-1|libxslt\S*|ca-certificates|perl-base|libsystemd0|libpam\S*"
)
"""Packages that take what comes over the network, check who it is, or hold keys. A newer one counts as a security fix
also where no security archive offers it: Debian testing gets them by migration, mixed with all else."""
_SCRIPT = """set -eu
options="-o APT::Sandbox::User=root -o Debug::NoLocking=1 $APT_OPTIONS"
if [ -f /run/secrets/ca ]; then options="$options -o Acquire::https::CAInfo=/run/secrets/ca"; fi
apt-get $options -q update >&2
"""
_CANDIDATES = "apt-cache $options policy PACKAGES\n"
_POLICY = re.compile(r"^(\S+):\n  Installed: .*\n  Candidate: (\S+)$", re.MULTILINE)
"""apt-cache(8) policy; of a package that it does not know it says nothing, or ``(none)``."""
_UPGRADES = """
for status in /statuses/*; do
    echo "# ${status##*/}"
    apt-get $options -q --simulate -o Dir::State::status="$status" upgrade --with-new-pkgs
done
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A package that a rebuild would bring in another version. ``security``: it matters most."""

    package: str
    old: str
    new: str
    origin: str
    security: bool


def read_changes(output: str) -> dict[str, tuple[Change, ...]]:
    """Parse the output of `apt-get --simulate`, by the name of each list of packages. Pure."""
    parts = re.split(r"^# (\S+)$", output, flags=re.MULTILINE)
    return {name: tuple(_changes(text)) for name, text in zip(parts[1::2], parts[2::2], strict=True)}


def _changes(text: str) -> Iterator[Change]:
    for package, old, new, origin in _UPGRADE.findall(text):
        security = "security" in origin.lower() or EXPOSED.fullmatch(package.partition(":")[0]) is not None
        yield Change(package=package, old=old, new=new, origin=origin, security=security)


def waiting(
    client: "DockerClient", settings: Settings, project: str, folder: Path, images: Mapping[str, str]
) -> dict[str, tuple[Change, ...]]:
    """Packages of each image (role → id or reference) that the archive has newer.

    Args:
        client: the engine.
        settings: how the archive is reached.
        project: whose containers they are, should they be left behind.
        folder: one of the cluster's, which the engine can mount.
        images: all with apt and the same sources; the first of them asks for all.

    Raises:
        MachineError: the archive does not answer.
    """
    labels = containers.one_off_labels(project)
    folder.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(prefix=".inventory-", dir=folder) as name:
        Path(name).chmod(0o755)
        for role, image in images.items():
            (Path(name) / role).write_bytes(_packages(client, image, labels))
        first = next(iter(images.values()))
        return read_changes(_simulate_upgrades(settings, project, first, Path(name)))


def _packages(client: "DockerClient", image: str, labels: Mapping[str, str]) -> bytes:
    """dpkg's list, out of a container that is never started."""
    made = client.api.create_container(image, command=["true"], labels=dict(labels), network_disabled=True)
    try:
        stream, _ = client.api.get_archive(made["Id"], _STATUS)
        with tarfile.open(fileobj=io.BytesIO(b"".join(stream))) as archive:
            member = archive.extractfile(archive.getmembers()[0])
            return member.read() if member else b""
    finally:
        client.api.remove_container(made["Id"], force=True)


def _simulate_upgrades(settings: Settings, project: str, image: str, folder: Path) -> str:
    return ask_archive(settings, project, image, _UPGRADES, Mount(source=folder, target="/statuses"))


def offered(settings: Settings, project: str, image: str, packages: Iterable[str]) -> dict[str, str]:
    """Version of each package that the archive offers; of one that it does not have, nothing.

    Raises:
        MachineError: the archive does not answer.
    """
    names = " ".join(sorted(packages))
    return read_offers(ask_archive(settings, project, image, _CANDIDATES.replace("PACKAGES", names)))


def read_offers(output: str) -> dict[str, str]:
    """Parse the output of `apt-cache policy`. Pure."""
    return {package: version for package, version in _POLICY.findall(output) if version != "(none)"}


def ask_archive(settings: Settings, project: str, image: str, script: str, *mounts: Mount) -> str:
    """Output of a script in a throw-away container of ``image`` that has the archive's newest lists.

    Raises:
        MachineError: the archive does not answer.
    """
    stale = f"-o {apt.STALE}" if apt.accepts_stale(settings.stale_mirror) else ""
    mounts += (Mount(source=Path(settings.build_ca), target="/run/secrets/ca"),) if settings.build_ca else ()
    container = ThrowawayContainer(
        image=image,
        project=project,
        entrypoint="sh",
        command=("-c", _SCRIPT + script),
        user=(0, 0),
        mounts=mounts,
        tmpfs=tuple(f"{path}:size=512m" for path in ("/tmp", "/var/lib/apt/lists", "/var/cache/apt")),
        environment={**dict.fromkeys(proxied(settings)), "APT_OPTIONS": stale},
        network=True,
        pids=64,
    )
    try:
        done = container.run(timeout=_TIMEOUT_SECONDS, environment=proxied(settings))
    except subprocess.TimeoutExpired:
        raise MachineError(f"the package archive gave no answer within {_TIMEOUT_SECONDS:.0f} s", _HINT) from None
    if done.returncode or "\nE: " in f"\n{done.stderr}" or "\nW: Failed to fetch" in f"\n{done.stderr}":
        raise MachineError(f"the package archive cannot be read: {apt.first_error(done.stderr)}", _HINT)
    return done.stdout


_HINT = "see PODS_PROXY, PODS_BUILD_CA and PODS_STALE_MIRROR in .env; nothing was changed"
