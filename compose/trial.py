"""Trying the user's own PostgreSQL files in a throw-away server, so that a mistake stops before the cluster sees it."""

import re
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

from cluster.errors import UsageError
from compose import engine
from compose.home import Home
from compose.process import last_words
from compose.render import files
from compose.render.postgres import USER_HBA, USER_PARAMETERS
from compose.render.stack import Concrete, passwd_text

_SHOWN_AS = {f"/trial/{USER_PARAMETERS}": "config/postgresql.conf", f"/trial/{USER_HBA}": "config/pg_hba.conf"}
_NOISE = re.compile(r"^.*SSL is disabled.*\n(?:.*(?:HINT|CONTEXT): .*\n)*", re.MULTILINE)
"""The throw-away server has no certificate, and says so of every hostssl line."""
_LEVELS = ("LOG: ", "CONTEXT: ", "FATAL: ")
_GREETINGS = ("starting PostgreSQL", "listening on", "redirecting log", "could not load /trial")


def try_configuration(home: Home, rendered: Mapping[str, str], concrete: Concrete) -> None:
    """Start a throw-away server with one node's rendered files (path → text).

    Raises:
        UsageError: PostgreSQL does not start with them; carries what it says.
    """
    trial = home.rendered / ".trial"
    shutil.rmtree(trial, ignore_errors=True)
    texts = {f"rendered/.trial/{Path(name).name}": text for name, text in rendered.items()}
    texts["rendered/.trial/passwd"] = passwd_text(concrete.user)
    files.write(home, {name: ("", text) for name, text in texts.items()})
    try:
        done = subprocess.run(_argv(home, concrete), capture_output=True, text=True, errors="replace", check=False)
    finally:
        shutil.rmtree(trial, ignore_errors=True)
    if done.returncode != 0:
        raise UsageError(
            f"PostgreSQL does not start with config/: {_complaint(done.stdout + done.stderr)}",
            "mend that line; nothing was changed",
        )


def _argv(home: Home, concrete: Concrete) -> list[str]:
    uid, gid = concrete.user
    trial = home.rendered / ".trial"
    mounts = [f"--volume={trial}:/trial:ro", f"--volume={trial}/passwd:/etc/passwd:ro"]
    memory = [f"--tmpfs={path}:uid={uid},gid={gid}" for path in ("/tmp", "/run/pods")]
    walls = [
        "--network=none",
        "--read-only",
        "--cap-drop=ALL",
        "--security-opt=no-new-privileges",
        f"--user={uid}:{gid}",
    ]
    run = ["docker", "--host", engine.docker_host(), "run", "--rm", *walls, *mounts, *memory]
    return [*run, concrete.images.postgres, "try-config", "/trial"]


def _complaint(output: str) -> str:
    """What the server said between its greeting and its end, in one line, with the user's own file names."""
    lines = _NOISE.sub("", output).splitlines()
    said = [line.split(level, 1)[1].strip() for line in lines for level in _LEVELS if level in line]
    text = " / ".join(line for line in said if not line.startswith(_GREETINGS)) or last_words(output, 1)
    for inside, outside in _SHOWN_AS.items():
        text = text.replace(inside, outside)
    return text
