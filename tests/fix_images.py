"""The images of this checkout, built as `inv up` builds them: whichever test comes first on a fresh machine."""

from functools import cache
from pathlib import Path

from cluster.settings import load_settings
from compose import build, engine
from compose.console import Console
from compose.render.concrete import Images


@cache
def images() -> Images:
    """All that a cluster with default settings uses."""
    settings, client, console = load_settings(Path("/nowhere")), engine.connect(), Console()
    source, base = build.choose(client, settings, console)
    return build.ensure(client, settings, source, base, console)


def image() -> str:
    """That of the database servers."""
    return images().postgres
