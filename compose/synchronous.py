"""Changing whether commits wait for replicas, on the running cluster."""

import os
import re
from dataclasses import replace
from pathlib import Path

from cluster.errors import RefusedError
from cluster.settings import load_settings
from cluster.topology import write_atomically
from compose.console import Console
from compose.lock import exclusive
from compose.publish import publish
from compose.render.postgres import synchronous_count
from compose.stack import Stack


def set_sync(stack: Stack, console: Console, mode: str) -> None:
    """Write PODS_SYNC into .env and let the primary take it up; no server restarts, no client notices."""
    with exclusive(stack.home.lock, "replica.sync"):
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
            write_atomically(env, with_setting(_text(env), "PODS_SYNC", mode))
            publish(replace(stack, settings=settings), stack.topology)


def with_setting(text: str, variable: str, value: str) -> str:
    """The text of a .env with ``variable`` set, in its old place or at the end."""
    line, pattern = f"{variable}={value}", re.compile(rf"^\s*{variable}\s*=.*$", re.MULTILINE)
    if pattern.search(text):
        return pattern.sub(line, text)
    return f"{text}\n{line}\n".lstrip("\n") if text and not text.endswith("\n") else f"{text}{line}\n"


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8") if path.exists() else ""
