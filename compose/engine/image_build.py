"""The images: which base they stand on, and building them when an input changed.

`registry`: the official images. `debian`: a base made from the host's own Debian archive (base_image.py), for hosts
that reach a package archive and no registry. Chosen at the first `up`, written into the topology, never switched. An
update (operations/update_images.py) makes all of them anew: its stamp enters their tags, so that an image that is there
is never a reason not to make a newer one.
"""

import contextlib
import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from cluster.config.env_file import PROJECT_ROOT
from cluster.config.settings import Settings
from cluster.errors import MachineError, PodsError
from cluster.extensions import packages, wanted_extensions
from cluster.services import SUPERVISOR, optional_services
from compose.console import Console
from compose.engine import apt
from compose.engine.base_image import make_base, proxied
from compose.engine.build_context import OPERATIONS, SERVICES, Payload, code_files, staged
from compose.engine.daemon import docker_host
from compose.process import follow
from compose.render.host_facts import Images

if TYPE_CHECKING:
    from docker import DockerClient

ROOT = PROJECT_ROOT / "compose" / "images"
OFFICIAL = "postgres:18"
OFFICIAL_PROMETHEUS = "prom/prometheus:v3.5.0"
OFFICIAL_ALERTMANAGER = "prom/alertmanager:v0.28.1"
OFFICIAL_GRAFANA = "grafana/grafana:12.1.1"
BASES = "pods/base:"
OWNER_LABEL, STAMP_LABEL = "pods.project", "pods.stamp"
"""On images that an update made, which no other cluster shares: its project, and when."""
HOSTS = "hosts"
"""The image of what runs on other Docker hosts; made only where config/hosts.toml names some."""
_OWN_WORDS = re.compile(r"^(?:#[0-9]+ [0-9.]+ )?PODS: (.+)$", re.MULTILINE)
"""A line of `docker build --progress=plain` that our Dockerfile printed, not the one that shows its text."""
_OTHER_ARCHIVE = "PODS_IMAGES=debian and PODS_DEBIAN_SUITE choose an archive; nothing was changed"
_UNOFFERED = "take that word out, or wait until the archive has it; inv extension.list --archive says what it has"
_IMAGE_OF = {
    "haproxy": "pgbouncer",
    **dict.fromkeys(("gate", "exporter", "guide", "health", "backup", "sandbox"), "services"),
}
"""Services that share an image; every other one has an image of its own name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageSpec:
    """One image of our own: the folder it is built from, what else goes into it, the image it stands on."""

    role: str
    folder: str
    base: str
    target: str = ""
    payload: Payload | None = None
    stamp: str = ""
    packages: tuple[str, ...] = ()

    @property
    def reference(self) -> str:
        """Name and tag; the tag is the hash of all inputs."""
        return _reference(self)


@cache
def _reference(recipe: ImageSpec) -> str:
    """Hashed once, so that one command means one image, even if somebody edits the code meanwhile."""
    more = code_files(recipe.payload) if recipe.payload else ()
    on_it = "\n".join((recipe.base, *recipe.packages))
    return f"pods/{recipe.role}:{inputs_hash(on_it, ROOT / recipe.folder, more, recipe.stamp)}"


def recipes(source: str, base: str, stamp: str = "", packages: tuple[str, ...] = ()) -> dict[str, ImageSpec]:
    """The images that are built here, in the order in which they stand on each other.

    With ``packages`` of extensions nodes have one more layer, and so have the services that run restored data.
    """
    plain = ImageSpec(role="postgres", folder="database", base=base, target="postgres", stamp=stamp)
    postgres = plain
    if packages:
        postgres = ImageSpec(role="postgres", folder="extensions", base=plain.reference, stamp=stamp, packages=packages)
    made = [
        postgres,
        ImageSpec(role="pgbouncer", folder="database", base=base, target="pgbouncer", stamp=stamp),
        ImageSpec(
            role="services",
            folder="services",
            base=postgres.reference,
            target="services",
            payload=SERVICES,
            stamp=stamp,
        ),
        ImageSpec(
            role="supervisor",
            folder="supervisor",
            base=plain.reference,
            target="supervisor",
            payload=OPERATIONS,
            stamp=stamp,
        ),
        ImageSpec(role=HOSTS, folder="hosts", base=postgres.reference, stamp=stamp),
    ]
    if source == "debian":
        made.append(ImageSpec(role="prometheus", folder="monitoring", base=base, stamp=stamp))
    return {recipe.role: recipe for recipe in made}


def expected(settings: Settings, source: str, base: str, stamp: str = "") -> Images:
    """References of the images that this version of PODS wants, on ``base``."""
    wanted = {
        role: recipe
        for role, recipe in recipes(source, base, stamp, packages(wanted_extensions(settings))).items()
        if _made_here(settings, role)
    }
    made = {role: recipe.reference for role, recipe in wanted.items()}
    prefix = settings.registry.removesuffix("library/")
    prometheus = made.get("prometheus", prefix + OFFICIAL_PROMETHEUS)
    return Images(
        postgres=made["postgres"],
        pgbouncer=made["pgbouncer"],
        services=made["services"],
        prometheus=prometheus,
        alertmanager=made.get("prometheus", prefix + OFFICIAL_ALERTMANAGER),
        grafana=prefix + OFFICIAL_GRAFANA,
        supervisor=made.get(SUPERVISOR, ""),
        hosts=made.get(HOSTS, ""),
    )


def _made_here(settings: Settings, role: str) -> bool:
    """Whether the image is wanted; for the supervisor's all of this code is hashed, which takes its time."""
    hosts = settings.hosts
    needed = {SUPERVISOR: settings.failover == "auto", HOSTS: hosts.with_role("etcd") or hosts.with_role("node")}
    return bool(needed.get(role, True))


