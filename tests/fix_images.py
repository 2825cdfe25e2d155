"""The images of this checkout, built as `inv up` builds them: whichever test comes first on a fresh machine."""

from functools import cache
from pathlib import Path

from cluster.config.env_file import load_settings
from compose.console import Console
from compose.engine import daemon, image_build
from compose.render.host_facts import Images


@cache
def images() -> Images:
    """All that a cluster with default settings uses."""
    settings, client, console = load_settings(Path("/nowhere")), daemon.connect(), Console()
    source, base = image_build.choose(client, settings, console)
    return image_build.ensure(client, settings, source, base, console)


def image() -> str:
    """That of the database servers."""
    return images().postgres
