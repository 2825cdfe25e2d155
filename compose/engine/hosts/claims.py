"""Which machine controls a host: one, and it says so in a file in the host's home. Pure but for `this_machine`."""

import json
import socket
from dataclasses import asdict, dataclass

from cluster.config.docker_hosts import Host
from cluster.errors import PodsError, RefusedError
from compose.home.paths import Home


@dataclass(frozen=True, slots=True, kw_only=True)
class ControlMachine:
    """A machine on which `inv` runs, and which cluster from there. ``id`` is made at random, once for a home."""

    id: str
    machine: str
    home: str
    project: str

    @property
    def text(self) -> str:
        """As it stands in the file on a host."""
        return json.dumps(asdict(self), sort_keys=True)


def this_machine(home: Home, project: str, identity: str) -> ControlMachine:
    """Who we are, by the ``identity`` in the state of hosts, which is in every backup of the home."""
    return ControlMachine(id=identity, machine=socket.gethostname(), home=str(home.path), project=project)


def foreign_claim(host: Host, claim: str, control: ControlMachine) -> PodsError | None:
    """Why we may not change a host; None where we may: nobody controls it yet, or we do."""
    if claim in ("", control.text):
        return None
    try:
        raw = json.loads(claim)
        holder = ControlMachine(**{key: str(raw[key]) for key in ("id", "machine", "home", "project")})
    except (ValueError, KeyError, TypeError):
        return RefusedError(
            f"host {host.name} does not know who controls it: its .control is damaged",
            f"if nobody else does: inv hosts.add {host.name} --take-over",
        )
    if holder.project != control.project:
        return RefusedError(
            f"that home on host {host.name} is of the cluster {holder.project!r}, controlled from {holder.machine}",
            "give this cluster another home there, in config/hosts.toml",
        )
    if (holder.machine, holder.home) == (control.machine, control.home):
        return RefusedError(
            f"host {host.name} was added from here, and this home does not know of it",
            f"was data/hosts.json lost or put back from a copy? Then: inv hosts.add {host.name} --take-over",
        )
    return RefusedError(
        f"host {host.name} is controlled from {holder.machine} ({holder.home})",
        f"work from there; if that machine is lost for good: inv hosts.add {host.name} --take-over",
    )
