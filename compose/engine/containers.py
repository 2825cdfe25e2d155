"""What Docker says of a cluster's containers, by Compose's labels. Reads, and removal of what an interruption left."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Protocol

from cluster.errors import MachineError
from cluster.waiting import attempts
from compose.render.compose_file import DEFINITION_LABEL

if TYPE_CHECKING:
    from docker import DockerClient

_PROJECT = "com.docker.compose.project"
_SERVICE = "com.docker.compose.service"
_ONE_OFF = "com.docker.compose.oneoff"
_GONE_SECONDS = 30.0
RESTORE = "-restore"
"""Suffix of a container's name: it restores for an operation that holds the lock, in place or into a copy."""
RETIRED = ("cadvisor",)
"""Services that are no more; decision 0025."""
_DIRECTORY = "com.docker.compose.project.working_dir"
EMPTY_LOG = "it said nothing"
"""The last words of a container whose log is empty."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Container:
    """One container as it is now. ``health`` is empty where there is no check; ``started`` is None unless running."""

    service: str
    name: str
    id: str
    status: str
    health: str
    exit_code: int
    restarts: int
    oom_killed: bool
    started: datetime | None
    definition: str
    one_off: bool
    directory: str
    pid: int = 0
    """Its first process, as the engine's host counts; 0 unless running."""
    published: frozenset[tuple[str, int]] = frozenset()
    """Addresses and ports of this host that lead into it."""

    @property
    def well(self) -> bool:
        """Running, and healthy if anyone checks."""
        return self.status == "running" and self.health in ("", "healthy")


def one_off_labels(project: str) -> dict[str, str]:
    """Labels of a container that `up` may remove when it finds it left over."""
    return {_PROJECT: project, _SERVICE: "trial", _ONE_OFF: "True"}


def of_project(client: "DockerClient", project: str) -> list[Container]:
    """All containers of a Compose project, running or not."""
    found = client.api.containers(all=True, filters={"label": f"{_PROJECT}={project}"})
    return [made for row in found if (made := _inspect(client, row["Id"])) is not None]


def _inspect(client: "DockerClient", container_id: str) -> Container | None:
    from docker.errors import NotFound

    try:
        raw: dict[str, Any] = client.api.inspect_container(container_id)
    except NotFound:  # it ended between the list and the look
        return None
    return made_of(raw)


def made_of(raw: Mapping[str, Any]) -> Container:
    """Of what `docker inspect` says."""
    state, labels = raw["State"], raw["Config"]["Labels"]
    return Container(
        service=labels.get(_SERVICE, ""),
        name=raw["Name"].lstrip("/"),
        id=raw["Id"],
        status=state["Status"],
        health=(state.get("Health") or {}).get("Status", ""),
        exit_code=state["ExitCode"],
        restarts=raw.get("RestartCount", 0),
        oom_killed=state["OOMKilled"],
        started=_moment(state["StartedAt"]) if state["Running"] else None,
        definition=labels.get(DEFINITION_LABEL, ""),
        one_off=labels.get(_ONE_OFF) == "True",
        directory=labels.get(_DIRECTORY, ""),
        pid=state.get("Pid", 0),
        published=_published(raw),
    )


def _published(raw: Mapping[str, Any]) -> frozenset[tuple[str, int]]:
    bound = (raw.get("HostConfig") or {}).get("PortBindings") or {}
    rows = [row for rows in bound.values() for row in rows or ()]
    return frozenset((row["HostIp"] or "0.0.0.0", int(row["HostPort"])) for row in rows if row["HostPort"])  # noqa: S104 - compared


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text[:19]).replace(tzinfo=UTC)


class ContainerReader(Protocol):
    """Whoever can read the containers of one cluster."""

    def containers(self) -> dict[str, Container]:
        """Its lasting containers by service.

        Raises:
            MachineError: the engine does not answer.
        """

    def last_log_line(self, container: Container) -> str:
        """The last thing a container said that explains its state."""


