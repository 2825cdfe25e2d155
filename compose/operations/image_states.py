"""The images that this cluster runs, with their age, kept in the report that services read."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING

from cluster.endpoints import PROXY
from cluster.image_report import NAME, ImageReport, ImageState, read_report, write_report
from compose.engine.host import host_facts_of
from compose.engine.hosts.image_transfer import image_identity
from compose.engine.image_build import image_role
from compose.engine.package_changes import Change
from compose.home.paths import Home
from compose.stack import Stack

if TYPE_CHECKING:
    from docker import DockerClient


def running_images(stack: Stack) -> dict[str, str]:
    """Id of the image that runs, by role (``postgres``, ``services`` …); of what does not run, nothing."""
    found: dict[str, str] = {}
    if stack.topology.engine != "local":
        found |= _of_hosts(stack)
    rows = stack.client.api.containers(filters={"label": f"com.docker.compose.project={stack.topology.project}"})
    for row in sorted(rows, key=lambda row: str(row["Created"])):
        service = row["Labels"].get("com.docker.compose.service", "")
        if row["Labels"].get("com.docker.compose.oneoff") != "True" and service in stack.services:
            role = _role(stack, service)
            if row["ImageID"] not in found.values():  # Alertmanager may share Prometheus'
                found.setdefault(role, row["ImageID"])
    return found


def _of_hosts(stack: Stack) -> dict[str, str]:
    """PostgreSQL's runs on hosts alone; what was sent to them is here, and is what they have (host_content.py)."""
    reference = host_facts_of(stack.home, stack.settings, stack.topology).images.postgres
    return {"postgres": str(stack.client.images.get(reference).id)} if image_identity(stack.client, reference) else {}


def _role(stack: Stack, service: str) -> str:
    """A node's relay is HAProxy, with PgBouncer's image."""
    node = service in stack.topology.local_names
    return "postgres" if node else image_role(PROXY if service in stack.topology.names else service)


def states(client: "DockerClient", images: dict[str, str]) -> tuple[ImageState, ...]:
    """How old each image is."""
    return tuple(_state(client, role, image) for role, image in images.items())


def _state(client: "DockerClient", role: str, image: str) -> ImageState:
    raw = client.api.inspect_image(image)  # type: ignore[no-untyped-call]
    reference = (raw.get("RepoTags") or [image])[0]
    return ImageState(role=role, reference=reference, built=datetime.fromisoformat(_whole(raw["Created"])).timestamp())


def _whole(moment: str) -> str:
    """Docker's nanoseconds are more than datetime reads."""
    return moment[:19] + "+00:00"


def report_of(home: Home) -> ImageReport:
    """What is known so far."""
    return read_report(home.rendered / "services" / NAME)


def note_images(
    stack: Stack, found: Mapping[str, Sequence[Change]] | None = None, checked: float | None = None
) -> ImageReport:
    """Write down which images run now; with ``found`` what waits for each, as of ``checked``."""
    known = report_of(stack.home)
    report = known.with_images(states(stack.client, running_images(stack)))
    if found is not None:
        report = ImageReport(images=tuple(_with(image, found) for image in report.images), checked=checked)
    if report != known:
        write_report(stack.home.rendered / "services" / NAME, report)
    return report


def _with(image: ImageState, found: Mapping[str, Sequence[Change]]) -> ImageState:
    changes = found.get(image.role, ())
    return replace(image, waiting=len(changes), security=sum(change.security for change in changes))
