"""The images: which base they stand on, and building them when an input changed.

`registry`: the official postgres:18. `debian`: a base made from the host's own Debian archive with mmdebstrap, for
hosts that reach a package archive and no registry. Chosen at the first `up`, written into the topology, never switched.
"""

import hashlib
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

from cluster.errors import MachineError
from cluster.settings import PROJECT_ROOT, Settings
from compose import apt
from compose.console import Console, Step
from compose.engine import docker_host
from compose.process import follow, last_words
from compose.render.stack import Images

if TYPE_CHECKING:
    from docker import DockerClient

CONTEXT = PROJECT_ROOT / "compose" / "images"
OFFICIAL = "postgres:18"
_INCLUDED = "ca-certificates"
_ASK_SECONDS = 20


def choose(client: "DockerClient", settings: Settings, console: Console) -> tuple[str, str]:
    """Source and base image for a new cluster: (``registry`` or ``debian``, image reference)."""
    official = settings.registry + OFFICIAL
    local = f"pods/base:{settings.debian_suite}"
    if settings.images == "debian":
        return "debian", local
    if _has(client, official):
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
    client.api.timeout = _ASK_SECONDS
    try:
        client.api.inspect_distribution(reference)  # type: ignore[no-untyped-call]
    except APIError as error:
        return str(error.explanation or error).splitlines()[0][:160]
    except requests.RequestException:
        return f"no answer within {_ASK_SECONDS} s"
    finally:
        client.api.timeout = quick
    return ""


def ensure(client: "DockerClient", settings: Settings, source: str, base: str, console: Console) -> Images:
    """The images, built where an input changed.

    Raises:
        MachineError: the base cannot be had, or a build failed.
    """
    references = expected(base)
    missing = [role for role in ("postgres", "pgbouncer") if not _has(client, getattr(references, role))]
    if not missing:
        return references
    if not _has(client, base):
        _make_base(settings, base, console) if source == "debian" else _pull(client, base, console)
    for role in missing:
        with console.step(f"Building the image of {role}") as step:
            follow(
                _build_argv(settings, base, role, getattr(references, role)),
                step,
                env={"DOCKER_HOST": docker_host(), "DOCKER_BUILDKIT": "1"},
            )
    return references


def expected(base: str) -> Images:
    """References that the images of this version of PODS have on ``base``: a tag is the hash of all inputs."""
    tag = inputs_hash(base)
    return Images(postgres=f"pods/postgres:{tag}", pgbouncer=f"pods/pgbouncer:{tag}")


def inputs_hash(base: str, context: Path = CONTEXT) -> str:
    """Hash of the base's name and of every file of the build context."""
    digest = hashlib.sha256(base.encode())
    for path in sorted(context.iterdir()):
        digest.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()[:12]


def _has(client: "DockerClient", reference: str) -> bool:
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


def _make_base(settings: Settings, base: str, console: Console) -> None:
    if not apt.has("mmdebstrap"):
        raise MachineError(
            "mmdebstrap, which makes the base image, is not installed", "run: apt-get install mmdebstrap"
        )
    apt.require_root("making the base image")
    with console.step(f"Making a Debian {settings.debian_suite} base image from this host's archive") as step:
        archive = settings.debian_mirror or apt.debian_archive()
        step.update("fetching and unpacking packages")
        _import(_bootstrap_argv(settings, archive), base, step)


def _bootstrap_argv(settings: Settings, archive: str) -> list[str]:
    options = ['--aptopt=Acquire::Check-Valid-Until "false"'] if apt.accepts_stale(settings.stale_mirror) else []
    options += [f'--aptopt=Acquire::http::Proxy "{settings.proxy}"'] if settings.proxy else []
    options += [f'--aptopt=Acquire::https::CAInfo "{settings.build_ca}"'] if settings.build_ca else []
    return [
        "mmdebstrap",
        "--variant=minbase",
        f"--include={_INCLUDED}",
        "--format=tar",
        *options,
        settings.debian_suite,
        "-",
        archive,
    ]


def _import(bootstrap: list[str], base: str, step: Step) -> None:
    """Stream mmdebstrap's tar into the engine; an image exists only if both ended well."""
    with subprocess.Popen(
        bootstrap, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=False
    ) as maker:
        assert maker.stdout is not None
        assert maker.stderr is not None
        taker = subprocess.Popen(
            ["docker", "--host", docker_host(), "import", "-", base + "-unfinished"],
            stdin=maker.stdout,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        )
        maker.stdout.close()
        told = []
        for line in maker.stderr:
            told.append(line.decode(errors="replace"))
            step.update(told[-1].strip()[:100])
        _, complaint = taker.communicate()
    if maker.returncode != 0:
        _drop_unfinished(base)
        raise MachineError(f"the base image cannot be made: {_telling(told)}", _mirror_hint("".join(told)))
    if taker.returncode != 0:
        raise MachineError(
            f"the engine does not take the base image: {last_words(complaint.decode(errors='replace'))}",
            "check the disk of the engine",
        )
    for command in (["tag", base + "-unfinished", base], ["rmi", base + "-unfinished"]):
        follow(["docker", "--host", docker_host(), *command], step)


def _drop_unfinished(base: str) -> None:
    subprocess.run(["docker", "--host", docker_host(), "rmi", base + "-unfinished"], capture_output=True, check=False)


def _telling(lines: list[str]) -> str:
    errors = [line.strip() for line in lines if line.startswith("E: ")]
    return errors[0] if errors else last_words("".join(lines))


def _mirror_hint(text: str) -> str:
    if "is expired" in text or "not valid" in text:
        return "set PODS_STALE_MIRROR=true in .env if its index is only out of date"
    return "check PODS_DEBIAN_MIRROR, PODS_DEBIAN_SUITE and PODS_PROXY in .env, and this host's apt"


def _build_argv(settings: Settings, base: str, role: str, reference: str) -> list[str]:
    apt_options = f"-o {apt.STALE}" if apt.accepts_stale(settings.stale_mirror) else ""
    proxy = [f"--build-arg={name}={settings.proxy}" for name in ("http_proxy", "https_proxy")] if settings.proxy else []
    # a secret of the build is in no layer of its image
    secrets = [f"--secret=id=ca,src={settings.build_ca}"] if settings.build_ca else []
    arguments = [f"--build-arg=BASE={base}", f"--build-arg=APT_OPTIONS={apt_options}", *proxy, *secrets]
    return [
        "docker",
        "buildx",
        "build",
        "--progress=plain",
        "--load",
        f"--target={role}",
        f"--tag={reference}",
        *arguments,
        str(CONTEXT),
    ]
