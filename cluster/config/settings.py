"""Every setting there is, declared once: name, default, check and help. env_file.py reads them.

One class a subject, each the base of the next, so that their fields stand in the order of `.env.example`.
"""

import re
from dataclasses import dataclass, field

from cluster.config.backup_settings import BackupSettings
from cluster.config.databases import Declarations
from cluster.config.declaration import IMAGES, TIMEOUTS, setting
from cluster.config.docker_hosts import DockerHosts
from cluster.config.validators import (
    AUTO,
    existing_file,
    matching,
    no_space,
    one_of,
    whole,
)

KEPT_FREE = 8
"""Server connections of a node that no pool may use: superuser_reserved (3) and reserved (5)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings(BackupSettings):
    """What the user asked for. Sizes are bytes, durations seconds; None means: derived (``auto``)."""

    images: str = setting(
        AUTO,
        one_of(AUTO, "registry", "debian"),
        "Base of the images: a registry's official ones, or the host's Debian archive; chosen once, at the first `up`.",
        IMAGES,
    )
    registry: str = setting(
        "",
        no_space,
        "Prefix for official images when they come from a mirror, such as registry.example:5000/library/.",
        IMAGES,
    )
    debian_suite: str = setting(
        "forky",
        matching(re.compile(r"[a-z][a-z-]*\Z"), "use a Debian suite name"),
        "Debian suite the images are built from.",
        IMAGES,
    )
    debian_mirror: str = setting(
        "", no_space, "Debian archive the images are built from; empty: the one this host's apt uses.", IMAGES
    )
    stale_mirror: str = setting(
        AUTO,
        one_of(AUTO, "true", "false"),
        "Accept a Debian archive whose index is past its Valid-Until; auto: as this host's apt is told to.",
        IMAGES,
    )
    build_ca: str = setting("", existing_file, "CA bundle that builds trust, behind a TLS-inspecting proxy.", IMAGES)
    proxy: str = setting(
        "", no_space, "HTTP proxy for builds, USER:PASSWORD@ included; .env then wants mode 0600.", IMAGES, secret=True
    )
    start_timeout: int = setting(
        "300", whole(5, 86_400), "Seconds a node may take to start, recover and stream.", TIMEOUTS
    )
    stop_grace: int = setting(
        "120", whole(5, 3_600), "Seconds PostgreSQL may take to stop before it is killed.", TIMEOUTS
    )
    declarations: Declarations = field(default_factory=Declarations)
    """What config/databases.toml says, as it stands there."""
    hosts: DockerHosts = field(default_factory=DockerHosts)
    """What config/hosts.toml says."""

    @property
    def declared(self) -> Declarations:
        """Every database and role there shall be: the application's first, then those of config/databases.toml."""
        return self.declarations.completed(self.database, self.user)
