"""The images of this checkout, built as `inv up` builds them: whichever test comes first on a fresh machine."""

import fcntl
import os
import tempfile
from functools import cache
from pathlib import Path

from cluster.config.env_file import load_settings
from compose.console import Console
from compose.engine import daemon, image_build
from compose.render.host_facts import Images


@cache
def images() -> Images:
    """All that a cluster with default settings uses; built once, also where other workers want them too."""
    settings, client, console = load_settings(Path("/nowhere")), daemon.connect(), Console()
    with (Path(tempfile.gettempdir()) / f"pods-test-images-{os.getuid()}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        source, base = image_build.choose(client, settings, console)
        return image_build.ensure(client, settings, source, base, console)


def image() -> str:
    """That of the database servers."""
    return images().postgres
