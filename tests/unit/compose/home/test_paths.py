import os
from pathlib import Path

import pytest

from compose.home.paths import SERVICE_UID, Home, service_user

HOME = Home(Path("/srv/pods"))


def test_everything_of_a_cluster_is_below_its_home() -> None:
    paths = [getattr(HOME, name) for name, kind in vars(Home).items() if isinstance(kind, property)]
    assert len(paths) > 8
    assert all(path.is_relative_to(HOME.path) for path in paths)
    assert len(set(paths)) == len(paths)


def test_the_topology_and_its_copy_are_in_different_directories() -> None:
    assert HOME.topology == Path("/srv/pods/data/topology.json")
    assert HOME.topology_copy.parent != HOME.topology.parent


def test_a_node_s_data_has_the_node_s_name() -> None:
    assert HOME.node("replica1") == Path("/srv/pods/data/replica1")


def test_what_is_put_aside_can_be_no_node() -> None:
    assert HOME.aside.parent == HOME.data
    assert HOME.aside.name.startswith(".")
    assert HOME.lock.name.startswith(".")


def test_root_runs_services_as_the_image_s_user_and_anybody_else_as_themselves(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    assert service_user() == (SERVICE_UID, SERVICE_UID)
    monkeypatch.setattr(os, "geteuid", lambda: 1234)
    monkeypatch.setattr(os, "getegid", lambda: 2345)
    assert service_user() == (1234, 2345)
