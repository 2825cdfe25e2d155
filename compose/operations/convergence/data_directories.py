"""Data directories: made, initialised once in the life of a cluster, and its system identifier recorded."""

from collections.abc import Iterator
from dataclasses import replace

from cluster.postgres.data_directory import read_data_directory
from cluster.topology_file import save
from compose.console import Progress
from compose.home.passwords import SUPERUSER
from compose.home.paths import make_private_directory, make_service_directories
from compose.home.store_directory import make_store_directory
from compose.operations.convergence.state import Convergence
from compose.operations.steps import Step


def make_directories(run: Convergence) -> Iterator[Step]:
    """Private directories of nodes and of services with data."""

    def make(_: Progress) -> None:
        for name in run.stack.topology.names:
            make_private_directory(run.stack.home.node(name))
        make_service_directories(run.stack.home, run.stack.optional_services)
        make_store_directory(run.stack.home, run.stack.settings)

    yield Step("Making directories", make, quiet=True)


def initialise(run: Convergence) -> Iterator[Step]:
    """Only a cluster that never had data is initialised; preflight refused every other empty primary."""
    directory = run.stack.home.node(run.primary)

    def init(step: Progress) -> None:
        run.stack.compose.job(run.primary, ["init"], step, stdin=run.stack.passwords[SUPERUSER])

    def record(_: Progress) -> None:
        made = read_data_directory(directory)
        assert made is not None
        topology = replace(run.stack.topology, system_identifier=made.system_identifier)
        save(run.stack.home.topology, run.stack.home.topology_copy, topology)
        run.stack = run.stack.with_topology(topology)

    if run.data[run.primary] is None:
        yield Step(f"Making the first data directory in {directory}", init)
    if not run.stack.topology.system_identifier:
        yield Step("Recording the system identifier", record, quiet=True)
