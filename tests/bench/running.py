"""A cluster to measure, gone afterwards."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.fix_inv import Inv
from tests.fix_stack import Cluster, new_project, write_env


@contextmanager
def running(**settings: str) -> Iterator[Cluster]:
    """A new cluster with ``settings``, up."""
    with tempfile.TemporaryDirectory(prefix="pods-bench-") as directory:
        home = Path(directory)
        write_env(home, new_project("bench"), **settings)
        inv = Inv(home)
        try:
            inv.ok("up", timeout=900)
            yield Cluster(inv)
        finally:
            inv("down", "--purge", "--yes")
