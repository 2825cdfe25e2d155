"""Changing whether commits wait for replicas, on the running cluster."""

import os
import re
from dataclasses import replace
from pathlib import Path

from cluster.config.env_file import load_settings
from cluster.errors import RefusedError
from cluster.files import write_atomically
from cluster.pools import synchronous_count
from compose.console import Console
from compose.operations.apply_topology import publish
from compose.operations.home_identity import changing
from compose.stack import Stack


def set_sync(stack: Stack, console: Console, mode: str) -> None:
    """Write PODS_SYNC into .env and let the primary take it up; no server restarts, no client notices."""
    with changing(stack, "replica.sync") as stack:
        env = stack.home.path / ".env"
        settings = load_settings(stack.home.path, {**os.environ, "PODS_SYNC": mode})
        members, needed = len(stack.topology.in_state("member")), synchronous_count(settings)
        if members < needed:
            raise RefusedError(
                f"{mode} needs {needed} replicas and there are {members}", "add one first: inv replica.add"
            )
        if "PODS_SYNC" in os.environ:
            raise RefusedError("PODS_SYNC is set in the environment, which wins over .env", "unset it there first")
        with console.step(f"Setting synchronous replication to {mode}"):
            _write_env(env, with_setting(_text(env), "PODS_SYNC", mode))
            publish(replace(stack, settings=settings), stack.topology)


def with_setting(text: str, variable: str, value: str) -> str:
    """The text of a .env with ``variable`` set, in its old places or at the end."""
    line = f"{variable}={value}"
    pattern = re.compile(rf"^[ \t]*(?:export[ \t]+)?{variable}[ \t]*=.*$", re.MULTILINE)
    if pattern.search(text):
        return pattern.sub(line, text)
    return text + ("" if not text or text.endswith("\n") else "\n") + line + "\n"


def _write_env(path: Path, text: str) -> None:
    """Replace .env, leaving it as open or closed as its owner made it."""
    if path.exists():
        known = path.stat()
        write_atomically(path, text, known.st_mode & 0o777, (known.st_uid, known.st_gid))
    else:
        write_atomically(path, text)


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8") if path.exists() else ""
