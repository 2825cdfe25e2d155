"""What `inv connect` prints leads where it says, run as printed by drivers that are here; more: `nox -s drivers`."""

from pathlib import Path

import pytest

from tests.fix_connect import HERE, runs
from tests.fix_declared import Platform

FILE = """
[databases.night-till]
owner = "cashier"

[roles.auditor]
read = ["night-till"]
"""


@pytest.fixture(scope="module")
def till(declared_cluster: Platform) -> Platform:
    """The cluster with a database of its own, and somebody who reads it."""
    declared_cluster.write(FILE)
    declared_cluster.inv.ok("config.apply")
    return declared_cluster


@pytest.mark.parametrize("form", HERE)
def test_a_form_runs_as_it_is_printed(till: Platform, form: str, tmp_path: Path) -> None:
    runs(till, form, tmp_path, "night-till", role="cashier")


def test_so_does_that_of_a_role_that_reads_and_that_of_the_application(till: Platform, tmp_path: Path) -> None:
    runs(till, "asyncpg", tmp_path, "night-till", "--role", "auditor", role="auditor")
    runs(till, "psql", tmp_path)


def test_who_may_not_enter_is_named_with_those_who_may(till: Platform) -> None:
    refused = till.inv("connect", "night-till", "--role", "app")
    assert refused.code == 1
    assert "these log in to it: cashier, auditor" in refused.err
