"""Trying the user's own PostgreSQL files in a throw-away server, so that a mistake stops before the cluster sees it."""

import re
import shutil
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from cluster.errors import UsageError
from compose.engine.throwaway_container import Mount, ThrowawayContainer
from compose.home import rendered_files
from compose.home.paths import Home
from compose.process import last_words
from compose.render.alertmanager_yml import RECEIVERS
from compose.render.compose_file import passwd_text
from compose.render.host_facts import HostFacts
from compose.render.postgresql_conf import USER_HBA
from compose.render.server_parameters import USER_PARAMETERS

_SHOWN_AS = {f"/trial/{USER_PARAMETERS}": "config/postgresql.conf", f"/trial/{USER_HBA}": "config/pg_hba.conf"}
_NOISE = re.compile(r"^.*SSL is disabled.*\n(?:.*(?:HINT|CONTEXT): .*\n)*", re.MULTILINE)
"""The throw-away server has no certificate, and says so of every hostssl line."""
_LEVELS = ("LOG: ", "CONTEXT: ", "FATAL: ")
_GREETINGS = ("starting PostgreSQL", "listening on", "redirecting log", "could not load /trial")


def try_configuration(home: Home, project: str, rendered: Mapping[str, str], facts: HostFacts) -> None:
    """Start a throw-away server with one node's rendered files (path → text).

    Raises:
        UsageError: PostgreSQL does not start with them; carries what it says.
    """
    texts = {Path(name).name: text for name, text in rendered.items()}
    server = ThrowawayContainer(image=facts.images.postgres, project=project, command=("try-config", "/trial"))
    output = _run(home, texts, facts, server)
    if output is not None:
        raise UsageError(
            f"PostgreSQL does not start with config/: {_complaint(output)}", "mend that line; nothing was changed"
        )


def try_receivers(home: Home, project: str, texts: Mapping[str, str], facts: HostFacts, origin: str) -> None:
    """Let Alertmanager's own tool check alertmanager.yml and its messages (path → text).

    Args:
        home: where it is tried.
        project: the cluster.
        texts: the rendered files.
        facts: the images.
        origin: what it was made from, as people know it.

    Raises:
        UsageError: it refuses; carries what it says.
    """
    command = ("check-config", f"/trial/{RECEIVERS}")
    tool = ThrowawayContainer(image=facts.images.alertmanager, project=project, entrypoint="amtool", command=command)
    output = _run(home, {Path(name).name: text for name, text in texts.items()}, facts, tool)
    if output is not None:
        errors = [line.strip() for line in output.splitlines() if "error" in line.lower() or "line" in line]
        raise UsageError(
            f"Alertmanager refuses {origin}: {last_words(chr(10).join(errors) or output, 1)}",
            "mend it; nothing was changed",
        )


def _run(home: Home, texts: Mapping[str, str], facts: HostFacts, container: ThrowawayContainer) -> str | None:
    """Run ``container`` with ``texts`` in /trial; its output if it fails, else None."""
    trial = home.rendered / ".trial"
    shutil.rmtree(trial, ignore_errors=True)
    texts = {**texts, "passwd": passwd_text(facts.user)}
    rendered_files.write(home, {f"rendered/.trial/{name}": ("", text) for name, text in texts.items()})
    uid, gid = facts.user
    try:
        done = replace(
            container,
            user=facts.user,
            mounts=(Mount(source=trial, target="/trial"), Mount(source=trial / "passwd", target="/etc/passwd")),
            tmpfs=tuple(f"{path}:uid={uid},gid={gid}" for path in ("/tmp", "/run/pods")),
        ).run()
    finally:
        shutil.rmtree(trial, ignore_errors=True)
    return done.stdout + done.stderr if done.returncode else None


def _complaint(output: str) -> str:
    """The server's complaints in one line, without its start-up messages, with the user's own file names."""
    lines = _NOISE.sub("", output).splitlines()
    messages = [line.split(level, 1)[1].strip() for line in lines for level in _LEVELS if level in line]
    text = " / ".join(line for line in messages if not line.startswith(_GREETINGS)) or last_words(output, 1)
    for inside, outside in _SHOWN_AS.items():
        text = text.replace(inside, outside)
    return text
