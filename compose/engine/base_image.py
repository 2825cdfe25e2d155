"""The base image on hosts that reach a package archive and no registry: made by mmdebstrap, streamed to the engine."""

import os
import subprocess
from collections.abc import Mapping

from cluster.config.settings import Settings
from cluster.errors import MachineError
from compose.console import Console, Progress
from compose.engine import apt
from compose.engine.daemon import docker_host
from compose.process import follow, last_words

_INCLUDED = "ca-certificates"
_UNFINISHED = "-unfinished"
_NOTHING_LEFT = '--customize-hook=rm -f "$1/etc/apt/apt.conf.d/99mmdebstrap"'
"""mmdebstrap leaves apt's options in what it makes: a path of this host, and leave to use an archive that is stale."""


def proxied(settings: Settings) -> dict[str, str]:
    """PODS_PROXY in the environment of what fetches: it may hold a password, and everybody sees arguments."""
    return dict.fromkeys(("http_proxy", "https_proxy"), settings.proxy) if settings.proxy else {}


def make_base(settings: Settings, base: str, console: Console, labels: Mapping[str, str] | None = None) -> None:
    """Make the image ``base`` from the host's own Debian archive.

    Raises:
        MachineError: mmdebstrap is missing, or the archive or the engine refuses.
    """
    if not apt.has("mmdebstrap"):
        raise MachineError(
            "mmdebstrap, which makes the base image, is not installed", "run: apt-get install mmdebstrap"
        )
    apt.require_root("making the base image")
    with console.step(f"Making a Debian {settings.debian_suite} base image from this host's archive") as step:
        archive = settings.debian_mirror or apt.debian_archive()
        step.update("fetching and unpacking packages")
        changes = [f"--change=LABEL {name}={value}" for name, value in (labels or {}).items()]
        _import(_bootstrap_argv(settings, archive), proxied(settings), [*changes, "-", base + _UNFINISHED], step)
        for command in (["tag", base + _UNFINISHED, base], ["rmi", base + _UNFINISHED]):
            follow(["docker", "--host", docker_host(), *command], step)


def _bootstrap_argv(settings: Settings, archive: str) -> list[str]:
    options = ['--aptopt=Acquire::Check-Valid-Until "false"'] if apt.accepts_stale(settings.stale_mirror) else []
    options += [f'--aptopt=Acquire::https::CAInfo "{settings.build_ca}"'] if settings.build_ca else []
    return [
        "mmdebstrap",
        "--variant=minbase",
        f"--include={_INCLUDED}",
        "--format=tar",
        *options,
        _NOTHING_LEFT,
        settings.debian_suite,
        "-",
        archive,
    ]


def _import(bootstrap: list[str], environment: dict[str, str], arguments: list[str], step: Progress) -> None:
    """Stream mmdebstrap's tar into the engine; an image exists only if both ended well."""
    with subprocess.Popen(
        bootstrap,
        env=os.environ | environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=False,
    ) as maker:
        assert maker.stdout is not None
        assert maker.stderr is not None
        taker = subprocess.Popen(
            ["docker", "--host", docker_host(), "import", *arguments],
            stdin=maker.stdout,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        )
        maker.stdout.close()
        output = ""
        for line in maker.stderr:
            output += line.decode(errors="replace")
            step.update(line.decode(errors="replace").strip()[:100])
        _, complaint = taker.communicate()
    if maker.returncode != 0:
        _drop_unfinished(arguments[-1])
        raise MachineError(f"the base image cannot be made: {apt.first_error(output)}", _mirror_hint(output))
    if taker.returncode != 0:
        raise MachineError(
            f"the engine does not take the base image: {last_words(complaint.decode(errors='replace'))}",
            "check the disk of the engine",
        )


def _drop_unfinished(name: str) -> None:
    subprocess.run(["docker", "--host", docker_host(), "rmi", name], capture_output=True, check=False)


def _mirror_hint(text: str) -> str:
    if "is expired" in text or "not valid" in text:
        return "set PODS_STALE_MIRROR=true in .env if its index is only out of date"
    return "check PODS_DEBIAN_MIRROR, PODS_DEBIAN_SUITE and PODS_PROXY in .env, and this host's apt"