@dataclass(frozen=True, slots=True)
class SdkReader:
    """Reads through the Docker SDK: any engine, also one of another host."""

    client: "DockerClient"
    project: str

    def containers(self) -> dict[str, Container]:
        """Its lasting containers by service."""
        return {c.service: c for c in of_project(self.client, self.project) if not c.one_off}

    def last_log_line(self, container: Container) -> str:
        """The last thing a container said that explains its state."""
        return last_log_line(self.client, container)


def remove_leftovers(client: "DockerClient", containers: list[Container]) -> list[str]:
    """Remove one-off containers that an interrupted operation left (clones, inits); return their names."""
    leftovers = [c for c in containers if c.one_off and not _goes_on(c)]
    return [container.name for container in leftovers if _remove(client, container.id)]


def remove_called(client: "DockerClient", containers: list[Container], names: Collection[str]) -> None:
    """Remove one-off containers of these names, whatever they are at."""
    for container in containers:
        if container.one_off and container.name in names:
            _remove(client, container.id)


def remove_services(client: "DockerClient", containers: list[Container], services: Collection[str]) -> list[str]:
    """Remove the containers of services that shall not be; return their names."""
    retired = [c for c in containers if c.service in services and not c.one_off]
    return [container.name for container in retired if _remove(client, container.id)]


def _goes_on(container: Container) -> bool:
    """What holds no lock and may run as long as it likes: psql, and a restore into a directory of the user's own."""
    restores = container.service in ("backup", "sandbox")
    return container.service == "psql" or (restores and not container.name.endswith(RESTORE))


def _remove(client: "DockerClient", container_id: str) -> bool:
    """Remove a container and wait until it is gone; False if somebody else did. Its own --rm may be at it already."""
    from docker.errors import APIError, NotFound

    for left in attempts(_GONE_SECONDS, pause=0.1):
        try:
            client.api.remove_container(container_id, force=True)
        except NotFound:
            return False
        except APIError as error:
            if error.status_code != 409 or not left:
                raise MachineError(
                    f"the container {container_id[:12]} cannot be removed: {error.explanation}"
                ) from None
        else:
            return True
    return False


def mounted_inode(client: "DockerClient", container: Container, path: str) -> tuple[int, int] | None:
    """Device and inode of what a running container has at ``path``; None where it does not say."""
    from docker.errors import APIError

    try:
        made = client.api.exec_create(container.id, ["stat", "-c", "%d %i", path], stderr=False)
        device, inode = client.api.exec_start(made["Id"]).split()
        return int(device), int(inode)
    except (APIError, ValueError):
        return None


def send_signal(client: "DockerClient", container_id: str, name: str) -> None:
    """Signal a container's first process from within: HUP, USR1, whatever does not end it.

    To the engine a signal of its own is a stop by a person, whichever it is: it would start that container again
    neither when its process dies nor when its machine comes back, until somebody starts it.

    Raises:
        MachineError: the signal was not sent.
    """
    made = client.api.exec_create(container_id, ["sh", "-c", f"kill -s {name} 1"])
    words = client.api.exec_start(made["Id"]).decode(errors="replace").strip()
    if client.api.exec_inspect(made["Id"])["ExitCode"]:
        raise MachineError(f"a container could not be signalled: {words}", "run: inv up")


def remove_all(client: "DockerClient", containers: list[Container]) -> None:
    """Remove the containers, running or not."""
    for container in containers:
        _remove(client, container.id)


def last_log_line(client: "DockerClient", container: Container) -> str:
    """The last thing a container said that explains its state, for people: nothing may be decided by it.

    Strangers can write there, a name with a line break in it being enough; so it is kept from bending a terminal.
    """
    return explaining_line(client.api.logs(container.id, tail=40).decode(errors="replace"))


def explaining_line(text: str) -> str:
    """Of the end of a log: the last line that says what went wrong, else the last, printable."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    telling = [
        line
        for line in lines
        if any(word in line for word in ("FATAL", "PANIC", "pods-node:", "pods-pooler:", "ERROR"))
    ]
    last = (telling or lines or [EMPTY_LOG])[-1]
    return "".join(letter if letter.isprintable() else "?" for letter in last)
