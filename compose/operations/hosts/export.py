"""`inv hosts.export`: the cluster as manifests of CloudNativePG. What it writes is in a directory of the user's."""

import os
from dataclasses import dataclass
from pathlib import Path

from cluster.config.docker_hosts import NODE_PORT
from cluster.config.validators import on_loopback
from cluster.endpoints import client_host
from cluster.errors import MachineError, RefusedError, UsageError
from cluster.postgres.connection import connect, fetch_all
from cluster.postgres.parameter_file import parameters
from cluster.sizing import derive
from cluster.units import parse_size
from compose.home.rendered_files import accepted_user_files
from compose.render.kubernetes.manifests import ExportRequest, manifest_text, manifests
from compose.render.kubernetes.operator_parameters import pooler_parameters, preloaded, server_parameters
from compose.render.kubernetes.secrets_script import secrets_script
from compose.render.pgbouncer_ini import pgbouncer_ini
from compose.render.postgresql_conf import postgresql_conf
from compose.render.server_parameters import USER_PARAMETERS
from compose.stack import Stack

LEAST_STORAGE = 10 << 30
"""Bytes."""
_PORT_LIMIT = 65536


@dataclass(frozen=True, slots=True)
class ExportOptions:
    """What the user chose: the directory, where the primary is reached from there, disk, image, instances."""

    directory: str
    source: str = ""
    storage: str = ""
    image: str = ""
    instances: int = 3


def export_manifests(stack: Stack, options: ExportOptions) -> list[Path]:
    """Write the manifests, and the script that makes the secrets they name; return the files.

    Raises:
        UsageError, RefusedError: nothing is written.
    """
    directory = _directory(options.directory)
    if not 1 <= options.instances <= 30:
        raise UsageError(f"--instances {options.instances} is not possible", "give a number from 1 to 30")
    request = _request(stack, options)
    texts = {name: manifest_text(objects) for name, objects in manifests(stack.settings, request).items()}
    texts["secrets.sh"] = secrets_script(stack.settings)
    directory.mkdir(parents=True, exist_ok=True)
    written = []
    for name, text in texts.items():
        path = directory / name
        path.write_text(text, encoding="utf-8")
        if path.suffix == ".sh":
            path.chmod(0o755)
        written.append(path)
    return written


def _directory(text: str) -> Path:
    if not text:
        raise UsageError("no directory was given", "inv hosts.export --cnpg DIRECTORY, an empty or a new one")
    path = Path(os.path.abspath(text))  # noqa: PTH100 - a link stays one
    if path.is_symlink() or (path.exists() and not path.is_dir()):
        raise UsageError(f"{path} is no directory", "name an empty or a new one")
    if path.is_dir() and any(path.iterdir()):
        raise RefusedError(f"{path} is not empty", "name an empty or a new one: nothing of yours is overwritten")
    return path


def _request(stack: Stack, options: ExportOptions) -> ExportRequest:
    settings, topology = stack.settings, stack.topology
    derived = derive(settings, topology.sizing)
    user = accepted_user_files(stack.home, topology.primary)
    text = postgresql_conf(settings, topology, derived, topology.primary)
    ours = parameters(text, {USER_PARAMETERS: user.parameters})
    host, port = _source(stack, options.source)
    hba = tuple(line for each in user.hba.splitlines() if (line := each.partition("#")[0].strip()))
    return ExportRequest(
        host=host,
        port=port,
        storage=_storage(stack, options.storage),
        image=options.image,
        instances=options.instances,
        parameters=server_parameters(ours),
        libraries=tuple(preloaded(ours)),
        pooler=pooler_parameters(pgbouncer_ini(settings, topology, derived)),
        hba=hba,
    )


def _source(stack: Stack, text: str) -> tuple[str, int]:
    """Where Kubernetes reaches the primary: in engine patroni whichever host has it, by a list."""
    settings, topology = stack.settings, stack.topology
    if text:
        host, colon, port = text.rpartition(":")
        host, port = (host, port) if colon else (text, str(settings.primary_port))
        if not host.isprintable() or not host.strip() or not port.isdigit() or not 0 < int(port) < _PORT_LIMIT:
            raise UsageError(f"--source {text!r} is no address", "write HOST or HOST:PORT")
        return host, int(port)
    if topology.engine == "patroni":
        return ",".join(host.address for host in settings.hosts.with_role("node")), NODE_PORT
    if on_loopback(settings.bind):
        raise UsageError(
            f"PODS_BIND={settings.bind}: from Kubernetes nobody reaches the primary there",
            "set PODS_BIND to an address that it reaches, or name one: --source HOST:PORT",
        )
    return client_host(settings), settings.primary_port


def _storage(stack: Stack, text: str) -> int:
    """Twice what all databases take now, where nothing was given."""
    if text:
        try:
            return max(parse_size(text), 1 << 30)
        except ValueError as error:
            raise UsageError(f"--storage {text!r} is no size", str(error)) from None
    try:
        with connect(stack.monitor(stack.topology.primary)) as connection:
            rows = fetch_all(connection, "metrics_sizes", lambda size_bytes, **_: int(size_bytes or 0))
    except MachineError as fault:
        raise RefusedError(
            f"how large the data is is not known: {fault.message}", "give the disk it shall have: --storage 50GB"
        ) from None
    return max(LEAST_STORAGE, 2 * sum(rows))
