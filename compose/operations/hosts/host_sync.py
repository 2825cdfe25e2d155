"""`inv hosts.sync`: what lies on hosts is what shall lie there; what differs is sent."""

from collections.abc import Collection
from dataclasses import dataclass

from cluster.errors import RefusedError
from cluster.hosts_state import HostsState
from compose.console import Console
from compose.engine.hosts.host_engine import HostEngine
from compose.engine.hosts.host_sessions import open_hosts
from compose.home.hosts_state_file import load_state
from compose.operations.home_identity import changing
from compose.operations.hosts.host_content import host_content, host_images
from compose.stack import Stack


@dataclass(frozen=True, slots=True, kw_only=True)
class SyncedHost:
    """What was sent to one host: references of images, paths of files."""

    host: str
    images: tuple[str, ...]
    files: tuple[str, ...]


def sync_hosts(stack: Stack, console: Console, names: Collection[str]) -> list[SyncedHost]:
    """Send to the hosts that were added, or to those of ``names``, what they lack.

    Args:
        stack: the cluster.
        console: shows how far it is.
        names: of hosts; empty means all.
    """
    with changing(stack, "hosts.sync") as held:
        state = load_state(held.home)
        if not state.hosts:
            raise RefusedError("no host was added yet", "run: inv hosts.add NAME")
        with open_hosts(held.home, held.settings, list(names) or None) as engines:
            done = [_sync(held, console, state, each) for each in engines.values()]
        if any(each.files for each in done):
            console.note("run inv up: what runs there takes the new files")
        return done


def _sync(stack: Stack, console: Console, state: HostsState, engine: HostEngine) -> SyncedHost:
    with console.step(f"Comparing {engine.name}") as step:
        engine.check_control()
        images = engine.load_images(host_images(stack, engine.host), step)
        wanted = host_content(stack, state, engine.host)
        files = () if wanted is None else engine.ship(wanted)
        step.result = f"{len(images)} images and {len(files)} files differed" if images or files else "nothing differs"
    return SyncedHost(host=engine.name, images=tuple(images), files=files)
