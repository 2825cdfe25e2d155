"""The images of this checkout, built as `inv up` builds them: whichever test comes first on a fresh machine."""

import fcntl
import os
import tempfile
from dataclasses import replace
from functools import cache
from pathlib import Path

from cluster.config.docker_hosts import DockerHosts, Host
from cluster.config.env_file import load_settings
from compose.console import Console
from compose.engine import daemon, image_build, image_registry
from compose.render.host_facts import Images


@cache
def images(*hosts: Host) -> Images:
    """All that a cluster with default settings and ``hosts`` uses; built once, also where other workers want them."""
    settings, client, console = load_settings(Path("/nowhere")), daemon.connect(), Console()
    settings = replace(settings, hosts=DockerHosts(hosts=hosts))
    with (Path(tempfile.gettempdir()) / f"pods-test-images-{os.getuid()}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        source, base = image_registry.choose(client, settings, console)
        return image_build.ensure(client, settings, source, base, console)


def image() -> str:
    """That of the database servers."""
    return images().postgres
