"""Where a replica's container and data are, and what is done with them there: here, or on another Docker host.

What a replica is to the cluster (its slot, its pools, its state) is the same wherever it is: membership.py.
"""

from pathlib import Path
from typing import Protocol

from cluster.errors import RefusedError, TimedOutError
from cluster.postgres.data_directory import holds_data, read_data_directory
from compose.console import Progress
from compose.home import node_data
from compose.home.paths import make_log_directories, make_private_directory
from compose.operations.replicas.clone import (
    CloneSource,
    aside_path,
    check_room,
    move_data,
    remove_container,
    run_clone,
)
from compose.operations.start import start_and_wait, why_not
from compose.stack import Stack


class NodeSite(Protocol):
    """One replica's. ``stack`` is the cluster as it is by then; what is missing already is no error."""

    def check_new(self, stack: Stack) -> None:
        """Refuse to make a replica where there is data already."""

    def check_room(self, stack: Stack) -> None:
        """Refuse a clone that does not fit."""

    def make(self, stack: Stack, step: Progress) -> None:
        """Directories, and files; the topology has the replica."""

    def unmake(self, stack: Stack) -> None:
        """What `make` made, if nobody put anything there."""

    def holds_replica(self, stack: Stack) -> bool:
        """Whether there is whole data of a standby of this cluster."""

    def clone(self, stack: Stack, step: Progress, source: CloneSource) -> None:
        """Copy the data from ``source``, from where the slot begins."""

    def delete_clone(self, stack: Stack) -> None:
        """Remove the data, whole or not."""

    def start(self, stack: Stack, step: Progress) -> None:
        """Start it, and wait until it streams.

        Raises:
            TimedOutError: it does not; says why.
        """

    def start_again(self, stack: Stack) -> None:
        """Start it, and do not wait."""

    def stop(self, stack: Stack, step: Progress | None = None) -> None:
        """Stop it, and remove its container."""

    def set_aside(self, stack: Stack) -> str:
        """Move the data of a stopped replica aside; where it is kept, "" where there is none."""

    def put_back(self, stack: Stack) -> None:
        """What was set aside is its data again."""

    def delete(self, stack: Stack) -> str:
        """Delete the data of a stopped replica; what stays, in words."""


class LocalSite:
    """On this engine, below the cluster's home."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._kept: Path | None = None

    def check_new(self, stack: Stack) -> None:
        """Refuse to make a replica where there is data already."""
        directory = stack.home.node(self._name)
        if holds_data(directory):
            raise RefusedError(f"{directory} holds data already", "move it away, or choose another name")

    def check_room(self, stack: Stack) -> None:
        """Refuse a clone that does not fit."""
        check_room(stack, self._name)

    def make(self, stack: Stack, _: Progress) -> None:
        """Directories; Compose finds its files here."""
        make_private_directory(stack.home.node(self._name))
        make_log_directories(stack.home, [self._name])

    def unmake(self, stack: Stack) -> None:
        """The directory, if it is empty."""
        node_data.remove_empty(stack.home.node(self._name))

    def holds_replica(self, stack: Stack) -> bool:
        """Whether there is whole data of a standby of this cluster."""
        try:
            data = read_data_directory(stack.home.node(self._name))
        except ValueError:
            return False
        return data is not None and data.standby and data.system_identifier == stack.topology.system_identifier

    def clone(self, stack: Stack, step: Progress, source: CloneSource) -> None:
        """Copy the data from ``source``."""
        run_clone(stack, step, self._name, source)

    def delete_clone(self, stack: Stack) -> None:
        """Remove the data, whole or not."""
        node_data.remove_contents(stack.home.node(self._name))

    def start(self, stack: Stack, step: Progress) -> None:
        """Start it, and wait until it streams."""
        if start_and_wait(stack, step, [self._name]):
            raise does_not_stream(self._name, why_not(stack, self._name), f"see inv logs --service {self._name}")

    def start_again(self, stack: Stack) -> None:
        """Start it, and do not wait."""
        stack.compose.run("up", "--detach", "--no-deps", self._name)

    def stop(self, stack: Stack, step: Progress | None = None) -> None:
        """Stop it, and remove its container."""
        remove_container(stack, self._name, step)

    def set_aside(self, stack: Stack) -> str:
        """Move the data aside."""
        directory = stack.home.node(self._name)
        if not node_data.present(directory):
            return ""
        self._kept = aside_path(stack, directory)
        move_data(stack, self._name, self._kept)
        return str(self._kept)

    def put_back(self, stack: Stack) -> None:
        """What was set aside is its data again."""
        if self._kept is not None:
            node_data.put_back(self._kept, stack.home.node(self._name))

    def delete(self, stack: Stack) -> str:
        """Delete the data."""
        stays = node_data.remove_server(stack.home.node(self._name))
        return f"emptied, as a mount point or a link of yours: {', '.join(map(str, stays))}" if stays else ""


def does_not_stream(name: str, why: str, hint: str) -> TimedOutError:
    """The error of a replica that was started in vain."""
    return TimedOutError(f"{name} does not stream: {why}", hint)
