"""Whether its data is the reason that a replica does not run or does not stream: only then is it cloned anew.

Nothing is decided by what a log says. Whoever may connect writes there: a login as ``x``, a line break and ``PANIC: …``
is a line of its own. What decides is whether the primary would stream to it, and whether it starts where nobody is.
"""

import os
import subprocess
from pathlib import PurePath

from cluster.errors import MachineError
from cluster.postgres.failures import ServerError
from cluster.postgres.lsn import Lsn
from cluster.postgres.replication import replicate
from compose.console import Progress
from compose.home import passwords
from compose.home.paths import MOUNT, service_user
from compose.operations.start import RESTART_LIMIT
from compose.process import last_words
from compose.stack import Stack

DAMAGED = 66
"""Exit code of `pods-node examine`: the data is the reason. Every other means that it is not, or that nobody knows."""
_NO_DIRECTORY = 67
"""Its exit code where a tablespace has no directory on this node."""
_NEVER = ("58P01", "XX000")
"""SQLSTATEs of a primary whose WAL is gone, and of one in whose history the position or the timeline is not.

Source: PostgreSQL 18, src/backend/replication/walsender.c, StartReplication and WalSndSegmentOpen.
"""
_SILENCE_SECONDS = 3.0
"""A primary that has what it is asked for sends it, or waits for more; that it has not it says at once."""


def damage(stack: Stack, step: Progress, node: str) -> str:
    """Why ``node``, which is not well, needs other data; "" where other data would not help, or nobody knows.

    A replica that does not answer is stopped for it, and started again unless its data is the reason.
    """
    facts = stack.snapshot().nodes[node].facts
    if facts is not None:
        position = max(facts.lsn, facts.received_lsn or Lsn(0))
        return "" if streams_from(stack, position, facts.timeline) else "the primary has not the WAL that comes next"
    container = stack.containers().get(node)
    if container is not None and container.status == "running" and container.restarts <= RESTART_LIMIT:
        return ""  # it is starting, and may have much to recover
    stack.compose.follow(step, "stop", node)
    examined = _examine(stack, node)
    if examined.returncode == DAMAGED:
        return "it does not start"
    stack.compose.run("up", "--detach", "--no-deps", node)
    if examined.returncode == _NO_DIRECTORY:
        raise _missing_tablespace(stack, node, last_words(examined.stdout, 1))
    return ""


def _missing_tablespace(stack: Stack, node: str, path: str) -> MachineError:
    directory, (uid, gid) = PurePath(path), service_user()
    message = f"{node} has no directory {path}, which a tablespace of the primary is in"
    if not directory.is_relative_to(MOUNT):
        return MachineError(message, f"tablespaces belong below {MOUNT}, see docs/how-to/disks.md")
    here = stack.home.node(node) / directory.relative_to(MOUNT)
    return MachineError(message, f"install -d -m 700 -o {uid} -g {gid} {here}, then run inv up")


def _examine(stack: Stack, node: str) -> subprocess.CompletedProcess[str]:
    argv = stack.compose.argv("run", "--rm", "--no-deps", "-T", node, "examine")
    environment = {**os.environ, **stack.compose.environment}
    return subprocess.run(
        argv, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace", check=False
    )


def streams_from(stack: Stack, position: Lsn, timeline: int) -> bool:
    """Whether the primary would stream from there: it refuses if that WAL is gone, or never was its own."""
    primary = stack.topology.primary
    try:
        with replicate(stack.access(primary, passwords.REPLICATION), node=primary) as connection:
            connection.send(f"START_REPLICATION PHYSICAL {position} TIMELINE {timeline}")
            answer = connection.answer()
            if answer is not None and answer.kind == "copy both" and connection.receive(_SILENCE_SECONDS) == b"":
                connection.answer()
    except ServerError as refusal:
        return refusal.sqlstate not in _NEVER
    except MachineError:
        return True  # nobody knows
    return True
