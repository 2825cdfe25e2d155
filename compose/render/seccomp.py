"""Which system calls a PostgreSQL container may make: with io_uring only where it is used. Pure.

What a ring opens no filter sees: of all that the profile refuses, sockets to the hypervisor can be had through one
(IORING_OP_SOCKET). So who does not use io_uring does not have its three calls either.
"""

from pathlib import Path

from cluster.config.env_file import PROJECT_ROOT
from cluster.config.settings import Settings
from compose.render.host_facts import HostFacts

WITH_IO_URING = PROJECT_ROOT / "compose" / "seccomp.json"
WITHOUT_IO_URING = PROJECT_ROOT / "compose" / "seccomp-no-io-uring.json"
"""The same without one group of calls; a test holds the two together."""


def node_profile(settings: Settings, facts: HostFacts) -> Path:
    """That of a node."""
    used = settings.io_method in ("auto", "io_uring") and facts.io_uring
    return WITH_IO_URING if used else WITHOUT_IO_URING


def security_option(profile: Path, facts: HostFacts) -> str:
    """As Compose wants it: where the host has the profile."""
    return f"seccomp={facts.checkout}/{profile.relative_to(PROJECT_ROOT)}"