def ensure(
    client: "DockerClient", settings: Settings, source: str, base: str, console: Console, stamp: str = ""
) -> Images:
    """The images, built or pulled where they are missing.

    Raises:
        MachineError: one cannot be had, or a build failed.
    """
    images = expected(settings, source, base, stamp)
    specs = recipes(source, base, stamp, packages(wanted_extensions(settings)))
    plain = recipes(source, base, stamp)["postgres"]
    made = {specs[role].reference: specs[role] for role in wanted_roles(settings, source) if role in specs}
    wanted = dict.fromkeys(getattr(images, role) for role in wanted_roles(settings, source))
    for reference in [reference for reference in wanted if not has(client, reference)]:
        recipe = made.get(reference)
        if recipe is None:
            _pull(client, reference, console)
            continue
        below = plain if recipe.base == plain.reference and not has(client, plain.reference) else None
        for each in (below, recipe):
            if each is None:
                continue
            if each.base == base and not has(client, base):
                bring_base(client, settings, source, base, console, stamp)
            _build(client, settings, each, console)
    return images


def bring_base(
    client: "DockerClient", settings: Settings, source: str, base: str, console: Console, stamp: str = ""
) -> None:
    """Make the base image anew under the name ``base``, or pull the official one and call it that.

    Raises:
        MachineError: it cannot be had.
    """
    if source == "debian":
        make_base(settings, base, console, owned(settings, stamp))
        return
    official = settings.registry + OFFICIAL
    _pull(client, official if base.startswith(BASES) else base, console)
    if base.startswith(BASES):
        repository, tag = base.split(":")
        client.api.tag(official, repository, tag)


def owned(settings: Settings, stamp: str) -> dict[str, str]:
    """Labels of an image that an update makes; none of one that every cluster of this host may share."""
    return {OWNER_LABEL: settings.project, STAMP_LABEL: stamp} if stamp else {}


def wanted_roles(settings: Settings, source: str) -> list[str]:
    """Images that a cluster with these settings uses, in the order in which they are made."""
    services = optional_services(settings, source)
    guided = ["services"] if settings.hosts.hosts else []  # a guide beside each of their PgBouncers, whoever watches
    return [
        "postgres",
        "pgbouncer",
        *dict.fromkeys([*guided, *map(image_role, services)]),
        *([HOSTS] if _made_here(settings, HOSTS) else []),
    ]


def image_role(service: str) -> str:
    """Which image a service that is no node runs."""
    return _IMAGE_OF.get(service, service)


