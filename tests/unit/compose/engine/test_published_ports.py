"""Containers that listen elsewhere than they shall, and who is in whose way."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from compose.engine.containers import Container
from compose.engine.published_ports import (
    listens_elsewhere,
    obstructs,
    present_endpoints,
    wanted_endpoint,
)
from tests.fix_settings import settings_of, topology_of
from tests.unit.compose.container_samples import container

ADDRESSES = ("127.0.0.1", "0.0.0.0", "192.0.2.2")
SETTINGS = settings_of(replicas="1")
TOPOLOGY = topology_of(SETTINGS)


def _container(service: str, *published: tuple[str, int]) -> Container:
    return container(service, published=frozenset(published))


@pytest.mark.parametrize(
    ("service", "published", "elsewhere"),
    [
        ("haproxy", ("127.0.0.1", 5440), False),
        ("primary", ("127.0.0.1", 5440), True),  # as in a cluster of before
        ("haproxy", ("192.0.2.2", 5440), True),
        ("haproxy", ("127.0.0.1", 5441), True),
        ("pgbouncer", ("0.0.0.0", 6432), True),
        ("health", ("127.0.0.1", 8080), False),
        ("health", ("127.0.0.1", 8081), True),
        ("gate", ("127.0.0.1", 8080), False),  # it has no port by the settings
    ],
)
def test_a_container_listens_elsewhere_until_it_is_made_anew(
    service: str, published: tuple[str, int], *, elsewhere: bool
) -> None:
    assert listens_elsewhere(SETTINGS, TOPOLOGY, _container(service, published)) is elsewhere


def test_a_container_without_ports_is_not_elsewhere() -> None:
    assert not listens_elsewhere(SETTINGS, TOPOLOGY, _container("primary"))


@given(st.sampled_from(ADDRESSES), st.sampled_from(ADDRESSES), st.sampled_from(["primary", "replica1", "pgbouncer"]))
def test_every_change_of_the_address_is_seen_and_the_old_one_known(before: str, after: str, service: str) -> None:
    old, new = settings_of(bind=before, replicas="1"), settings_of(bind=after, replicas="1")
    was = wanted_endpoint(old, TOPOLOGY, service)
    assert was is not None
    found = present_endpoints(new, TOPOLOGY, [_container(service, was)])
    reached = "127.0.0.1" if before == "0.0.0.0" else before
    assert found == ({service: (reached, was[1])} if before != after else {})


def test_one_off_containers_are_nobody_s_address() -> None:
    assert not present_endpoints(SETTINGS, TOPOLOGY, [replace(_container("primary", ("::", 1)), one_off=True)])


@given(st.sampled_from(ADDRESSES), st.sampled_from(ADDRESSES), st.integers(1, 2), st.integers(1, 2))
def test_who_is_in_whose_way_is_mutual(one: str, other: str, port: int, taken: int) -> None:
    there, back = (
        obstructs((one, port), _container("a", (other, taken))),
        obstructs((other, taken), _container("a", (one, port))),
    )
    assert there == back
    assert there == (port == taken and (one == other or "0.0.0.0" in (one, other)))
