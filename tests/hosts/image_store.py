"""What the engines of the bed keep: one volume for all hosts and runs, with ready image stores in it.

An engine's store of images is a directory of layers that it never writes to again, and small files about them. The
first run loads the images into a store; every host that shall begin with them gets hard links of the layers and copies
of the small files. That takes a second, where loading takes each engine half a minute of a processor.
"""

import hashlib
from collections.abc import Callable, Sequence

from tests.hosts.docker_command import docker

VOLUME = "pods-test-hosts"
_KEPT = 4
"""Ready stores; the oldest go when there are more."""
_LAYERS, _ABOUT = "overlay2", "image"


def image_ids(references: Sequence[str]) -> list[str]:
    """What these references are now."""
    return [docker("image", "inspect", "--format", "{{.Id}}", reference) for reference in references]


def store_name(references: Sequence[str], bed_image: str) -> str:
    """Of the ready store with these images: of other ids, or other names, it is another one."""
    parts = (*references, *image_ids(references), *image_ids([bed_image]))
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:12]


def in_volume(image: str, script: str) -> str:
    """Run a script where the whole volume is at /volume."""
    mount = f"type=volume,src={VOLUME},dst=/volume"
    return docker("run", "--rm", "--network=none", f"--mount={mount}", "--entrypoint=sh", image, "-ec", script)


def ready(image: str, store: str) -> bool:
    """Whether the store ``store`` is whole."""
    return (
        in_volume(image, f"test -e /volume/stores/{store}/whole && touch /volume/stores/{store} && echo yes || :")
        == "yes"
    )


def fill(image: str, store: str, references: Sequence[str], loader: Callable[[str], None]) -> None:
    """Make it: ``loader`` gets the path in the volume that an engine is to use, and has it load the images."""
    path = f"stores/{store}/docker"
    in_volume(image, f"rm -rf /volume/stores/{store} && mkdir -p /volume/{path}")
    loader(path)
    old = f"ls -1dt /volume/stores/*/ | tail -n +{_KEPT + 1} | xargs -r rm -rf"
    keep = f"cd /volume/{path} && find . -mindepth 1 -maxdepth 1 ! -name {_LAYERS} ! -name {_ABOUT} -exec rm -rf {{}} +"
    in_volume(image, f"{keep}\ntouch /volume/stores/{store}/whole\n{old}")


def give(image: str, store: str, path: str) -> None:
    """An engine whose files are at ``path`` in the volume begins with the images of ``store``."""
    source, target = f"/volume/stores/{store}/docker", f"/volume/{path}"
    in_volume(image, f"mkdir -p {target} && cp -al {source}/{_LAYERS} {target}/ && cp -a {source}/{_ABOUT} {target}/")
