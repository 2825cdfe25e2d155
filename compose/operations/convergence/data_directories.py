"""Data directories: made, initialised once in the life of a cluster, and what it is known by recorded."""

import time
from collections.abc import Iterator
from dataclasses import replace

from cluster.endpoints import POOLER
from cluster.postgres.data_directory import DataDirectory, read_data_directory
from cluster.topology import Topology
from cluster.topology_file import save
from compose.console import Progress
from compose.home.kept_logs import delete_old
from compose.home.passwords import SUPERUSER
from compose.home.paths import make_log_directories, make_private_directory, make_service_directories
from compose.home.store_directory import make_store_directory
from compose.operations.apply_topology import write_files
from compose.operations.convergence.state import Convergence
from compose.operations.steps import Step


def make_directories(run: Convergence) -> Iterator[Step]:
    """Private directories of nodes and of services with data."""

    def make(_: Progress) -> None:
        for name in run.stack.topology.local_names:
            make_private_directory(run.stack.home.node(name))
        make_log_directories(run.stack.home, [*run.stack.topology.local_names, POOLER])
        make_service_directories(run.stack.home, run.stack.optional_services)
        make_store_directory(run.stack.home, run.stack.settings)
        delete_old(run.stack.home, run.stack.settings, time.time())

    yield Step("Making directories", make, quiet=True)


def initialise(run: Convergence) -> Iterator[Step]:
    """Only a cluster that never had data is initialised; preflight refused every other empty primary."""
    directory = run.stack.home.node(run.primary)

    def init(step: Progress) -> None:
        run.stack.compose.job(run.primary, ["init"], step, stdin=run.stack.passwords[SUPERUSER])

    def record(_: Progress) -> None:
        made = read_data_directory(directory)
        assert made is not None
        newest = newest_timeline(run.stack.topology, made)
        topology = replace(run.stack.topology, system_identifier=made.system_identifier, timeline=newest)
        save(run.stack.home.topology, run.stack.home.topology_copy, topology)
        run.stack = run.stack.with_topology(topology)
        write_files(run.stack, topology)

    data, topology = run.data[run.primary], run.stack.topology
    if data is None:
        yield Step(f"Making the first data directory in {directory}", init)
    known = newest_timeline(topology, data) == topology.timeline if isinstance(data, DataDirectory) else True
    if not topology.system_identifier or not known:
        yield Step("Recording the system identifier and the timeline", record, quiet=True)


def newest_timeline(topology: Topology, data: DataDirectory) -> int:
    """The timeline that a primary of this cluster has begun last: what the topology knows, or its data shows."""
    return topology.timeline if data.standby or data.recovering else max(topology.timeline, data.timeline)
