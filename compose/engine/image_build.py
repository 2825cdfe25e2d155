"""The images: which base they stand on, and building them when an input changed.

`registry`: the official images. `debian`: a base made from the host's own Debian archive (base_image.py), for hosts
that reach a package archive and no registry. Chosen at the first `up`, written into the topology, never switched. An
update (operations/update_images.py) makes all of them anew: its stamp enters their tags, so that an image that is there
is never a reason not to make a newer one.
"""

import contextlib
import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from cluster.config.env_file import PROJECT_ROOT
from cluster.config.settings import Settings
from cluster.errors import MachineError
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
_REGISTRY_SECONDS = 20
_IMAGE_OF = {"haproxy": "pgbouncer", **dict.fromkeys(("gate", "exporter", "health", "backup", "sandbox"), "services")}
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

    @property
    def reference(self) -> str:
        """Name and tag; the tag is the hash of all inputs."""
        return _reference(self)


@cache
def _reference(recipe: ImageSpec) -> str:
    """Hashed once, so that one command means one image, even if somebody edits the code meanwhile."""
    more = code_files(recipe.payload) if recipe.payload else ()
    return f"pods/{recipe.role}:{inputs_hash(recipe.base, ROOT / recipe.folder, more, recipe.stamp)}"


def recipes(source: str, base: str, stamp: str = "") -> dict[str, ImageSpec]:
    """The images that are built here, in the order in which they stand on each other."""
    postgres = ImageSpec(role="postgres", folder="database", base=base, target="postgres", stamp=stamp)
    on_it = postgres.reference
    made = [
        postgres,
        ImageSpec(role="pgbouncer", folder="database", base=base, target="pgbouncer", stamp=stamp),
        ImageSpec(role="services", folder="services", base=on_it, target="services", payload=SERVICES, stamp=stamp),
        ImageSpec(
            role="supervisor", folder="supervisor", base=on_it, target="supervisor", payload=OPERATIONS, stamp=stamp
        ),
    ]
    if source == "debian":
        made.append(ImageSpec(role="prometheus", folder="monitoring", base=base, stamp=stamp))
    return {recipe.role: recipe for recipe in made}


def expected(settings: Settings, source: str, base: str, stamp: str = "") -> Images:
    """References of the images that this version of PODS wants, on ``base``."""
    wanted = {
        role: recipe
        for role, recipe in recipes(source, base, stamp).items()
        if role != SUPERVISOR or _automatic(settings)
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
    )


def _automatic(settings: Settings) -> bool:
    """Whether the image of the supervisor is wanted: of that all of this code is hashed, which takes its time."""
    return settings.failover == "auto"


def choose(client: "DockerClient", settings: Settings, console: Console) -> tuple[str, str]:
    """Source and base image for a new cluster: (``registry`` or ``debian``, image reference)."""
    official = settings.registry + OFFICIAL
    local = BASES + settings.debian_suite
    if settings.images == "debian":
        return "debian", local
    if has(client, official):
        return "registry", official
    with console.step(f"Asking the registry for {official}") as step:
        refusal = _registry_refusal(client, official)
        step.result = "it has it" if not refusal else f"no ({refusal})"
    if not refusal:
        return "registry", official
    if settings.images == "registry":
        raise MachineError(
            f"the registry does not give {official}: {refusal}",
            "log in or name a mirror with PODS_REGISTRY, or set PODS_IMAGES=debian in .env",
        )
    return "debian", local


def _registry_refusal(client: "DockerClient", reference: str) -> str:
    """Why the registry does not answer for ``reference``; "" when it does."""
    import requests
    from docker.errors import APIError

    quick = client.api.timeout
    client.api.timeout = _REGISTRY_SECONDS
    try:
        client.api.inspect_distribution(reference)  # type: ignore[no-untyped-call]
    except APIError as error:
        return str(error.explanation or error).splitlines()[0][:160]
    except requests.RequestException:
        return f"no answer within {_REGISTRY_SECONDS} s"
    finally:
        client.api.timeout = quick
    return ""


def ensure(
    client: "DockerClient", settings: Settings, source: str, base: str, console: Console, stamp: str = ""
) -> Images:
    """The images, built or pulled where they are missing.

    Raises:
        MachineError: one cannot be had, or a build failed.
    """
    images = expected(settings, source, base, stamp)
    specs = recipes(source, base, stamp)
    made = {specs[role].reference: specs[role] for role in wanted_roles(settings, source) if role in specs}
    wanted = dict.fromkeys(getattr(images, role) for role in wanted_roles(settings, source))
    for reference in [reference for reference in wanted if not has(client, reference)]:
        recipe = made.get(reference)
        if recipe is None:
            _pull(client, reference, console)
            continue
        if recipe.base == base and not has(client, base):
            bring_base(client, settings, source, base, console, stamp)
        _build(client, settings, recipe, console)
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


def newer_official(client: "DockerClient", settings: Settings, base: str) -> tuple[str, str] | None:
    """Digests of the official image as it was when ``base`` was made of it, and as it is now; None where equal.

    Raises:
        MachineError: the registry does not answer.
    """
    import requests
    from docker.errors import APIError

    official = settings.registry + OFFICIAL
    try:
        now = client.api.inspect_distribution(official)["Descriptor"]["digest"]  # type: ignore[no-untyped-call]
    except (APIError, requests.RequestException, KeyError) as error:
        raise MachineError(f"the registry does not say what {official} is now: {error}") from None
    raw = client.api.inspect_image(base)  # type: ignore[no-untyped-call]
    known = [name.partition("@")[2] for name in raw.get("RepoDigests") or ()]
    return None if now in known else ((known or ["unknown"])[0], now)


def wanted_roles(settings: Settings, source: str) -> list[str]:
    """Images that a cluster with these settings uses, in the order in which they are made."""
    services = optional_services(settings, source)
    return ["postgres", "pgbouncer", *dict.fromkeys(map(image_role, services))]


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
    for path in [*sorted(context.iterdir()), *more]:
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
            follow(_build_argv(settings, recipe, recipe.reference), step, env=environment)
            return
        python = f"pods/python:{recipe.reference.rsplit(':', 1)[1]}"
        follow(_build_argv(settings, recipe, python, target="python"), step, env=environment)
        with staged(recipe.payload, python, step) as (site, code):
            contexts = [f"--build-context=site={site}", f"--build-context=code={code}"]
            follow([*_build_argv(settings, recipe, recipe.reference), *contexts], step, env=environment)
        with contextlib.suppress(NotFound):  # another `up` may have built, and removed, the same
            client.api.remove_image(python)


def _build_argv(settings: Settings, recipe: ImageSpec, tag: str, target: str = "") -> list[str]:
    apt_options = f"-o {apt.STALE}" if apt.accepts_stale(settings.stale_mirror) else ""
    proxy = [f"--build-arg={name}" for name in proxied(settings)]  # without a value: from the environment
    # a secret of the build is in no layer of its image
    secrets = [f"--secret=id=ca,src={settings.build_ca}"] if settings.build_ca else []
    arguments = [f"--build-arg=BASE={recipe.base}", f"--build-arg=APT_OPTIONS={apt_options}", *proxy, *secrets]
    if recipe.stamp:
        labels = owned(settings, recipe.stamp).items()
        arguments += [f"--build-arg=STAMP={recipe.stamp}", *(f"--label={name}={value}" for name, value in labels)]
    stage = target or recipe.target
    aims = [f"--target={stage}"] if stage else []
    build = ["docker", "buildx", "build", "--progress=plain", "--load", *aims, f"--tag={tag}", *arguments]
    return [*build, str(ROOT / recipe.folder)]
