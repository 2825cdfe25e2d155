"""Whether PgBouncer may open as many files as its settings let clients in: the limit is the engine's to give."""

from collections.abc import Iterable
from pathlib import Path

from cluster.endpoints import POOLER
from compose.engine.containers import Container
from compose.render.pgbouncer_ini import open_files
from compose.stack import Stack

REMEDY = (
    "lower PODS_MAX_CLIENTS, or let the engine give more: "
    '"default-ulimits": {"nofile": {"Name": "nofile", "Hard": 65536, "Soft": 65536}} in its daemon.json, '
    "then docker compose up -d --force-recreate pgbouncer"
)
_NAME = "Max open files"


def missing_files(stack: Stack, found: Iterable[Container]) -> str:
    """What its limit of open files falls short of, in words; "" where it suffices, or nobody can know.

    A client beyond the limit hangs without a word, and so does whoever wants to look.
    """
    needed = open_files(stack.settings, stack.topology)
    limits = (file_limit(container) for container in found if container.service == POOLER and not container.one_off)
    short = [limit for limit in limits if limit is not None and limit < needed]
    if not short:
        return ""
    clients = stack.settings.max_clients
    return f"PgBouncer may open {short[0]} files and needs {needed} for PODS_MAX_CLIENTS={clients}: clients beyond hang"


def file_limit(container: Container, processes: Path = Path("/proc")) -> int | None:
    """The hard limit of ``container``'s first process, to which its entrypoint goes; None where it is not in sight."""
    process = processes / str(container.pid)
    try:
        # an engine in a machine of its own counts processes that are others here
        if not container.pid or container.id not in (process / "cgroup").read_text():
            return None
        lines = (process / "limits").read_text().splitlines()
    except OSError:
        return None
    hard = next((line.removeprefix(_NAME).split()[1] for line in lines if line.startswith(_NAME)), "")
    return int(hard) if hard.isdigit() else None
