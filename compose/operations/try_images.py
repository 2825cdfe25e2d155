"""Trying new images before the topology names them: each program starts in a throw-away container without network."""

import re
import subprocess
from collections.abc import Mapping

from cluster.errors import MachineError, RefusedError, UsageError
from cluster.topology import Topology
from compose.engine.throwaway_container import ThrowawayContainer
from compose.home import rendered_files
from compose.operations.try_config import try_configuration
from compose.process import last_words
from compose.render.config_files import render_files
from compose.render.host_facts import HostFacts
from compose.stack import Stack

_PROGRAMS = "import exporters.server, health.app, backup.service.daemon"
"""What the four services are made of; libpq, zstd and the rest of the compiled packages come with it."""
_VERSION_COMMANDS: Mapping[str, tuple[str, ...]] = {
    "postgres": ("postgres", "--version"),
    "pgbouncer": ("sh", "-c", "haproxy -v > /dev/null && pgbouncer --version"),
    "services": ("python3", "-c", f"{_PROGRAMS}; import psycopg, zstandard; print(psycopg.pq.version())"),
    "prometheus": ("promtool", "--version"),
    "alertmanager": ("amtool", "--version"),
}
_LONGEST = 120.0
_VERSION = re.compile(r"\(PostgreSQL\) ([0-9]+)\.([0-9]+)")


def try_images(stack: Stack, topology: Topology, facts: HostFacts, roles: list[str]) -> dict[str, str]:
    """Start every program of the images in ``facts``; each one's version line, by role.

    PostgreSQL makes a new cluster and starts in it with the configuration that the primary has.

    Raises:
        MachineError: an image does not work.
    """
    versions = {
        role: version_text(stack, getattr(facts.images, role), role) for role in roles if role in _VERSION_COMMANDS
    }
    try:
        try_configuration(stack.home, topology.project, _configuration(stack, topology, facts), facts)
    except UsageError as error:
        raise MachineError(f"the new PostgreSQL does not start: {error.message}", "nothing was changed") from None
    return versions


def version_text(stack: Stack, image: str, role: str) -> str:
    """First line of `--version` of an image's program.

    Raises:
        MachineError: it does not start.
    """
    program, *arguments = _VERSION_COMMANDS[role]
    project = stack.topology.project
    try:
        done = ThrowawayContainer(image=image, project=project, entrypoint=program, command=tuple(arguments)).run(
            timeout=_LONGEST
        )
    except subprocess.TimeoutExpired:
        raise MachineError(f"the image of {role} does nothing", "nothing was changed") from None
    if done.returncode:
        complaint = last_words(done.stderr or done.stdout, 1)
        raise MachineError(f"the image of {role} does not work: {complaint}", "nothing was changed")
    return (done.stdout or done.stderr).strip().splitlines()[0]


def _configuration(stack: Stack, topology: Topology, facts: HostFacts) -> dict[str, str]:
    accepted = rendered_files.accepted_user_files(stack.home, topology.primary)
    rendered = render_files(stack.settings, topology, facts, accepted)
    directory = f"rendered/nodes/{topology.primary}"
    return {name: text for name, text in rendered.items() if name.startswith(directory)}


def refuse_older(running: str, new: str) -> None:
    """No step back: an archive may be behind the one that the running images were made from.

    Raises:
        RefusedError: ``new`` (a line of ``postgres --version``) is older, or of another major version.
    """
    before, after = _version_number(running), _version_number(new)
    if after[0] != before[0]:
        raise RefusedError(f"{new} is no update of {running}", "another major version needs its own upgrade")
    if after < before:
        raise RefusedError(f"the archive has {new}, and {running} runs", "wait until the archive is up to date again")


def _version_number(versions: str) -> tuple[int, int]:
    found = _VERSION.search(versions)
    return (int(found[1]), int(found[2])) if found else (0, 0)