def inputs_hash(base: str, context: Path, more: Iterable[Path] = (), stamp: str = "") -> str:
    """Hash of the base's name, of every file of the build context, of further files of this checkout, and of a stamp.

    Without a stamp it is what it was before there were any: no cluster changes that nobody updates.
    """
    digest = hashlib.sha256(base.encode())
    if stamp:
        digest.update(b"\0stamp " + stamp.encode() + b"\0")
    for path in [*sorted(path for path in context.iterdir() if path.is_file()), *more]:
        name = path.name if path.parent == context else str(path.relative_to(PROJECT_ROOT))
        digest.update(name.encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()[:12]


def has(client: "DockerClient", reference: str) -> bool:
    """Whether the engine has this image."""
    from docker.errors import ImageNotFound

    try:
        client.api.inspect_image(reference)  # type: ignore[no-untyped-call]
    except ImageNotFound:
        return False
    return True


def _pull(client: "DockerClient", reference: str, console: Console) -> None:
    from docker.errors import APIError

    with console.step(f"Pulling {reference}") as step:
        try:
            for event in client.api.pull(reference, stream=True, decode=True):
                if "error" in event:
                    raise MachineError(
                        f"the registry refuses {reference}: {event['error']}",
                        "log in, or name a mirror with PODS_REGISTRY",
                    )
                step.update(f"{event.get('id', '')} {event.get('status', '')} {event.get('progress', '')}".strip())
        except APIError as error:
            raise MachineError(
                f"the registry refuses {reference}: {error.explanation}", "log in, or name a mirror with PODS_REGISTRY"
            ) from None


def _build(client: "DockerClient", settings: Settings, recipe: ImageSpec, console: Console) -> None:
    from docker.errors import NotFound

    environment = {"DOCKER_HOST": docker_host(), "DOCKER_BUILDKIT": "1"} | proxied(settings)
    with console.step(f"Building the image of {recipe.role}") as step:
        if recipe.payload is None:
            explain = _lacking if recipe.packages or recipe.role == HOSTS else None
            follow(_build_argv(settings, recipe, recipe.reference), step, env=environment, explain=explain)
            return
        python = f"pods/python:{recipe.reference.rsplit(':', 1)[1]}"
        follow(_build_argv(settings, recipe, python, target="python"), step, env=environment)
        with staged(recipe.payload, python, step) as (site, code):
            contexts = [f"--build-context=site={site}", f"--build-context=code={code}"]
            follow([*_build_argv(settings, recipe, recipe.reference), *contexts], step, env=environment)
        with contextlib.suppress(NotFound):  # another `up` may have built, and removed, the same
            client.api.remove_image(python)


def _lacking(output: str) -> PodsError | None:
    """What a Dockerfile says of why it cannot have its packages, in one line."""
    found = _OWN_WORDS.search(output)
    if found is None:
        return None
    what, there = found[1].strip(), "extensions are for" in found[1]
    if any(word in what for word in ("atroni", "etcd")):
        return MachineError(f"{what}: no image for config/hosts.toml", _OTHER_ARCHIVE)
    hint = "inv images.update brings server and extensions from one state of it" if there else _UNOFFERED
    return MachineError(f"{what}, so PODS_EXTENSIONS cannot be had", f"{hint}; nothing was changed")


def _build_argv(settings: Settings, recipe: ImageSpec, tag: str, target: str = "") -> list[str]:
    apt_options = f"-o {apt.STALE}" if apt.accepts_stale(settings.stale_mirror) else ""
    proxy = [f"--build-arg={name}" for name in proxied(settings)]  # without a value: from the environment
    # a secret of the build is in no layer of its image
    secrets = [f"--secret=id=ca,src={settings.build_ca}"] if settings.build_ca else []
    arguments = [f"--build-arg=BASE={recipe.base}", f"--build-arg=APT_OPTIONS={apt_options}", *proxy, *secrets]
    arguments += [f"--build-arg=PACKAGES={' '.join(recipe.packages)}"] if recipe.packages else []
    if recipe.stamp:
        labels = owned(settings, recipe.stamp).items()
        arguments += [f"--build-arg=STAMP={recipe.stamp}", *(f"--label={name}={value}" for name, value in labels)]
    stage = target or recipe.target
    aims = [f"--target={stage}"] if stage else []
    build = ["docker", "buildx", "build", "--progress=plain", "--load", *aims, f"--tag={tag}", *arguments]
    return [*build, str(ROOT / recipe.folder)]
