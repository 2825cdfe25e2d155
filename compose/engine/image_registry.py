"""The registry: whether it gives the official image that new images stand on, and whether that is a newer one now."""

from typing import TYPE_CHECKING

from cluster.config.settings import Settings
from cluster.errors import MachineError
from compose.console import Console
from compose.engine.image_build import BASES, OFFICIAL, has

if TYPE_CHECKING:
    from docker import DockerClient

_REGISTRY_SECONDS = 20


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
